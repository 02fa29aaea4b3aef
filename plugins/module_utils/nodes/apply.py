# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints on many nodes: read, plan, guard, patch only what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import MERGE_PATCH, ApiError, Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import (
    HardeningError,
    join_failures,
    name_some,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import (
    IntolerantPod,
    NodePlan,
    Wanted,
    intolerant_pods,
    leaves_no_schedulable_node,
    plan_absent,
    plan_present,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import (
    NODES_PATH,
    Selection,
    read_nodes,
)

CONFLICT_TRIES = 10


@dataclass(frozen=True)
class NodeOptions:
    """How to treat the nodes; the fields are the options of the module ``gpu_nodes``."""

    manager: str
    present: bool = True
    check: bool = False
    allow_control_plane: bool = False
    allow_all_schedulable: bool = False
    on_intolerant_pods: str = "warn"


@dataclass(frozen=True)
class NodesOutcome:
    """What was, or would be, done.

    Attributes:
        plans: one plan for each selected node.
        skipped: control-plane nodes that were selected but left alone.
        intolerant: running pods that do not tolerate what their node got.
        label_keys: keys of labels that this run is about.
    """

    plans: tuple[NodePlan, ...]
    skipped: tuple[GpuNode, ...]
    intolerant: tuple[IntolerantPod, ...]
    warnings: tuple[str, ...]
    label_keys: frozenset[str]


def harden_nodes(client: Client, chosen: Selection, wanted: Wanted, options: NodeOptions) -> NodesOutcome:
    """Label and taint the selected nodes, or give that up.

    Raises:
        HardeningError: a guard refused (nothing was changed), or some nodes could not be patched.
    """
    everyone, selected = read_nodes(client, options.manager, chosen)
    if not options.present:
        known = {node.name for node in selected}
        selected += [n for n in everyone if n.owned_labels & wanted.keys and n.name not in known]
    skipped = [node for node in selected if options.present and node.control_plane and not options.allow_control_plane]
    plan = plan_present if options.present else plan_absent
    plans = [plan(node, wanted) for node in selected if node not in skipped]
    warnings = _remarks(chosen, selected, skipped, plans, wanted, options)
    if not options.allow_all_schedulable and leaves_no_schedulable_node(everyone, plans):
        raise HardeningError(
            f"The taints would leave no schedulable node for pods without tolerations (CoreDNS among them): all "
            f"{len(plans)} selected nodes are all that the cluster has. Nothing was changed. Add a node without GPUs, "
            "narrow the selection, or set allow_all_schedulable: true."
        )
    intolerant = _guard_pods(client, plans, options)
    if intolerant and options.on_intolerant_pods == "warn":
        warnings.append(_describe_pods(intolerant))
    changes = [plan for plan in plans if plan.changed]
    if changes:
        _rehearse(client, changes[0], options.manager)
    if not options.check:
        done = _patch_all(client, changes, wanted, options)
        plans = [done.get(plan.node.name, plan) for plan in plans]
    return NodesOutcome(tuple(plans), tuple(skipped), tuple(intolerant), tuple(warnings), wanted.keys)


def nodes_result(outcome: NodesOutcome) -> dict[str, Any]:
    """What the module ``gpu_nodes`` returns.

    Of the dozens of labels that GPU Feature Discovery sets on each node, none: they would be most of the result.
    """
    changes = [plan for plan in outcome.plans if plan.changed]
    daemon_sets = {(pod.namespace, pod.daemon_set) for pod in outcome.intolerant if pod.daemon_set}
    return {
        "changed": bool(changes),
        "nodes": [
            {
                **node_facts(plan.node),
                "action": "configured" if plan.changed else "unchanged",
                "labels": _labels_after(plan, outcome.label_keys),
                "taints": list(plan.taints if plan.taints is not None else plan.node.taints),
            }
            for plan in outcome.plans
        ],
        "skipped": [node.name for node in outcome.skipped],
        "intolerant_pods": [asdict(pod) for pod in outcome.intolerant],
        "intolerant_daemon_sets": [{"namespace": ns, "name": name} for ns, name in sorted(daemon_sets)],
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
    }


def _remarks(
    chosen: Selection,
    selected: Sequence[GpuNode],
    skipped: Sequence[GpuNode],
    plans: Sequence[NodePlan],
    wanted: Wanted,
    options: NodeOptions,
) -> list[str]:
    remarks: list[str] = []
    if not selected and options.present:
        tried = "GFD and NFD labels and allocatable nvidia.com resources" if chosen.discover else "the selection"
        remarks.append(f"No GPU nodes were found by {tried}. Is GPU Feature Discovery or the device plugin running?")
    if skipped:
        remarks.append(
            f"Control-plane nodes with GPUs were left alone: {', '.join(node.name for node in skipped)}. "
            "Set allow_control_plane: true to label and taint them too."
        )
    if options.present and wanted.gpu_type_label:
        unknown = [p.node.name for p in plans if wanted.gpu_type_label not in wanted.labels_of(p.node)]
        if unknown:
            remarks.append(
                f"{len(unknown)} nodes do not say which GPU they have, so they get no {wanted.gpu_type_label} label: "
                f"{name_some(unknown)}. Set gpu_types for them."
            )
    return remarks


def _guard_pods(client: Client, plans: Sequence[NodePlan], options: NodeOptions) -> list[IntolerantPod]:
    tainted = {plan.node.name: plan for plan in plans if plan.new_taints()}
    if not tainted or options.on_intolerant_pods == "ignore":
        return []
    query = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
    found = [pod for page in client.pages("/api/v1/pods", query) for pod in intolerant_pods(page["items"], tainted)]
    if found and options.on_intolerant_pods == "fail":
        raise HardeningError(
            f"{_describe_pods(found)} Nothing was changed. Give them the toleration or move them, "
            "or set on_intolerant_pods: warn.",
            failures=[asdict(pod) for pod in found],
        )
    return found


def _describe_pods(pods: Sequence[IntolerantPod]) -> str:
    evicted = sum(pod.evicted for pod in pods)
    daemon_sets = sorted({f"{pod.namespace}/{pod.daemon_set}" for pod in pods if pod.daemon_set})
    text = f"{len(pods)} running pods do not tolerate the new taints ("
    text += f"{evicted} of them will be evicted" if evicted else "they stay, but would not be scheduled there again"
    text += f"): {name_some([f'{pod.namespace}/{pod.name} on {pod.node}' for pod in pods])}."
    if daemon_sets:
        text += f" DaemonSets among them, which would be missing on new GPU nodes: {name_some(daemon_sets)}."
    return text


def _rehearse(client: Client, plan: NodePlan, manager: str) -> None:
    """Try one node as a dry run, so that missing rights or a refusing webhook show before anything is changed."""
    try:
        _patch(client, plan, manager, {"dryRun": "All"})
    except ApiError as error:
        if error.status != 409:  # the node changed meanwhile, which says nothing about rights
            raise HardeningError(f"Node {plan.node.name}: {error.message} Nothing was changed.") from error


def _patch_all(
    client: Client, changes: Sequence[NodePlan], wanted: Wanted, options: NodeOptions
) -> dict[str, NodePlan]:
    def patch(plan: NodePlan) -> NodePlan | str:
        try:
            return _patch_until_current(client, plan, wanted, options)
        except HardeningError as error:
            return f"Node {plan.node.name}: {error.message}"

    tried = client.map(patch, changes)
    failures = [problem for problem in tried if isinstance(problem, str)]
    done = [plan for plan in tried if isinstance(plan, NodePlan)]
    if failures:
        headline = f"{len(failures)} of {len(changes)} nodes failed ({len(done)} were changed; run again to finish)"
        raise HardeningError(join_failures(headline, failures))
    return {plan.node.name: plan for plan in done}


def _patch_until_current(client: Client, plan: NodePlan, wanted: Wanted, options: NodeOptions) -> NodePlan:
    """Patch; where the node has changed since it was read, read it again and plan anew."""
    for _attempt in range(CONFLICT_TRIES):
        try:
            _patch(client, plan, options.manager, {})
            return plan
        except ApiError as error:
            if error.status == 404:
                return NodePlan(plan.node)  # the node has left the cluster: nothing to harden
            if error.status != 409:
                raise
        node = gpu_node(client.get(f"{NODES_PATH}/{plan.node.name}").body, options.manager, plan.node.found_by)
        plan = plan_present(node, wanted) if options.present else plan_absent(node, wanted)
        if not plan.changed:
            return plan
    raise HardeningError(f"it changed {CONFLICT_TRIES} times while it was being patched. Run again.")


def _patch(client: Client, plan: NodePlan, manager: str, query: Mapping[str, str]) -> None:
    client.request(
        "PATCH",
        f"{NODES_PATH}/{plan.node.name}",
        {"fieldManager": manager, "fieldValidation": "Strict", **query},
        plan.patch(),
        MERGE_PATCH,
    )


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
