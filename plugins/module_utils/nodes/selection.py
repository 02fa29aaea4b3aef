# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads nodes page by page and keeps what matters of each: memory grows with nodes, not with their images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node

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


def read_nodes(client: Client, manager: str, chosen: Selection) -> tuple[list[GpuNode], list[GpuNode]]:
    """All nodes of the cluster, and those that are selected.

    Raises:
        HardeningError: a node that was named does not exist.
    """
    matching = _matching(client, chosen.label_selector)
    everyone: list[GpuNode] = []
    selected: list[GpuNode] = []
    for page in client.pages(NODES_PATH):
        for item in page["items"]:
            name = item["metadata"]["name"]
            reasons = {"label_selector": name in matching, "name": name in chosen.names}
            node = gpu_node(item, manager, tuple(reason for reason, holds in reasons.items() if holds))
            everyone.append(node)
            if any(reasons.values()) or (chosen.discover and node.found_by):
                selected.append(node)
    unknown = sorted(set(chosen.names) - {node.name for node in everyone})
    if unknown:
        known = name_some(sorted(node.name for node in everyone), 5)
        raise HardeningError(f"There is no node {', '.join(unknown)}; the cluster has {known}.")
    return everyone, selected


def _matching(client: Client, label_selector: str) -> frozenset[str]:
    """Names of nodes that match a label selector, in the server's own reading of it."""
    if not label_selector:
        return frozenset()
    pages = client.pages(NODES_PATH, {"labelSelector": label_selector})
    return frozenset(item["metadata"]["name"] for page in pages for item in page["items"])
