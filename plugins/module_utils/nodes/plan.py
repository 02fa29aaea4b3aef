# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which labels and taints each node should have, and whether that would lock somebody out. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.pod_phases import has_finished
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.applied import NOTHING, Applied, Was
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import (
    REPELLING,
    Taint,
    untolerated,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.trust import kubelet_may_set


@dataclass(frozen=True)
class Wanted:
    """What GPU nodes should carry.

    Attributes:
        labels: labels of every GPU node.
        gpu_type_label: key of the label that names the model; empty for none.
        gpu_types: model by node name, where it is not to be taken from the node's product.
        taints: ``{key, value, effect}``; one taint for each key and effect.
        exact: labels and taints by node, where each node is to be as it was once.
        spared: names of nodes that get no taint that they do not have.
    """

    labels: Mapping[str, str]
    gpu_type_label: str
    gpu_types: Mapping[str, str]
    taints: tuple[Taint, ...]
    exact: Mapping[str, tuple[Mapping[str, str], tuple[Taint, ...]]] | None = None
    spared: frozenset[str] = frozenset()

    def labels_of(self, node: GpuNode) -> dict[str, str]:
        """All labels that a node should have from us.

        One that no kubelet can set says more than what a node says of itself, so it never follows from that alone.
        """
        if self.exact is not None:
            return dict(self.exact.get(node.name, ({}, ()))[0])
        model = self.gpu_types.get(node.name) or (node.gpu_type if kubelet_may_set(self.gpu_type_label) else None)
        labels = {**self.labels, **({self.gpu_type_label: model} if self.gpu_type_label and model else {})}
        return {key: value for key, value in labels.items() if node.confirmed or kubelet_may_set(key)}

    def taints_of(self, node: GpuNode) -> tuple[Taint, ...]:
        """All taints that a node should have from us."""
        taints = self.taints if self.exact is None else self.exact.get(node.name, ({}, ()))[1]
        if node.name not in self.spared:
            return taints
        return tuple(taint for taint in taints if any(_same(taint, live) for live in node.taints))

    @property
    def keys(self) -> frozenset[str]:
        """Label keys that we may set."""
        if self.exact is not None:
            return frozenset(key for labels, _taints in self.exact.values() for key in labels)
        return frozenset({*self.labels, *([self.gpu_type_label] if self.gpu_type_label else [])})


@dataclass(frozen=True)
class NodePlan:
    """The change of one node.

    Attributes:
        labels: labels to set; None removes one. Empty if they already are as wanted.
        taints: the whole new list, as taints are one value to the server; None if it stays.
        applied: what is ours afterwards.
    """

    node: GpuNode
    labels: Mapping[str, str | None] = field(default_factory=dict)
    taints: tuple[Taint, ...] | None = None
    applied: Applied = NOTHING

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


def plan_present(node: GpuNode, wanted: Wanted, applied: Applied, set_id: str) -> NodePlan:
    """Set what is missing or differs, give up what we set and is not wanted; the rest stays, in its order.

    Args:
        node: as it is.
        wanted: what it should carry.
        applied: what we set before.
        set_id: id of the apply set that a node is a member of while anything on it is ours.
    """
    state = _State.of(node, applied)
    labels, taints = wanted.labels_of(node), wanted.taints_of(node)
    state.give_up(keep_labels=labels.keys(), keep_slots={slot_of(taint) for taint in taints})
    for key, value in labels.items():
        state.set_label(key, value)
    for taint in taints:
        state.set_taint(taint)
    return state.plan(set_id)


def plan_unconfirmed(node: GpuNode, applied: Applied, set_id: str) -> NodePlan:
    """Give up only the labels that no kubelet can set: nobody confirms any more what they say."""
    state = _State.of(node, applied)
    state.give_up({key for key in applied.labels if kubelet_may_set(key)}, applied.taints.keys())
    return state.plan(set_id)


def plan_absent(node: GpuNode, applied: Applied, set_id: str) -> NodePlan:
    """Give up what we set, where it still is as we set it; what was there before comes back."""
    state = _State.of(node, applied)
    state.give_up(keep_labels=frozenset(), keep_slots=frozenset())
    return state.plan(set_id)


@dataclass
class _State:
    """A node while its change is planned."""

    node: GpuNode
    labels: dict[str, str]
    taints: list[Taint]
    applied_labels: dict[str, Was]
    applied_taints: dict[str, Was]

    @classmethod
    def of(cls, node: GpuNode, applied: Applied) -> _State:
        return cls(node, dict(node.labels), list(node.taints), dict(applied.labels), dict(applied.taints))

    def give_up(self, keep_labels: Collection[str], keep_slots: Collection[str]) -> None:
        for key in [key for key in self.applied_labels if key not in keep_labels]:
            ours, before = self.applied_labels.pop(key)
            # A kubelet can wipe from its node who set what, but not set such a label: that we did is enough there.
            is_ours = key in self.node.owned_labels or not kubelet_may_set(key)
            if self.labels.get(key) != ours or not is_ours:
                continue  # somebody else set it meanwhile
            if before is None:
                del self.labels[key]
            else:
                self.labels[key] = before
        for slot in [slot for slot in self.applied_taints if slot not in keep_slots]:
            ours, before = self.applied_taints.pop(slot)
            for place, taint in enumerate(self.taints):
                if slot_of(taint) == slot and taint.get("value", "") == ours:
                    self.taints[place : place + 1] = [] if before is None else [_with_value(taint, before)]
                    break

    def set_label(self, key: str, value: str) -> None:
        live = self.labels.get(key)
        if live == value:
            return
        self.applied_labels[key] = (value, self.applied_labels.get(key, (value, live))[1])
        self.labels[key] = value

    def set_taint(self, taint: Taint) -> None:
        slot, value = slot_of(taint), taint.get("value", "")
        place = next((index for index, old in enumerate(self.taints) if slot_of(old) == slot), None)
        live = None if place is None else self.taints[place].get("value", "")
        if live == value:
            return
        self.applied_taints[slot] = (value, self.applied_taints.get(slot, (value, live))[1])
        if place is None:
            self.taints.append(taint)
        else:
            self.taints[place] = taint

    def plan(self, set_id: str) -> NodePlan:
        applied = Applied(self.applied_labels, self.applied_taints)
        if applied:
            self.labels[PART_OF] = set_id
        elif self.labels.get(PART_OF) == set_id:
            del self.labels[PART_OF]
        old = self.node.labels
        changed: dict[str, str | None] = {
            key: self.labels.get(key)
            for key in sorted(self.labels.keys() | old.keys())
            if self.labels.get(key) != old.get(key)
        }
        taints = tuple(self.taints)
        return NodePlan(self.node, changed, taints if taints != self.node.taints else None, applied)


def slot_of(taint: Taint) -> str:
    """What a node can have one taint for: ``key:effect``."""
    return f"{taint['key']}:{taint['effect']}"


def _with_value(taint: Taint, value: str) -> Taint:
    bare = {key: text for key, text in taint.items() if key != "value"}
    return {**bare, **({"value": value} if value else {})}


def claimants(plans: Sequence[NodePlan]) -> frozenset[str]:
    """Names of nodes that would get a taint only for what they say of themselves."""
    return frozenset(plan.node.name for plan in plans if _repels(plan.new_taints()) and not plan.node.confirmed)


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
        if plan is None or has_finished(pod):
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


def _same(one: Taint, other: Taint) -> bool:
    return slot_of(one) == slot_of(other) and one.get("value", "") == other.get("value", "")
