# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which GPU nodes taints keep a component from, and which offer GPUs that nobody is known to provide. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import SIGNATURES, Found
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import (
    Taint,
    describe_taint,
    untolerated,
)

_TOLERATES_ALL = frozenset({"falco"})
"""Those that this collection applies with a toleration of everything."""
# What the controller of DaemonSets lets its pods tolerate by itself.
_TOLERATED_ANYWAY = frozenset(
    f"node.kubernetes.io/{state}"
    for state in ("not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
)


@dataclass(frozen=True)
class Unreached:
    """A GPU node that has no pod of a component, and the taints that are why."""

    component: str
    node: str
    taints: tuple[Taint, ...]

    def facts(self) -> dict[str, Any]:
        """As the module returns it."""
        return {"component": self.component, "node": self.node, "taints": [dict(taint) for taint in self.taints]}


def unreached(
    nodes: Sequence[GpuNode],
    found: Sequence[Found],
    components: Sequence[str],
    selector: Mapping[str, str],
    tolerated: Sequence[Taint],
) -> list[Unreached]:
    """GPU nodes from which taints keep all pods of a component away.

    Args:
        nodes: all nodes.
        found: DaemonSets that provide a component. Where there is none, the one that would be applied counts.
        components: what is looked for.
        selector: labels of the nodes on which it would run.
        tolerated: the taints that it would tolerate.
    """
    result = []
    for component in components:
        specs = [entry.pod_spec for entry in found if entry.component == component]
        if not specs:
            tolerations = [{"operator": "Exists"}] if component in _TOLERATES_ALL else map(_toleration, tolerated)
            specs = [{"nodeSelector": selector, "tolerations": list(tolerations)}]
        for node in nodes:
            kept_away = [_repelling(spec, node) for spec in specs if _selects(spec, node) and node.found_by]
            if kept_away and all(kept_away):
                result.append(Unreached(component, node.name, min(kept_away, key=len)))
    return result


def describe_unreached(entries: Sequence[Unreached]) -> list[str]:
    """Warnings, one for each component and set of taints."""
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        taints = ", ".join(describe_taint(taint) for taint in entry.taints)
        groups.setdefault((entry.component, taints), []).append(entry.node)
    return [
        f"{len(nodes)} GPU nodes get no {SIGNATURES[component].title.removeprefix('the ')}, as it does not tolerate "
        f"their taint {taints}: {name_some(nodes)}. Name the taint in {component}_taints, or give it the toleration."
        for (component, taints), nodes in groups.items()
    ]


def describe_advertised(nodes: Sequence[GpuNode], found: Sequence[Found], components: Sequence[str]) -> list[str]:
    """A warning where nodes offer GPUs, but no DaemonSet provides the device plugin."""
    offering = [node.name for node in nodes if node.gpus or any(node.mig.values())]
    if "device_plugin" not in components or not offering or any(entry.component == "device_plugin" for entry in found):
        return []
    return [
        f"{len(offering)} nodes offer GPUs already ({name_some(offering)}), and no DaemonSet is known that provides "
        "them. If the device plugin is part of the node's system, as with Bottlerocket, a second one is a rival: leave "
        "the role device_plugin out."
    ]


def _toleration(taint: Taint) -> dict[str, str]:
    value = {"operator": "Equal", "value": taint["value"]} if taint.get("value") else {"operator": "Exists"}
    return {"key": taint["key"], "effect": taint["effect"], **value}


def _selects(spec: Mapping[str, Any], node: GpuNode) -> bool:
    return (spec.get("nodeSelector") or {}).items() <= node.labels.items()


def _repelling(spec: Mapping[str, Any], node: GpuNode) -> tuple[Taint, ...]:
    return tuple(taint for taint in untolerated(spec, node.taints) if taint["key"] not in _TOLERATED_ANYWAY)
