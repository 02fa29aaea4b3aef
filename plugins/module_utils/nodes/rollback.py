# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings layers back to what they were: objects, or the labels and taints of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client, connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest, parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.prepare import ApplyOptions
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import Ownership
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import wait_seconds
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers import memory
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import Parent
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.reconcile import LayerOptions, reconcile
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import Body, Revision
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.rollback import (
    at_time,
    before_current,
    by_number,
    read_time,
    split,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.work import in_turn, joined, layer_result
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.apply import NODE, NodeOptions, harden_nodes
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import Wanted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.report import nodes_result
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import NODES_PATH, Selection

Result = dict[str, Any]


@dataclass(frozen=True)
class Goal:
    """What a layer is to become: its members then, none if it did not exist."""

    layer: Layer
    members: tuple[Body, ...]
    note: str
    nodes: bool
    manager: str


def work_rollback(call: Call) -> tuple[Result, list[str]]:
    """Bring one layer, or all, back. All revisions are looked up before the first layer is changed.

    Raises:
        HardeningError: a revision is not kept, or the server refuses something; carries what was done.
    """
    params = call.params
    client = connect(params)
    time = read_time(params["to_time"]) if params["to_time"] else ""
    found = [(layer, parent) for layer, parent, _since in memory.layers(client, params["parent_namespace"])]
    chosen = [entry for entry in found if not params["name"] or entry[0].name == params["name"]]
    if params["name"] and not chosen:
        known = ", ".join(layer.name for layer, _parent in found) or "none"
        raise HardeningError(f"The cluster knows no layer {params['name']}; it knows {known}.")
    goals = [_goal(client, layer, parent, params["to_revision"], time) for layer, parent in chosen]
    done, warnings = in_turn((goal.layer, partial(_reach, client, goal, params, call.check_mode)) for goal in goals)
    return joined(done), warnings


def _goal(client: Client, layer: Layer, parent: Parent, number: int | None, time: str) -> Goal:
    kept = memory.revisions(client, layer)
    revision: Revision | None
    if time:
        revision = at_time(layer, kept, time)
    elif number is not None:
        revision = by_number(layer, kept, number)
    else:
        revision = before_current(layer, kept, parent)
    members = (revision.members or ()) if revision else ()
    note = f"back to revision {revision.number}" if revision else f"back to {time}, before there was this layer"
    nodes = any(body["kind"] == "Node" for body in members) or NODE in parent.kinds
    return Goal(layer, members, note, nodes, parent.manager)


def _reach(client: Client, goal: Goal, params: Mapping[str, Any], check: bool) -> tuple[Result, Sequence[str]]:
    if goal.nodes:
        exact = {
            str(body["metadata"]["name"]): (body["metadata"]["labels"], tuple(body["spec"]["taints"]))
            for body in goal.members
        }
        options = NodeOptions(goal.manager, goal.layer, bool(exact), check, allow_control_plane=True, note=goal.note)
        there = {item["metadata"]["name"] for page in client.pages(NODES_PATH) for item in page["items"]}
        chosen = Selection(tuple(name for name in exact if name in there), "", False)
        outcome = harden_nodes(client, chosen, Wanted({}, "", {}, (), exact), options)
        return nodes_result(outcome), outcome.warnings
    bodies, bare = split(goal.members)
    apply = ApplyOptions(Ownership(goal.manager, params["force"]), check, wait_seconds(params))
    done = reconcile(
        client,
        goal.layer,
        parse_manifests(bodies),
        LayerOptions(apply, present=bool(goal.members), note=goal.note),
        untouched=[_untouched(body, index) for index, body in enumerate(bare)],
    )
    return layer_result(done), done.outcome.warnings


def _untouched(body: Body, index: int) -> Manifest:
    namespace, name = body["metadata"].get("namespace"), body["metadata"]["name"]
    return Manifest(f"kept[{index}]", body["apiVersion"], body["kind"], namespace, name, body)
