# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster knows of its layers, and whether it still holds them. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client, connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import is_settled
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import Target, live_key, read_live
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest, parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import set_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.object_diff import content
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.origin import is_marked, marked
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import Ownership, apply_object
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.targets import resolve
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers import memory
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import UNRECORDED, Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.members import find_members, resources_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import Parent
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import Revision


@dataclass(frozen=True)
class Difference:
    """A member that is not as its layer recorded it.

    Attributes:
        state: ``missing``; ``differs``; ``left`` the set, as its label is gone; ``surplus``, a member that no revision
            knows; or ``unknown``, where only the server could tell and the user may not ask it.
    """

    kind: str
    namespace: str | None
    name: str
    state: str


def statuses(client: Client, namespace: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Every layer, in the order in which they were first applied; only ``names`` if there are any."""
    found = memory.layers(client, namespace)
    return [_status(client, *entry) for entry in found if not names or entry[0].name in names]


def _status(client: Client, layer: Layer, parent: Parent, since: str) -> dict[str, Any]:
    kept = memory.revisions(client, layer)
    current = next((revision for revision in kept if revision.number == parent.revision), None)
    differences = _differences(client, layer, parent, current)
    return {
        "name": layer.name,
        "since": since,
        "revision": parent.revision,
        "applied_at": current.applied_at if current else "",
        "applied_by": current.applied_by if current else "",
        "collection_version": current.collection if current else "",
        "members": len(current.members) if current and current.members is not None else None,
        "holds": not differences if current and current.members is not None else None,
        "differences": [asdict(difference) for difference in differences],
        "revisions": [_describe(revision) for revision in kept],
    }


def _describe(revision: Revision) -> dict[str, Any]:
    described = {key: value for key, value in asdict(revision).items() if key not in ("members", "total", "collection")}
    return {**described, "collection_version": revision.collection, "complete": revision.members is not None}


def _differences(client: Client, layer: Layer, parent: Parent, current: Revision | None) -> list[Difference]:
    if current is None or current.members is None:
        return []
    wanted = parse_manifests(list(current.members))
    discovery = Discovery(client)
    resolved = resolve(discovery, wanted)
    live = read_live(client, resolved.targets)
    found = [
        _compare(client, target, live.get(live_key(target[0])), layer, parent.manager) for target in resolved.targets
    ]
    found += [_difference(manifest, "missing") for manifest in (*resolved.deferred, *resolved.unserved)]
    resources = resources_of(client, discovery, wanted, parent.kinds)
    members = find_members(client, layer, resources, parent.namespaces)
    known = {live_key(manifest) for manifest in wanted}
    found += [Difference(key[1], key[2], key[3], "surplus") for key in members if key not in known]
    return [difference for difference in found if difference is not None]


def _compare(
    client: Client, target: Target, live: Mapping[str, Any] | None, layer: Layer, manager: str
) -> Difference | None:
    manifest, resource = target
    if live is None:
        return _difference(manifest, "missing")
    if manifest.kind == "Node" and not manifest.group:
        return None if _node_holds(manifest.body, live) else _difference(manifest, "differs")
    if set_of(live) != layer.set_id:
        return _difference(manifest, "left")
    if UNRECORDED in manifest.body["metadata"].get("annotations", {}):
        return None
    if is_marked(live):
        manifest = marked(manifest)  # as a run applies it
    if is_settled(manifest.body, live, manager):
        return None
    try:
        tried = apply_object(client, manifest, resource, Ownership(manager, force=True), dry_run=True)
    except ApiError as error:
        return _difference(manifest, "unknown" if error.status == 403 else "differs")
    return None if content(tried.body) == content(live) else _difference(manifest, "differs")


def _node_holds(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether a node has the labels and taints that it should have; it may have more."""
    labels = live["metadata"].get("labels") or {}
    taints = (live.get("spec") or {}).get("taints") or []
    return wanted["metadata"].get("labels", {}).items() <= labels.items() and all(
        any(_same_taint(taint, other) for other in taints) for taint in wanted["spec"]["taints"]
    )


def _same_taint(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(one.get(key, "") == other.get(key, "") for key in ("key", "value", "effect"))


def _difference(manifest: Manifest, state: str) -> Difference:
    return Difference(manifest.kind, manifest.namespace, manifest.name, state)


def work_info(call: Call) -> tuple[dict[str, Any], list[str]]:
    """What the module ``layer_info`` returns."""
    params = call.params
    found = statuses(connect(params), params["parent_namespace"], params["names"])
    return {"layers": found}, []
