# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a user wrote to checked manifests. Pure: needs no server."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures


@dataclass(frozen=True)
class Manifest:
    """One object as it is wanted.

    Attributes:
        where: its place in the input, for messages: ``manifests[3]`` or ``manifests[3].items[0]``.
        body: what is sent: without nulls, a Secret's ``stringData`` moved to ``data``.
    """

    where: str
    api_version: str
    kind: str
    namespace: str | None
    name: str
    body: Mapping[str, Any]

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def full_name(self) -> str:
        """Its namespace and name: ``ml-training/training-config``."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def title(self) -> str:
        """How messages call it: ``ConfigMap ml-training/training-config``."""
        return f"{self.kind} {self.full_name}"


def parse_manifests(documents: Sequence[object]) -> list[Manifest]:
    """Check and normalise manifests; ``List`` kinds are expanded, empty documents (``---`` alone) skipped.

    Raises:
        HardeningError: names every malformed manifest and every identity that is used twice.
    """
    problems: list[str] = []
    manifests: list[Manifest] = []
    first: dict[tuple[str, str, str | None, str], str] = {}
    for where, document in _expand(documents):
        parsed = _parse_one(where, document)
        if isinstance(parsed, str):
            problems.append(parsed)
            continue
        identity = (parsed.group, parsed.kind, parsed.namespace, parsed.name)
        if identity in first:
            problems.append(f"{where} is {parsed.title}, and so is {first[identity]}; keep one of them")
        first.setdefault(identity, where)
        manifests.append(parsed)
    if problems:
        raise HardeningError(join_failures("Malformed manifests, nothing was changed", problems))
    return manifests


def _expand(documents: Sequence[object], where: str = "manifests") -> Iterator[tuple[str, object]]:
    for index, document in enumerate(documents):
        place = f"{where}[{index}]"
        items = document.get("items", 0) if _is_list(document) else 0
        if items is None or isinstance(items, list):
            yield from _expand([_item(item, document) for item in items or ()], f"{place}.items")
        elif document is not None:
            yield place, document


def _is_list(document: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a document is a ``List``, or one of a kind, such as ``RoleList``: what has a name is an object itself."""
    if not isinstance(document, Mapping) or not str(document.get("kind") or "").endswith("List"):
        return False
    metadata = document.get("metadata")
    return not (isinstance(metadata, Mapping) and (metadata.get("name") or metadata.get("generateName")))


def _item(item: object, document: object) -> object:
    """An item of a list of one kind may leave out what the list says."""
    if not isinstance(item, Mapping) or not isinstance(document, Mapping) or document.get("kind") == "List":
        return item
    return {"apiVersion": document.get("apiVersion"), "kind": str(document["kind"]).removesuffix("List"), **item}


def _parse_one(where: str, document: object) -> Manifest | str:
    """The manifest, or what is wrong with it."""
    if not isinstance(document, Mapping):
        # its text is not quoted: it may be a Secret
        return f"{where} is not a mapping but {type(document).__name__}; read YAML text with from_yaml_all"
    described = f"{where} ({document.get('kind') or 'no kind'})"
    for key in ("apiVersion", "kind"):
        if not isinstance(document.get(key), str) or not document[key]:
            return f"{described}: {key} is missing or not a string"
    if _is_list(document) and ("items" in document or "metadata" not in document):
        return f"{described}: items is missing or not a list"
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping):
        return f"{described}: metadata is missing or not a mapping"
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not isinstance(name, str) or not name:
        return f"{described}: metadata.name is missing or not a string (generateName cannot be applied repeatedly)"
    if "/" in name or name in {".", ".."}:
        return f"{described}: metadata.name {name!r} is not a valid name"
    if namespace is not None and (not isinstance(namespace, str) or not namespace or "/" in namespace):
        return f"{described} {name}: metadata.namespace {namespace!r} is not a valid namespace"
    bad_key = next(_keys_that_are_no_strings(document, ""), None)
    if bad_key is not None:
        return f"{described} {name}: the key {bad_key} is not a string; quote it"
    body = without_nulls(document)
    if document["kind"] == "Secret" and "stringData" in body:
        problem = _encode_string_data(body)
        if problem:
            return f"{described} {name}: {problem}"
    return Manifest(where, document["apiVersion"], document["kind"], namespace, name, body)


def _keys_that_are_no_strings(value: object, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if not isinstance(key, str):
                yield f"{path}.{key!r}".lstrip(".")
            yield from _keys_that_are_no_strings(child, f"{path}.{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _keys_that_are_no_strings(child, f"{path}[{index}]")


def without_nulls(value: Any) -> Any:
    """Copy a manifest without null fields: in YAML a key with nothing behind it means 'not set'."""
    if isinstance(value, Mapping):
        return {key: without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [without_nulls(child) for child in value]
    return value


def _encode_string_data(body: dict[str, Any]) -> str | None:
    """Do what the server does with ``stringData``, so that live and wanted state can be compared."""
    values = body.pop("stringData")
    if not isinstance(values, Mapping):
        return "stringData is not a mapping"
    if not isinstance(body.get("data", {}), Mapping):
        return "data is not a mapping"
    wrong = [key for key, value in values.items() if not isinstance(value, str)]
    if wrong:
        return f"stringData.{wrong[0]} is not a string; quote it"
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    body["data"] = {**body.get("data", {}), **encoded}
    return None
