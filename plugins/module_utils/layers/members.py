# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the members of a layer that are there: one LIST a kind, by the label of its apply set. I/O only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery, Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.if_there import get_if_there
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import Key
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import GroupKind

Members = dict[Key, tuple[Resource, dict[str, Any]]]


def resources_of(
    client: Client, discovery: Discovery, manifests: Iterable[Manifest], kinds: Iterable[GroupKind]
) -> list[Resource]:
    """How each kind is served, once: in the version of the manifests, or else in the one that the server prefers.

    A kind that is not served has no objects.
    """
    found: dict[GroupKind, Resource | None] = {}
    discovery.load({manifest.api_version for manifest in manifests})
    for manifest in manifests:
        kind = (manifest.group, manifest.kind)
        found[kind] = found.get(kind) or discovery.find(manifest.api_version, manifest.kind)
    for kind in sorted(set(kinds) - found.keys()):
        found[kind] = preferred(client, discovery, kind)
    return [resource for resource in found.values() if resource is not None]


def preferred(client: Client, discovery: Discovery, kind: GroupKind) -> Resource | None:
    """How the server prefers to serve a kind; None if it does not."""
    group, name = kind
    if not group:
        return discovery.find("v1", name)
    served = get_if_there(client, f"/apis/{group}")
    if served is None:
        return None
    first = served.get("preferredVersion", {}).get("groupVersion", "")
    versions = [first, *(str(version["groupVersion"]) for version in served.get("versions", []))]
    return next((found for version in versions if version and (found := discovery.find(version, name))), None)


def find_members(client: Client, layer: Layer, resources: Sequence[Resource], namespaces: Iterable[str]) -> Members:
    """Every object with the label of this layer, by group, kind, namespace and name.

    Where the user may not list a kind in the whole cluster, it is listed in each of ``namespaces``.
    """
    places = sorted(namespaces)
    found: Members = {}
    for items in client.map(lambda resource: list(_list(client, layer, resource, places)), resources):
        for resource, item in items:
            metadata = item["metadata"]
            found[resource.group, resource.kind, metadata.get("namespace"), metadata["name"]] = (resource, item)
    return found


def _list(
    client: Client, layer: Layer, resource: Resource, namespaces: Sequence[str]
) -> Iterator[tuple[Resource, dict[str, Any]]]:
    try:
        yield from _labelled(client, layer, resource, None)
    except ApiError as error:
        if error.status == 404:  # the kind went away meanwhile
            return
        if error.status != 403 or not resource.namespaced:
            raise
        for namespace in namespaces:
            yield from _labelled(client, layer, resource, namespace)


def _labelled(
    client: Client, layer: Layer, resource: Resource, namespace: str | None
) -> Iterator[tuple[Resource, dict[str, Any]]]:
    query = {"labelSelector": f"{PART_OF}={layer.set_id}"}
    for page in client.pages(resource.path(namespace), query):
        for item in page.get("items", []):
            # items of a List carry neither apiVersion nor kind
            yield resource, {"apiVersion": resource.api_version, "kind": resource.kind, **item}
