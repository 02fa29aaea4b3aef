# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints on many nodes: read, plan, guard, remember, patch only what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import MERGE_PATCH, Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers import memory
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import Parent
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import sum_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.agents import describe_agents
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.applied import (
    NOTHING,
    Applied,
    read_applied,
    write_applied,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.guards import (
    describe_pods,
    guard_agents,
    guard_pods,
    guard_schedulable,
    remarks,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import (
    NodePlan,
    Wanted,
    claimants,
    leaves_no_schedulable_node,
    plan_absent,
    plan_present,
    plan_unconfirmed,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.report import NodesOutcome
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import (
    NODES_PATH,
    Selection,
    read_nodes,
)

CONFLICT_TRIES = 10
NODE = ("", "Node")


@dataclass(frozen=True)
class NodeOptions:
    """How to treat the nodes; the fields are the options of the module ``gpu_nodes``.

    Attributes:
        layer: the layer that the nodes are members of.
        purge: with ``present`` False, forget the layer, too.
        note: kept with the revision.
    """

    manager: str
    layer: Layer
    present: bool = True
    check: bool = False
    allow_control_plane: bool = False
    allow_all_schedulable: bool = False
    on_intolerant_pods: str = "warn"
    on_intolerant_network: str = "fail"
    purge: bool = False
    note: str = ""


def harden_nodes(client: Client, chosen: Selection, wanted: Wanted, options: NodeOptions) -> NodesOutcome:
    """Label and taint the selected nodes, or give that up; nodes that are selected no more give it up, too.

    Raises:
        HardeningError: a guard refused (nothing was changed), or some nodes could not be patched.
    """
    parent = memory.look(client, options.layer)
    applied = read_applied(memory.read_notes(client, options.layer).document)
    given = {name: entry.labels for name, entry in applied.items()}
    everyone, selected = read_nodes(client, options.manager, chosen, given)
    skipped = [node for node in selected if options.present and node.control_plane and not options.allow_control_plane]
    chosen_nodes = [node for node in selected if node not in skipped] if options.present else []
    plans = _plan(chosen_nodes, wanted, applied, options)
    if not options.allow_all_schedulable and leaves_no_schedulable_node(everyone, plans):
        # What nodes say of themselves keeps nobody else's pods away from all nodes, and ends nobody's run.
        wanted = replace(wanted, spared=claimants(plans))
        plans = _plan(chosen_nodes, wanted, applied, options)
        guard_schedulable(everyone, plans)
    warnings = remarks(chosen, selected, skipped, plans, wanted, options.present)
    released = _released(everyone, chosen_nodes, applied, options)
    if released and options.present and not chosen_nodes:
        warnings.append(f"{len(released)} nodes keep their labels and taints, as they may be GPU nodes still.")
        kept = [plan_unconfirmed(p.node, applied.get(p.node.name, NOTHING), options.layer.set_id) for p in released]
        released = [plan for plan in kept if plan.changed]
    intolerant = guard_pods(client, plans, options.on_intolerant_pods)
    if intolerant and options.on_intolerant_pods == "warn":
        warnings.append(describe_pods(intolerant))
    agents = guard_agents(client, plans, wanted, options.on_intolerant_network)
    if agents and options.on_intolerant_pods != "ignore":
        warnings.append(describe_agents(agents))
    bodies = [_body(plan.node, wanted) for plan in plans]
    plans += released
    changes = [plan for plan in plans if plan.changed]
    if changes:
        _rehearse(client, changes[0], options.manager)
    total = sum_of(bodies)
    new = total != parent.total and bool(bodies or parent.version)
    outcome = NodesOutcome(
        tuple(plans),
        tuple(skipped),
        tuple(intolerant),
        tuple(agents),
        tuple(warnings),
        wanted.keys,
        parent.revision + int(new),
        new,
        new,
    )
    if options.check:
        return outcome
    if changes or new:
        known = {node.name: applied.get(node.name, NOTHING) for node in everyone}
        outcome = _carry_out(client, outcome, wanted, options, parent, bodies, known)
    if options.purge and not options.present and memory.kept_names(client, options.layer):
        memory.forget_all(client, options.layer)
        outcome = replace(outcome, revision=0, recorded=False, remembered=True)
    return outcome


def _plan(
    nodes: Sequence[GpuNode], wanted: Wanted, applied: Mapping[str, Applied], options: NodeOptions
) -> list[NodePlan]:
    return [plan_present(node, wanted, applied.get(node.name, NOTHING), options.layer.set_id) for node in nodes]


def _released(
    everyone: Sequence[GpuNode], chosen: Sequence[GpuNode], applied: Mapping[str, Applied], options: NodeOptions
) -> list[NodePlan]:
    """Plans of nodes that carry something of ours and are chosen no more."""
    kept = {node.name for node in chosen}
    set_id = options.layer.set_id
    plans = [
        plan_absent(node, applied.get(node.name, NOTHING), set_id)
        for node in everyone
        if node.name not in kept and (applied.get(node.name) or node.labels.get(PART_OF) == set_id)
    ]
    return [plan for plan in plans if plan.changed]


def _body(node: GpuNode, wanted: Wanted) -> dict[str, Any]:
    """What a revision says of a node."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": wanted.labels_of(node)},
        "spec": {"taints": [dict(taint) for taint in wanted.taints_of(node)]},
    }


def _carry_out(
    client: Client,
    outcome: NodesOutcome,
    wanted: Wanted,
    options: NodeOptions,
    parent: Parent,
    bodies: Sequence[Mapping[str, Any]],
    before: Mapping[str, Applied],
) -> NodesOutcome:
    """Remember what is about to be set, set it, and forget what was given up, in this order."""
    layer = options.layer
    if not parent.version or NODE not in parent.kinds:
        parent = memory.grow(client, layer, lambda now: now.grown([NODE], [layer.namespace]))
    number = parent.revision
    if outcome.recorded:
        number = memory.record(client, layer, number, bodies, options.note)
    after = {plan.node.name: plan.applied for plan in outcome.plans}

    def with_what_comes(document: object) -> object:
        known = {name: applied for name, applied in read_applied(document).items() if name in before}
        return write_applied({**known, **{name: applied for name, applied in after.items() if applied}})

    def without_what_went(document: object) -> object:
        known = read_applied(document)
        return write_applied({name: applied for name, applied in known.items() if after.get(name, applied)})

    memory.write_notes(client, layer, with_what_comes)
    to_patch = [plan for plan in outcome.plans if plan.changed]
    ours = {**before, **{name: applied for name, applied in after.items() if applied}}
    done = _patch_all(client, to_patch, wanted, options, ours)
    memory.write_notes(client, layer, without_what_went)
    final = Parent(
        kinds=frozenset({NODE} if bodies else ()),
        namespaces=frozenset({layer.namespace}),
        revision=number,
        total=sum_of(bodies),
        manager=options.manager,
        version=parent.version,
    )
    if not final.says_as(parent):
        memory.settle(client, layer, final)
    if outcome.recorded:
        memory.forget(client, layer, number)
    plans = tuple(done.get(plan.node.name, plan) for plan in outcome.plans)
    return replace(outcome, plans=plans, revision=number)


def _rehearse(client: Client, plan: NodePlan, manager: str) -> None:
    """Try one node as a dry run, so that missing rights or a refusing webhook show before anything is changed."""
    try:
        _patch(client, plan, manager, {"dryRun": "All"})
    except ApiError as error:
        if error.status != 409:  # the node changed meanwhile, which says nothing about rights
            raise HardeningError(f"Node {plan.node.name}: {error.message} Nothing was changed.") from error


def _patch_all(
    client: Client,
    changes: Sequence[NodePlan],
    wanted: Wanted,
    options: NodeOptions,
    applied: Mapping[str, Applied],
) -> dict[str, NodePlan]:
    def patch(plan: NodePlan) -> NodePlan | str:
        try:
            return _patch_until_current(client, plan, wanted, options, applied.get(plan.node.name, NOTHING))
        except HardeningError as error:
            return f"Node {plan.node.name}: {error.message}"

    tried = client.map(patch, changes)
    failures = [problem for problem in tried if isinstance(problem, str)]
    done = [plan for plan in tried if isinstance(plan, NodePlan)]
    if failures:
        headline = f"{len(failures)} of {len(changes)} nodes failed ({len(done)} were changed; run again to finish)"
        raise HardeningError(join_failures(headline, failures))
    return {plan.node.name: plan for plan in done}


def _patch_until_current(
    client: Client, first: NodePlan, wanted: Wanted, options: NodeOptions, applied: Applied
) -> NodePlan:
    """Patch; where the node has changed since it was read, read it again and plan anew.

    A patch whose answer was lost may be what has changed it: the node is then as wanted, and that is a change.
    """
    plan, sent = first, False
    for _attempt in range(CONFLICT_TRIES):
        try:
            _patch(client, plan, options.manager, {})
            return plan
        except ApiError as error:
            if error.status == 404:
                return NodePlan(plan.node)  # the node has left the cluster: nothing to harden
            if error.status != 409:
                raise
            sent = sent or error.unanswered
        live = client.get(f"{NODES_PATH}/{plan.node.name}").body
        node = gpu_node(live, options.manager, plan.node.found_by, confirmed=plan.node.confirmed)
        node = replace(node, gpu_type=node.gpu_type or plan.node.gpu_type)
        if first.applied:
            plan = plan_present(node, wanted, applied, options.layer.set_id)
        else:
            plan = plan_absent(node, applied, options.layer.set_id)
        if not plan.changed:
            return first if sent else plan
    raise HardeningError(f"it changed {CONFLICT_TRIES} times while it was being patched. Run again.")


def _patch(client: Client, plan: NodePlan, manager: str, query: Mapping[str, str]) -> None:
    client.request(
        "PATCH",
        f"{NODES_PATH}/{plan.node.name}",
        {"fieldManager": manager, "fieldValidation": "Strict", **query},
        plan.patch(),
        MERGE_PATCH,
    )
