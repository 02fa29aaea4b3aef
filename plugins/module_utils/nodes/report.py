# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was, or would be, done to nodes, and how modules return it. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.agents import Agent
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import IntolerantPod, NodePlan


@dataclass(frozen=True)
class NodesOutcome:
    """What was, or would be, done.

    Attributes:
        plans: one plan for each selected node, and for each that no longer is.
        left_alone: control-plane nodes that were selected but left alone.
        intolerant: running pods that do not tolerate what their node got.
        agents: DaemonSets that do not tolerate what GPU nodes carry.
        label_keys: keys of labels that this run is about.
        revision: number of the revision that the cluster holds now; 0 if none.
        recorded: whether that is a new one.
        remembered: whether anything changed in what is kept of the layer.
    """

    plans: tuple[NodePlan, ...]
    left_alone: tuple[GpuNode, ...]
    intolerant: tuple[IntolerantPod, ...]
    agents: tuple[Agent, ...]
    warnings: tuple[str, ...]
    label_keys: frozenset[str]
    revision: int = 0
    recorded: bool = False
    remembered: bool = False


def nodes_result(outcome: NodesOutcome) -> dict[str, Any]:
    """What the module ``gpu_nodes`` returns.

    Of the dozens of labels that GPU Feature Discovery sets on each node, none: they would be most of the result.
    """
    changes = [plan for plan in outcome.plans if plan.changed]
    return {
        "changed": bool(changes) or outcome.remembered,
        "nodes": [
            {
                **node_facts(plan.node),
                "action": "configured" if plan.changed else "unchanged",
                "labels": _labels_after(plan, outcome.label_keys),
                "taints": list(plan.taints if plan.taints is not None else plan.node.taints),
            }
            for plan in outcome.plans
        ],
        "left_alone": [node.name for node in outcome.left_alone],
        "intolerant_pods": [asdict(pod) for pod in outcome.intolerant],
        "intolerant_daemon_sets": [agent.facts() for agent in outcome.agents],
        "revision": {"number": outcome.revision, "new": outcome.recorded},
        "diff": [_diff(plan) for plan in changes],
    }


def node_facts(node: GpuNode) -> dict[str, Any]:
    """A node as modules return it."""
    return {
        "name": node.name,
        "gpu_type": node.gpu_type,
        "product": node.product,
        "gpus": node.gpus,
        "mig": dict(node.mig),
        "labels": dict(node.labels),
        "taints": [dict(taint) for taint in node.taints],
        "control_plane": node.control_plane,
        "schedulable": node.schedulable,
        "ready": node.ready,
        "found_by": list(node.found_by),
        "confirmed": node.confirmed,
    }


def _labels_after(plan: NodePlan, keys: frozenset[str]) -> dict[str, str]:
    merged = {**plan.node.labels, **plan.labels}
    return {key: value for key, value in merged.items() if key in keys and value is not None}


def _diff(plan: NodePlan) -> dict[str, Any]:
    """Only the labels and taints that change, not the dozens that GPU Feature Discovery sets."""
    before = {key: plan.node.labels[key] for key in plan.labels if key in plan.node.labels}
    after = {key: value for key, value in plan.labels.items() if value is not None}
    taints = plan.taints if plan.taints is not None else plan.node.taints
    return {
        "before_header": f"Node {plan.node.name}",
        "after_header": f"Node {plan.node.name}",
        "before": {"labels": before, "taints": list(plan.node.taints)},
        "after": {"labels": after, "taints": list(taints)},
    }
