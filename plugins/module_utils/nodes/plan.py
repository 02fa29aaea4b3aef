# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which labels and taints each node should have, and whether that would lock somebody out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import (
    REPELLING,
    Taint,
    untolerated,
)


@dataclass(frozen=True)
class Wanted:
    """What GPU nodes should carry.

    Attributes:
        labels: labels of every GPU node.
        gpu_type_label: key of the label that names the model; empty for none.
        gpu_types: model by node name, where it is not to be taken from the node's product.
        taints: ``{key, value, effect}``; one taint for each key and effect.
    """

    labels: Mapping[str, str]
    gpu_type_label: str
    gpu_types: Mapping[str, str]
    taints: tuple[Taint, ...]

    def labels_of(self, node: GpuNode) -> dict[str, str]:
        """All labels that a node should have from us."""
        model = self.gpu_types.get(node.name) or node.gpu_type
        return {**self.labels, **({self.gpu_type_label: model} if self.gpu_type_label and model else {})}

    @property
    def keys(self) -> frozenset[str]:
        """Label keys that we may set."""
        return frozenset({*self.labels, *([self.gpu_type_label] if self.gpu_type_label else [])})


@dataclass(frozen=True)
class NodePlan:
    """The change of one node.

    Attributes:
        labels: labels to set; None removes one. Empty if they already are as wanted.
        taints: the whole new list, as taints are one value to the server; None if it stays.
    """

    node: GpuNode
    labels: Mapping[str, str | None] = field(default_factory=dict)
    taints: tuple[Taint, ...] | None = None

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.labels) or self.taints is not None

    def patch(self) -> dict[str, Any]:
        """The merge patch, valid only for the version of the node it was planned on."""
        metadata: dict[str, Any] = {"resourceVersion": self.node.resource_version}
        if self.labels:
            metadata["labels"] = dict(self.labels)
        return {"metadata": metadata, **({"spec": {"taints": list(self.taints)}} if self.taints is not None else {})}

    def new_taints(self) -> tuple[Taint, ...]:
        """Taints that the node does not have yet."""
        return tuple(taint for taint in self.taints or () if not any(_same(taint, old) for old in self.node.taints))


def plan_present(node: GpuNode, wanted: Wanted) -> NodePlan:
    """Set what is missing or differs; foreign labels and taints stay, in their order."""
    labels = {key: value for key, value in wanted.labels_of(node).items() if node.labels.get(key) != value}
    taints = list(node.taints)
    for taint in wanted.taints:
        place = next((index for index, old in enumerate(taints) if _same_slot(old, taint)), None)
        if place is None:
            taints.append(taint)
        elif not _same(taints[place], taint):
            taints[place] = taint
    return NodePlan(node, labels, tuple(taints) if taints != list(node.taints) else None)


def plan_absent(node: GpuNode, wanted: Wanted) -> NodePlan:
    """Give up labels that our field manager set, and taints that are exactly ours."""
    labels: dict[str, str | None] = {
        key: None for key in sorted(wanted.keys) if key in node.labels and key in node.owned_labels
    }
    taints = tuple(old for old in node.taints if not any(_same(old, taint) for taint in wanted.taints))
    return NodePlan(node, labels, taints if len(taints) != len(node.taints) else None)


def leaves_no_schedulable_node(everyone: Sequence[GpuNode], plans: Sequence[NodePlan]) -> bool:
    """Whether new taints would leave no ready node that takes a pod without tolerations."""
    if not any(_repels(plan.new_taints()) for plan in plans):
        return False
    after = {plan.node.name: plan.taints for plan in plans if plan.taints is not None}

    def open_to_all(node: GpuNode) -> bool:
        return node.schedulable and node.ready and not _repels(after.get(node.name, node.taints))

    return not any(open_to_all(node) for node in everyone)


@dataclass(frozen=True)
class IntolerantPod:
    """A running pod that does not tolerate a taint its node is about to get."""

    namespace: str
    name: str
    node: str
    daemon_set: str | None
    evicted: bool


def intolerant_pods(pods: Sequence[Mapping[str, Any]], plans: Mapping[str, NodePlan]) -> list[IntolerantPod]:
    """Of these pods, those that do not tolerate what their node (``plans`` is by node name) is about to get.

    Finished pods do not count, nor do mirror pods of static manifests, which the scheduler never places.
    """
    found: list[IntolerantPod] = []
    for pod in pods:
        metadata, spec = pod["metadata"], pod.get("spec", {})
        plan = plans.get(spec.get("nodeName", ""))
        if plan is None or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            continue
        if "kubernetes.io/config.mirror" in metadata.get("annotations", {}):
            continue
        repelled = untolerated(spec, plan.new_taints())
        if repelled:
            evicted = any(taint["effect"] == "NoExecute" for taint in repelled)
            owner = next((o["name"] for o in metadata.get("ownerReferences", ()) if o["kind"] == "DaemonSet"), None)
            found.append(IntolerantPod(metadata["namespace"], metadata["name"], spec["nodeName"], owner, evicted))
    return found


def _repels(taints: Sequence[Taint]) -> bool:
    return any(taint["effect"] in REPELLING for taint in taints)


def _same_slot(one: Taint, other: Taint) -> bool:
    return one["key"] == other["key"] and one["effect"] == other["effect"]


def _same(one: Taint, other: Taint) -> bool:
    return _same_slot(one, other) and one.get("value", "") == other.get("value", "")
