# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One object to the server: rehearsed by dry run, applied, and its refusals explained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import APPLY_PATCH, Client, Response
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError

ECHO = re.compile(r", got |Invalid value:|in body|unmarshal|cannot parse|cannot convert")
SCRATCH_NAMESPACE = "default"  # exists in every cluster; only ever used with dryRun


@dataclass(frozen=True)
class Ownership:
    """Whose name fields are applied under, and whether fields that others own are taken from them."""

    manager: str
    force: bool = False


@dataclass(frozen=True)
class Rehearsal:
    """What the server says that an apply would do.

    Attributes:
        predicted: the object as it would be.
        verified: False if the server could not try it, as its namespace does not exist yet.
        namespace_missing: the namespace that has to be there first.
    """

    predicted: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    verified: bool = True
    namespace_missing: str | None = None


def apply_object(
    client: Client, manifest: Manifest, resource: Resource, ownership: Ownership, dry_run: bool = False
) -> Response:
    """Server-side apply of one manifest; the response is the whole object as it is (or would be) afterwards."""
    query = {
        "fieldManager": ownership.manager,
        "force": "true" if ownership.force else "false",
        "fieldValidation": "Strict",
    }
    if dry_run:
        query["dryRun"] = "All"
    path = resource.path(manifest.namespace, manifest.name)
    return client.request("PATCH", path, query, manifest.body, APPLY_PATCH)


def rehearse(client: Client, manifest: Manifest, resource: Resource, ownership: Ownership) -> Rehearsal:
    """Ask the server by dry run what applying would do.

    Raises:
        ApiError: the server would refuse it.
    """
    try:
        response = apply_object(client, manifest, resource, ownership, dry_run=True)
        return Rehearsal(response.body, response.warnings)
    except ApiError as error:
        if _does_not_support_dry_run(error):
            return Rehearsal(manifest.body, verified=False)
        if not is_missing_namespace(error, manifest):
            raise
    return rehearse_elsewhere(client, manifest, resource)


def rehearse_elsewhere(client: Client, manifest: Manifest, resource: Resource) -> Rehearsal:
    """Rehearse in the ``default`` namespace what is for a namespace that does not exist yet.

    Nothing can be tried there, and unknown fields and invalid values show here just as well.

    Raises:
        ApiError: the server would refuse it.
    """
    body = {**manifest.body, "metadata": {**manifest.body["metadata"], "namespace": SCRATCH_NAMESPACE}}
    query = {"fieldValidation": "Strict", "dryRun": "All"}
    try:
        client.request("POST", resource.path(SCRATCH_NAMESPACE), query, body)
    except ApiError as error:
        # Other refusals (a quota, an object of that name, missing rights) say nothing about the real namespace.
        if error.status in (400, 422) and not _does_not_support_dry_run(error):
            raise
    return Rehearsal(manifest.body, verified=False, namespace_missing=manifest.namespace)


def rehearse_anew(client: Client, manifest: Manifest, resource: Resource, ownership: Ownership) -> Rehearsal:
    """Rehearse an object that is to take the place of one of its name, under another name.

    Raises:
        ApiError: the server would refuse it.
    """
    name = f"{manifest.name[:50].rstrip('-.')}-anew"
    body = {**manifest.body, "metadata": {**manifest.body["metadata"], "name": name}}
    response = apply_object(client, replace(manifest, name=name, body=body), resource, ownership, dry_run=True)
    predicted = {**response.body, "metadata": {**response.body["metadata"], "name": manifest.name}}
    return Rehearsal(predicted, response.warnings)


def is_immutable(error: ApiError) -> bool:
    """Whether the server refused because what differs cannot be changed."""
    return error.status == 422 and "field is immutable" in error.message


def is_missing_namespace(error: ApiError, manifest: Manifest) -> bool:
    """Whether the server refused because the manifest's namespace does not exist."""
    return error.status == 404 and f'namespaces "{manifest.namespace}" not found' in error.message


def _does_not_support_dry_run(error: ApiError) -> bool:
    return error.status == 400 and "does not support dry run" in error.message


def explain(error: ApiError, manifest: Manifest, resource: Resource) -> str:
    """What a user should know and do about a refused apply or delete."""
    conflicts = [cause for cause in error.causes if cause.get("reason") == "FieldManagerConflict"]
    if conflicts:
        fields = "; ".join(
            f"field {cause.get('field', '?')} is owned by field manager {_owner(cause.get('message', ''))}"
            for cause in conflicts
        )
        return f"{fields}. Change it there, leave the field out here, or set force: true to take it over."
    if is_missing_namespace(error, manifest):
        return f"its namespace {manifest.namespace} does not exist. Create it first, or in the same call."
    if "because it is being terminated" in error.message:
        return f"its namespace {manifest.namespace} is being deleted. Wait until it is gone, then run again."
    if is_immutable(error):
        # The message quotes the whole field, twice.
        changed = dict.fromkeys(str(c.get("field")) for c in error.causes if "immutable" in str(c.get("message")))
        return (
            f"{', '.join(changed) or 'a field'} was changed, and that cannot be changed in place. Give it another "
            "name, or let it be replaced (replace), which deletes it and makes it anew."
        )
    if error.status == 403 and not error.reason:
        return f"forbidden: patch {resource.plural} is refused ({error.message})"
    return _without_echo(error.message, manifest)


def _owner(cause: str) -> str:
    owner = re.search(r'conflict with "([^"]*)"', cause)
    return f'"{owner.group(1)}"' if owner else cause


def _without_echo(message: str, manifest: Manifest) -> str:
    """A message about a Secret may quote what was sent; it is cut where it begins to."""
    if manifest.kind != "Secret":
        return message
    cut = ECHO.split(message)[0].strip()
    if any(value in cut for value in _values(manifest.body)):
        cut = "the server refused it"
    return f"{cut} (values not shown)"


def _values(body: Mapping[str, Any]) -> Iterator[str]:
    """Everything in a Secret that may be secret, as text."""
    rest: list[Any] = [value for key, value in body.items() if key not in {"apiVersion", "kind", "metadata", "type"}]
    while rest:
        value = rest.pop()
        if isinstance(value, Mapping):
            rest += value.values()
        elif isinstance(value, list):
            rest += value
        elif not isinstance(value, bool) and value != "":
            yield str(value)
