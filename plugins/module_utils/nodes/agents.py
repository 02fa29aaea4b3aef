# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node agents that taints drive off: DaemonSets that would run on a node and do not tolerate what it carries. Pure.

Their running pods stay until they are updated or the node restarts, so looking at pods says nothing of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.label_selector import (
    matches,
    read_expressions,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.network_plugins import network_plugin
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import NodePlan, Wanted, slot_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import (
    Taint,
    describe_taint,
    untolerated,
)


@dataclass(frozen=True)
class Agent:
    """A DaemonSet whose pods the taints keep off.

    Attributes:
        taints: those of ours that it does not tolerate.
        nodes: names of nodes that it is, or will be, missing on.
        new: whether one of these gets such a taint only now.
        network: which network plugin it is; empty if it is none.
    """

    namespace: str
    name: str
    taints: tuple[Taint, ...]
    nodes: tuple[str, ...]
    new: bool
    network: str

    def facts(self) -> dict[str, Any]:
        """As the module returns it."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "taints": [dict(taint) for taint in self.taints],
            "nodes": len(self.nodes),
            "network_plugin": self.network,
        }


def intolerant_agents(
    daemon_sets: Sequence[Mapping[str, Any]], plans: Sequence[NodePlan], wanted: Wanted
) -> list[Agent]:
    """Of these DaemonSets, those that would run on the nodes of these plans, were it not for our taints."""
    found = []
    for daemon_set in daemon_sets:
        metadata, spec = daemon_set["metadata"], daemon_set["spec"]["template"]["spec"]
        if metadata.get("deletionTimestamp"):
            continue
        missing = [(plan, taints) for plan in plans if (taints := _repelling(spec, plan, wanted))]
        if not missing:
            continue
        plugin = network_plugin(daemon_set)
        found.append(
            Agent(
                metadata["namespace"],
                metadata["name"],
                missing[0][1],
                tuple(plan.node.name for plan, _taints in missing),
                any(untolerated(spec, plan.new_taints()) for plan, _taints in missing),
                plugin.title if plugin else "",
            )
        )
    return found


def describe_agents(agents: Sequence[Agent]) -> str:
    """Them in one sentence or two."""
    names = [f"{a.namespace}/{a.name}" + (f" ({a.network})" if a.network else "") for a in agents]
    taints = sorted({describe_taint(taint) for agent in agents for taint in agent.taints})
    nodes = {node for agent in agents for node in agent.nodes}
    text = (
        f"{len(agents)} DaemonSets do not tolerate {', '.join(taints)} and leave {len(nodes)} GPU nodes at their next "
        f"update, or are missing there already: {name_some(names)}. Give them the toleration."
    )
    if any(agent.network for agent in agents):
        text += " Without a network plugin no pod starts on a node, and its network policies are enforced by nobody."
    return text


def selects(spec: Mapping[str, Any], name: str, labels: Mapping[str, str]) -> bool:
    """Whether a pod with this spec may run on a node, taints apart: by ``nodeSelector`` and required node affinity."""
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_meets(term, name, labels) for term in required.get("nodeSelectorTerms") or ())


def _meets(term: Mapping[str, Any], name: str, labels: Mapping[str, str]) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False  # an empty term matches nothing
    return matches(read_expressions(expressions), labels) and matches(read_expressions(fields), {"metadata.name": name})


def _repelling(spec: Mapping[str, Any], plan: NodePlan, wanted: Wanted) -> tuple[Taint, ...]:
    """Those of our taints that keep a pod off a node on which it would run otherwise."""
    node, ours = plan.node, wanted.taints_of(plan.node)
    repelled = untolerated(spec, ours)
    if not repelled or not selects(spec, node.name, {**node.labels, **wanted.labels_of(node)}):
        return ()
    slots = {slot_of(taint) for taint in ours}
    others = [taint for taint in node.taints if slot_of(taint) not in slots]
    return () if untolerated(spec, others) else tuple(repelled)
