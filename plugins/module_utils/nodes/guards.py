# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom new taints would keep out, and what a user should know of a selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.agents import (
    Agent,
    describe_agents,
    intolerant_agents,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import (
    IntolerantPod,
    NodePlan,
    Wanted,
    intolerant_pods,
    leaves_no_schedulable_node,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import Selection
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.trust import kubelet_may_set

DAEMON_SETS_PATH = "/apis/apps/v1/daemonsets"


def guard_schedulable(everyone: Sequence[GpuNode], plans: Sequence[NodePlan]) -> None:
    """Refuse taints that leave no node for pods without tolerations.

    Raises:
        HardeningError: they would.
    """
    if leaves_no_schedulable_node(everyone, plans):
        raise HardeningError(
            "The taints would leave no schedulable node for pods without tolerations (CoreDNS among them): of "
            f"{len(everyone)} nodes, no other is ready and open to them. Nothing was changed. Add a node without GPUs, "
            "narrow the selection, or set allow_all_schedulable: true."
        )


def guard_pods(client: Client, plans: Sequence[NodePlan], on_intolerant_pods: str) -> list[IntolerantPod]:
    """Running pods that do not tolerate what their node is about to get.

    Raises:
        HardeningError: there are some, and that is to be a failure.
    """
    tainted = {plan.node.name: plan for plan in plans if plan.new_taints()}
    if not tainted or on_intolerant_pods == "ignore":
        return []
    query = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
    found = [pod for page in client.pages("/api/v1/pods", query) for pod in intolerant_pods(page["items"], tainted)]
    if found and on_intolerant_pods == "fail":
        raise HardeningError(
            f"{describe_pods(found)} Nothing was changed. Give them the toleration or move them, "
            "or set on_intolerant_pods: warn.",
            failures=[asdict(pod) for pod in found],
        )
    return found


def guard_agents(client: Client, plans: Sequence[NodePlan], wanted: Wanted, on_intolerant_network: str) -> list[Agent]:
    """DaemonSets that do not tolerate our taints, looked for in every run, as they come and go.

    Raises:
        HardeningError: a node is about to get a taint that a network plugin does not tolerate, and that is to fail.
    """
    if not any(wanted.taints_of(plan.node) for plan in plans):
        return []
    found = [
        agent
        for page in client.pages(DAEMON_SETS_PATH)
        for agent in intolerant_agents(page["items"], plans, wanted)
        if not agent.network or on_intolerant_network != "ignore"
    ]
    networks = [agent for agent in found if agent.network and agent.new]
    if networks and on_intolerant_network == "fail":
        raise HardeningError(
            f"{describe_agents(networks)} Nothing was changed. Or set on_intolerant_network: warn.",
            failures=[agent.facts() for agent in networks],
        )
    return found


def describe_pods(pods: Sequence[IntolerantPod]) -> str:
    """Them in one sentence."""
    evicted = sum(pod.evicted for pod in pods)
    text = f"{len(pods)} running pods do not tolerate the new taints ("
    text += f"{evicted} of them will be evicted" if evicted else "they stay, but would not be scheduled there again"
    return text + f"): {name_some([f'{pod.namespace}/{pod.name} on {pod.node}' for pod in pods])}."


def remarks(
    chosen: Selection,
    selected: Sequence[GpuNode],
    left_alone: Sequence[GpuNode],
    plans: Sequence[NodePlan],
    wanted: Wanted,
    present: bool,
) -> list[str]:
    """What a user should know of a selection that is applied."""
    found: list[str] = []
    if not selected and present:
        tried = "GFD and NFD labels and allocatable nvidia.com resources" if chosen.discover else "the selection"
        found.append(f"No GPU nodes were found by {tried}. Is GPU Feature Discovery or the device plugin running?")
    if left_alone:
        found.append(
            f"Control-plane nodes with GPUs were left alone: {', '.join(node.name for node in left_alone)}. "
            "Set allow_control_plane: true to label and taint them too."
        )
    if wanted.spared:
        found.append(
            "The taints would leave no schedulable node for pods without tolerations, so "
            f"{len(wanted.spared)} nodes that only say of themselves that they have GPUs get none: "
            f"{name_some(sorted(wanted.spared))}. Name the GPU nodes in gpu_nodes_names."
        )
    if present and any(not kubelet_may_set(key) for key in wanted.keys):
        found += _unconfirmed([plan.node.name for plan in plans if not plan.node.confirmed], wanted)
    if present and wanted.gpu_type_label:
        label = wanted.gpu_type_label
        missing = [p.node for p in plans if label not in wanted.labels_of(p.node)]
        unknown = [node.name for node in missing if node.confirmed or kubelet_may_set(label)]
        if unknown:
            found.append(
                f"{len(unknown)} nodes do not say which GPU they have, so they get no {wanted.gpu_type_label} label: "
                f"{name_some(unknown)}. Set gpu_types for them."
            )
    return found


def _unconfirmed(names: Sequence[str], wanted: Wanted) -> list[str]:
    """What follows where nobody but the nodes themselves says that they have GPUs."""
    if not names or wanted.exact is not None:
        return []
    labels = ", ".join(f"{key}={value}" for key, value in wanted.labels.items() if not kubelet_may_set(key))
    return [
        f"{len(names)} nodes are GPU nodes only by what they say of themselves, so they do not get "
        f"{labels or wanted.gpu_type_label}, which no node can give itself: {name_some(names)}. Workloads with GPUs "
        "run only where it is. Name the nodes that are yours in gpu_nodes_names."
    ]
