# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes away every layer that a cluster knows, the last one first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client, connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import applied_entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.if_there import get_if_there
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest, parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.origin import other_owner
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.prepare import ApplyOptions
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.remove import RemoveOptions, remove_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import module_result
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import Ownership
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import wait_seconds
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers import memory
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import Parent
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.reconcile import LayerOptions, reconcile
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.work import in_turn, joined, layer_result
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.apply import NODE, NodeOptions, harden_nodes
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import Wanted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.report import nodes_result
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import Selection

Result = dict[str, Any]


def work_removal(call: Call) -> tuple[Result, list[str]]:
    """Make layers the empty set and forget them; without any left, their namespace goes, too.

    Raises:
        HardeningError: the server refuses something, or something is not gone in time; carries what was done.
    """
    params = call.params
    client = connect(params)
    found = memory.layers(client, params["parent_namespace"])
    chosen = [entry for entry in reversed(found) if not params["names"] or entry[0].name in params["names"]]
    done, warnings = in_turn(
        (layer, partial(_remove, client, layer, parent, params, call.check_mode)) for layer, parent, _since in chosen
    )
    if len(chosen) == len(found):
        done += _remove_home(client, params["parent_namespace"], wait_seconds(params), call.check_mode)
    return joined(done), warnings


def _remove(
    client: Client, layer: Layer, parent: Parent, params: Mapping[str, Any], check: bool
) -> tuple[Result, tuple[str, ...]]:
    if NODE in parent.kinds:
        nodes = NodeOptions(parent.manager, layer, present=False, check=check, purge=True)
        outcome = harden_nodes(client, Selection((), "", False), Wanted({}, "", {}, ()), nodes)
        return nodes_result(outcome), outcome.warnings
    options = LayerOptions(
        ApplyOptions(Ownership(parent.manager), check, wait_seconds(params)),
        present=False,
        purge=True,
        delete_namespaces=params["delete_namespaces"],
        delete_crds=params["delete_crds"],
        delete_claims=params["delete_claims"],
    )
    done = reconcile(client, layer, [], options)
    return layer_result(done), done.outcome.warnings


def _remove_home(client: Client, namespace: str, seconds: float | None, check: bool) -> list[Result]:
    """The namespace of the parents, if we made it."""
    live = get_if_there(client, f"/api/v1/namespaces/{namespace}")
    if live is None or applied_entry(live, memory.MANAGER) is None or other_owner(live, memory.MANAGER) is not None:
        return []
    home: list[Manifest] = parse_manifests([memory.namespace_body(Layer("home", namespace))])
    options = RemoveOptions(memory.MANAGER, delete_namespaces=True, check=check, wait_seconds=seconds)
    return [{**module_result(remove_manifests(client, home, options)), "name": namespace}]
