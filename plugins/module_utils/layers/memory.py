# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes what the cluster remembers of a layer: the parent of its apply set and its revisions. I/O only."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import APPLY_PATCH, Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.if_there import delete_if_there, get_if_there
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.timestamps import rfc3339
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER, Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import (
    REVISION,
    SUM,
    Parent,
    parent_body,
    read_parent,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import (
    Body,
    Revision,
    number_of,
    read_revision,
    revision_body,
    revision_name,
    sum_of,
    surplus,
)

MANAGER = "gpu_cluster.hardening.layers"
CONFLICT_TRIES = 5
NOTES = "notes.json.gz"
SELF_PATH = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def look(client: Client, layer: Layer) -> Parent:
    """The parent as it is; empty if there is none."""
    return read_parent(layer, get_if_there(client, _path(layer, layer.parent_name)))


def grow(client: Client, layer: Layer, needs: Callable[[Parent], Parent]) -> Parent:
    """Let the parent know what is about to be applied, whoever else writes it meanwhile.

    Raises:
        ApiError: it cannot be written.
    """
    for _attempt in range(CONFLICT_TRIES):
        now = look(client, layer)
        wanted = needs(now)
        if now.version and wanted.says_as(now):
            return now
        try:
            return _write_parent(client, layer, wanted)
        except ApiError as error:
            if error.status != 409:
                raise
    raise ApiError(409, "Conflict", f"{layer.parent_name} is being changed by somebody else all the time. Run again.")


def settle(client: Client, layer: Layer, final: Parent) -> bool:
    """Let the parent say what it holds now. Returns False if somebody else changed it, whose run then says so."""
    try:
        _write_parent(client, layer, final)
    except ApiError as error:
        if error.status != 409:
            raise
        return False
    return True


def record(client: Client, layer: Layer, current: int, bodies: Sequence[Body], note: str) -> int:
    """Keep a revision before it is applied; returns its number.

    One that an interrupted run has kept already is taken as it is.
    """
    numbers = {number_of(item): item for item in _revisions(client, layer)}
    newest = max([*numbers, current])
    if newest > current and _holds(numbers.get(newest), bodies):
        return newest
    who = _who(client)
    for number in range(newest + 1, newest + 1 + CONFLICT_TRIES):
        body = revision_body(layer, number, bodies, rfc3339(), who, note)
        try:
            client.request("POST", _path(layer), {"fieldManager": MANAGER, "fieldValidation": "Strict"}, body)
            return number
        except ApiError as error:
            if error.status == 404:
                _make_namespace(client, layer)
            elif error.status != 409:
                raise
            elif _holds(get_if_there(client, _path(layer, revision_name(layer, number))), bodies):
                # Ours, whose answer was lost, or another run's that wants the same.
                return number
    raise ApiError(409, "Conflict", f"somebody else records revisions of {layer.name} all the time. Run again.")


@dataclass(frozen=True)
class Notes:
    """What else a layer remembers: any JSON document.

    Attributes:
        version: resourceVersion of the object it is kept in; empty if there is none.
    """

    document: object
    version: str = ""


def read_notes(client: Client, layer: Layer) -> Notes:
    """The notes of a layer; None if there are none, or what is there is not ours to read."""
    live = get_if_there(client, _path(layer, f"{layer.parent_name}-notes"))
    if live is None:
        return Notes(None)
    packed = (live.get("binaryData") or {}).get(NOTES, "")
    try:
        document = json.loads(gzip.decompress(base64.b64decode(packed)))
    except (ValueError, OSError, EOFError):
        document = None
    return Notes(document, str(live["metadata"].get("resourceVersion", "")))


def write_notes(client: Client, layer: Layer, change: Callable[[object], object]) -> None:
    """Change the notes of a layer, whoever else writes them meanwhile.

    Raises:
        ApiError: they cannot be written.
    """
    path = _path(layer, f"{layer.parent_name}-notes")
    query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
    for _attempt in range(CONFLICT_TRIES):
        now = read_notes(client, layer)
        wanted = change(now.document)
        if now.version and wanted == now.document:
            return
        packed = gzip.compress(json.dumps(wanted, sort_keys=True, separators=(",", ":")).encode(), mtime=0)
        metadata: dict[str, Any] = {"name": f"{layer.parent_name}-notes", "namespace": layer.namespace}
        metadata["labels"] = {LAYER: layer.name}
        metadata |= {"resourceVersion": now.version} if now.version else {}
        data = {NOTES: base64.b64encode(packed).decode()}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": data}
        try:
            client.request("PATCH", path, query, body, APPLY_PATCH)
            return
        except ApiError as error:
            if error.status != 409:
                raise
    raise ApiError(409, "Conflict", f"the notes of {layer.name} are being changed all the time. Run again.")


def forget(client: Client, layer: Layer, current: int) -> None:
    """Delete revisions that are no longer kept."""
    for number in surplus([number_of(item) for item in _revisions(client, layer)], current):
        delete_if_there(client, _path(layer, revision_name(layer, number)))


def forget_all(client: Client, layer: Layer) -> None:
    """Delete all that is kept of a layer, its parent last."""
    for name in kept_names(client, layer):
        delete_if_there(client, _path(layer, name))


def revisions(client: Client, layer: Layer) -> list[Revision]:
    """All revisions that are kept, oldest first."""
    return sorted((read_revision(item) for item in _revisions(client, layer)), key=lambda revision: revision.number)


def layers(client: Client, namespace: str) -> list[tuple[Layer, Parent, str]]:
    """All layers that the cluster knows, with their parents and when they were first applied, in that order."""
    found = []
    for page in client.pages(f"/api/v1/namespaces/{namespace}/configmaps", {"labelSelector": f"{LAYER},!{REVISION}"}):
        for item in page.get("items", []):
            layer = Layer(item["metadata"]["labels"][LAYER], namespace)
            if item["metadata"]["name"] == layer.parent_name:
                found.append((layer, read_parent(layer, item), str(item["metadata"]["creationTimestamp"])))
    return sorted(found, key=lambda entry: (entry[2], entry[0].name))


def kept_names(client: Client, layer: Layer) -> list[str]:
    """Names of the ConfigMaps that are kept of a layer, its parent last."""
    pages = client.pages(_path(layer), {"labelSelector": f"{LAYER}={layer.name}"})
    names = [str(item["metadata"]["name"]) for page in pages for item in page.get("items", [])]
    return sorted(names, key=lambda name: (name == layer.parent_name, name))


def _revisions(client: Client, layer: Layer) -> list[dict[str, Any]]:
    query = {"labelSelector": f"{LAYER}={layer.name},{REVISION}"}
    return [item for page in client.pages(_path(layer), query) for item in page.get("items", [])]


def _holds(kept: Mapping[str, Any] | None, bodies: Sequence[Body]) -> bool:
    """Whether this ConfigMap is the revision of these members."""
    annotations = (kept or {}).get("metadata", {}).get("annotations") or {}
    return annotations.get(SUM) == sum_of(bodies)


def _write_parent(client: Client, layer: Layer, parent: Parent) -> Parent:
    query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
    path = _path(layer, layer.parent_name)
    body = parent_body(layer, parent)
    try:
        answer = client.request("PATCH", path, query, body, APPLY_PATCH).body
    except ApiError as error:
        if error.status != 404 or parent.version:
            raise
        _make_namespace(client, layer)
        answer = client.request("PATCH", path, query, body, APPLY_PATCH).body
    return read_parent(layer, answer)


def namespace_body(layer: Layer) -> dict[str, Any]:
    """The namespace of all parents. Nothing runs there, so nothing may."""
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": layer.namespace, "labels": {"app.kubernetes.io/managed-by": "ansible", **levels}},
    }


def _make_namespace(client: Client, layer: Layer) -> None:
    query = {"fieldManager": MANAGER, "force": "false", "fieldValidation": "Strict"}
    client.request("PATCH", f"/api/v1/namespaces/{layer.namespace}", query, namespace_body(layer), APPLY_PATCH)


def _path(layer: Layer, name: str = "") -> str:
    path = f"/api/v1/namespaces/{layer.namespace}/configmaps"
    return f"{path}/{name}" if name else path


def _who(client: Client) -> str:
    """The user that the API server takes us for; empty where it does not say."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = client.request("POST", SELF_PATH, None, review).body
    except ApiError:
        return ""
    return str(answer.get("status", {}).get("userInfo", {}).get("username", ""))
