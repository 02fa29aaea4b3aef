# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPU nodes, and by what they can be named so that no node names itself. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.applied import NOTHING
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import NodePlan, Wanted, plan_present
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import REPELLING
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.trust import proves

_ROLES = ("node-restriction.kubernetes.io/", "node-role.kubernetes.io/")
"""Prefixes of labels by which administrators divide nodes; others that happen to fit say something else."""
_WORKER = "node-role.kubernetes.io/worker"


@dataclass(frozen=True)
class GpuNodes:
    """What there is.

    Attributes:
        nodes: with GPUs, without those of the control plane.
        control_plane: names of nodes of the control plane with GPUs.
        selector: a label that exactly these nodes have and that no node can give itself; empty if there is none.
        untyped: names of nodes that do not say which GPU they have.
        only: whether no other node takes pods without tolerations, so that a taint would leave none.
    """

    nodes: tuple[GpuNode, ...]
    control_plane: tuple[str, ...]
    selector: str
    untyped: tuple[str, ...]
    only: bool


def find_gpu_nodes(items: Sequence[Mapping[str, Any]], products: Mapping[str, str], own: Mapping[str, str]) -> GpuNodes:
    """Look at all nodes.

    Args:
        items: nodes as a snapshot holds them.
        products: by node, what the slices of NVIDIA's DRA driver say.
        own: labels of this collection, which say only what it was told.
    """
    everyone = [
        gpu_node(
            {**item, "metadata": {"resourceVersion": "", **item["metadata"]}},
            "",
            slice_product=products.get(item["metadata"]["name"]),
        )
        for item in items
    ]
    found = [node for node in everyone if node.found_by]
    nodes = tuple(node for node in found if not node.control_plane)
    chosen = {node.name for node in nodes}
    others = [node for node in everyone if node.name not in chosen and node.schedulable and not _repels(node)]
    return GpuNodes(
        nodes,
        tuple(node.name for node in found if node.control_plane),
        _selector(everyone, chosen, own),
        tuple(node.name for node in nodes if not node.gpu_type),
        bool(nodes) and not others,
    )


def plans(found: GpuNodes, wanted: Wanted) -> list[NodePlan]:
    """What the role gpu_nodes would do to them once they are named."""
    return [plan_present(replace(node, confirmed=True), wanted, NOTHING, "") for node in found.nodes]


def _repels(node: GpuNode) -> bool:
    return any(taint["effect"] in REPELLING for taint in node.taints)


def _selector(everyone: Sequence[GpuNode], chosen: set[str], own: Mapping[str, str]) -> str:
    labels = Counter(
        (key, value)
        for node in everyone
        for key, value in node.labels.items()
        if key.startswith(_ROLES) and proves([key]) and key not in own and key != _WORKER
    )
    for (key, value), count in sorted(labels.items()):
        if count == len(chosen) and all(n.labels.get(key) == value for n in everyone if n.name in chosen):
            return f"{key}={value}"
    return ""
