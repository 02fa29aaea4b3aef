# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a snapshot from files: what ``kubectl get -o yaml`` or ``-o json`` wrote, or the tree of a must-gather.

A file may hold lists, several documents, or single objects; what is no object of Kubernetes is passed over. A kind of
which there is nothing counts as not looked at, unless an empty list of it is there: a ``PodList``, or a ``List`` in a
file of the kind's plural, such as ``resourcequotas.yaml``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.safe_yaml import safe_loader
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.timestamps import rfc3339
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import (
    BY_NAME,
    KINDS,
    LAYERS,
    SERVER_VERSION,
    Kind,
    layer_records,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.slim import Slimmer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import (
    Json,
    Snapshot,
    in_order,
    key_of,
)

with suppress(ImportError):  # said below
    import yaml

_TEXTS = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
SUFFIXES = (".yaml", ".yml", ".json")


def take(folder: Path, parent_namespace: str) -> Snapshot:
    """Read a folder and all below it.

    Raises:
        HardeningError: there is no such folder, nothing in it, or a file in it cannot be read.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES) if folder.is_dir() else []
    if not files:
        raise HardeningError(
            f"{folder} is no folder with files of kubectl get -o yaml ({', '.join(SUFFIXES)}). docs/verify.md has the "
            "commands that write them."
        )
    slim = Slimmer()
    found: dict[str, dict[tuple[str, str], Json]] = {}
    version = ""
    for path in files:
        for document in _documents(path):
            # As "kubectl version -o json" has it.
            version = version or str((document.get("serverVersion") or {}).get("gitVersion") or "")
            for kind, item in _objects(document, path):
                seen = found.setdefault(kind.kind, {})
                if item is not None:
                    seen.setdefault(key_of(item), _slim(slim, kind, item, path))
    return _snapshot(found, parent_namespace, max(path.stat().st_mtime for path in files), version)


def _slim(slim: Slimmer, kind: Kind, item: Mapping[str, Any], path: Path) -> Json:
    try:
        return slim(kind, item)
    except (KeyError, TypeError, AttributeError):
        name = item["metadata"]["name"]
        raise HardeningError(
            f"{path}: the {kind.kind} {name} has another form than the API gives it. Write it anew, or take it out."
        ) from None


def _snapshot(found: dict[str, dict[tuple[str, str], Json]], home: str, newest: float, version: str) -> Snapshot:
    if not found:
        raise HardeningError("The folder has no object of any kind that is checked.")
    if "ConfigMap" in found:
        records, maps = layer_records(home), found["ConfigMap"]
        found[LAYERS] = {key: item for key, item in maps.items() if key[0] == home and records.has(item)}
    for name, items in found.items():
        if name in BY_NAME:
            found[name] = {key: item for key, item in items.items() if BY_NAME[name].has(item)}
    names = [*(kind.kind for kind in KINDS), LAYERS]
    unread = {name: f"the folder has no {_spell(name)}" for name in names if name not in found}
    if not version:
        unread[SERVER_VERSION] = "the folder does not tell the version of the API server"
    taken_at = rfc3339(newest)
    objects = {name: in_order(items) for name, items in found.items()}
    return Snapshot("folder", taken_at, objects, unread, version=version or None)


def _spell(name: str) -> str:
    return BY_NAME[name].plural if name in BY_NAME else "configmaps"


def _objects(document: Mapping[str, Any], path: Path) -> Iterator[tuple[Kind, Mapping[str, Any] | None]]:
    """Objects of a document with their kinds; None for the object where a list of the kind is empty."""
    items = document.get("items")
    if not isinstance(items, list):
        kind = _kind_of(document)
        if kind and _is_object(document):
            yield kind, document
        return
    listed = _kind_of({**document, "kind": str(document.get("kind", "")).removesuffix("List")})
    empty = listed or _kind_of_file(path)
    if empty and not items:
        yield empty, None
    for item in items:
        if isinstance(item, Mapping) and _is_object(item):
            # Items of a typed list have no kind of their own.
            own = _kind_of(item) if item.get("kind") else listed
            if own:
                yield own, item


def _documents(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        documents = [json.loads(text)] if path.suffix == ".json" and text.strip() else _of_yaml(text)
    except OSError as error:
        raise HardeningError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise HardeningError(f"{path} is neither YAML nor JSON as kubectl writes it: {error}.") from None
    for document in documents:
        if isinstance(document, Mapping):
            yield document


def _of_yaml(text: str) -> list[Any]:
    try:
        loader = _untyped(safe_loader())
    except NameError:
        raise HardeningError("Reading YAML takes PyYAML: pip install pyyaml.") from None
    try:
        return list(yaml.load_all(text, loader))
    except yaml.YAMLError as error:
        # Without its text, which may quote what is secret.
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"line {mark.line + 1} cannot be read" if mark else "it cannot be read") from None


def _untyped(loader: Any) -> Any:
    """A loader that leaves times and ``=`` as text, as JSON has them; kubectl writes these without quotes."""

    class Loader(loader):  # type: ignore[misc]
        """With resolvers of its own."""

    Loader.yaml_implicit_resolvers = {
        first: [entry for entry in entries if entry[0] not in _TEXTS]
        for first, entries in loader.yaml_implicit_resolvers.items()
    }
    return Loader


def _kind_of(item: Mapping[str, Any]) -> Kind | None:
    kind = BY_NAME.get(str(item.get("kind", "")))
    return kind if kind and str(item.get("apiVersion", "")).rpartition("/")[0] == kind.group else None


def _kind_of_file(path: Path) -> Kind | None:
    stem = path.stem.partition(".")[0].lower()
    return next((kind for kind in KINDS if stem in (kind.plural, kind.kind.lower())), None)


def _is_object(item: Mapping[str, Any]) -> bool:
    metadata = item.get("metadata")
    return isinstance(metadata, Mapping) and isinstance(metadata.get("name"), str)
