# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads nodes page by page and keeps what matters of each: memory grows with nodes, not with their images."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.label_selector import matches, parse_selector
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.resource_slices import read_slices
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.trust import proves

NODES_PATH = "/api/v1/nodes"

SELECTION_OPTIONS: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": "str", "default": []},
    "label_selector": {"type": "str", "default": ""},
    "discover": {"type": "bool", "default": True},
}
"""Argument spec fragment; its documentation is the ``node_selection`` doc fragment."""


@dataclass(frozen=True)
class Selection:
    """Which nodes are meant; a node counts if any of these holds."""

    names: tuple[str, ...] = ()
    label_selector: str = ""
    discover: bool = True


def selection(params: Mapping[str, Any]) -> Selection:
    """Read the selection in a module's parameters."""
    chosen = Selection(tuple(params["names"]), params["label_selector"], params["discover"])
    if not (chosen.names or chosen.label_selector or chosen.discover):
        raise HardeningError("No nodes are selected: give names or label_selector, or leave discover on.")
    return chosen


def read_nodes(
    client: Client, manager: str, chosen: Selection, given: Mapping[str, Collection[str]] | None = None
) -> tuple[list[GpuNode], list[GpuNode]]:
    """All nodes of the cluster, and those that are selected.

    Args:
        client: the server.
        manager: our field manager.
        chosen: which nodes are meant.
        given: keys of the labels that we gave to nodes, by name. A selector of these selects nobody.

    Raises:
        HardeningError: a node that was named does not exist, or the selector is none.
    """
    wanted = parse_selector(chosen.label_selector)
    keys = {requirement.key for requirement in wanted}
    products = read_slices(client) if chosen.discover else {}
    everyone: list[GpuNode] = []
    selected: list[GpuNode] = []
    for page in client.pages(NODES_PATH):
        for item in page["items"]:
            name = item["metadata"]["name"]
            labels = item["metadata"].get("labels") or {}
            ours = keys & set((given or {}).get(name, ()))
            reasons = {
                "label_selector": bool(wanted) and not ours and matches(wanted, labels),
                "name": name in chosen.names,
            }
            node = gpu_node(
                item,
                manager,
                tuple(reason for reason, holds in reasons.items() if holds),
                slice_product=products.get(name),
                confirmed=reasons["name"] or (reasons["label_selector"] and proves(keys)),
            )
            everyone.append(node)
            if any(reasons.values()) or (chosen.discover and node.found_by):
                selected.append(node)
    unknown = sorted(set(chosen.names) - {node.name for node in everyone})
    if unknown:
        known = name_some(sorted(node.name for node in everyone), 5)
        raise HardeningError(f"There is no node {', '.join(unknown)}; the cluster has {known}.")
    return everyone, selected
