# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what the server holds of many objects with few requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.if_there import get_if_there
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError

LIST_FROM = 3  # as many objects of one kind in one namespace are cheaper to LIST than to GET one by one

Target = tuple[Manifest, Resource]
Key: TypeAlias = "tuple[str, str, str | None, str]"


def live_key(manifest: Manifest) -> Key:
    """What a live object is found by: group, kind, namespace, name."""
    return (manifest.group, manifest.kind, manifest.namespace, manifest.name)


def read_live(client: Client, targets: Iterable[Target]) -> dict[Key, dict[str, Any]]:
    """Live objects of these manifests, by :func:`live_key`; what does not exist is absent.

    One LIST for each kind and namespace (paged), or a GET each where there are only one or two. Where the user may not
    list a kind, its objects are read one by one.
    """

    def place(target: Target) -> tuple[str, str, str]:
        return (target[1].api_version, target[1].kind, target[0].namespace or "")

    batches = [list(batch) for _place, batch in groupby(sorted(targets, key=place), key=place)]
    lists = [batch for batch in batches if len(batch) >= LIST_FROM]
    singles = [target for batch in batches if len(batch) < LIST_FROM for target in batch]
    found: dict[Key, dict[str, Any]] = {}
    for batch, objects in zip(lists, client.map(lambda batch: _list(client, batch), lists), strict=True):
        if objects is None:
            singles.extend(batch)
        else:
            found.update(objects)
    for target, single in zip(singles, client.map(lambda target: read_one(client, *target), singles), strict=True):
        if single is not None:
            found[live_key(target[0])] = single
    return found


def read_one(client: Client, manifest: Manifest, resource: Resource) -> dict[str, Any] | None:
    """The live object of one manifest, or None."""
    return get_if_there(client, resource.path(manifest.namespace, manifest.name), kind=resource.kind)


def _list(client: Client, batch: list[Target]) -> dict[Key, dict[str, Any]] | None:
    """Wanted objects among all of a kind in a namespace; None if the user may not list them."""
    wanted: Mapping[str, Manifest] = {manifest.name: manifest for manifest, _resource in batch}
    manifest, resource = batch[0]
    found: dict[Key, dict[str, Any]] = {}
    try:
        for page in client.pages(resource.path(manifest.namespace)):
            for item in page.get("items", []):
                name = item["metadata"]["name"]
                if name in wanted:
                    # items of a List carry neither apiVersion nor kind
                    found[live_key(wanted[name])] = {
                        "apiVersion": resource.api_version,
                        "kind": resource.kind,
                        **item,
                    }
    except ApiError as error:
        if error.status == 403:
            return None
        if error.status == 404:
            return {}
        raise
    return found
