# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DaemonSets that the taint keeps off GPU nodes: what they are for, and the toleration that keeps them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import (
    SIGNATURES,
    find_components,
    provider,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import split_reference
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.agents import intolerant_agents
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import NodePlan, Wanted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import Taint
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.dns_cache import find_dns_cache

Json = Mapping[str, Any]
CHARTS = {"node-feature-discovery": "worker.tolerations", "GPU Operator": "daemonsets.tolerations"}
"""Where charts have the tolerations of these DaemonSets, as their values.yaml says; others mostly ``tolerations``."""
_PURPOSES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("node-feature-discovery", ("node-feature-discovery",)),
    # Every CSI driver has this container on each node.
    ("storage (CSI)", ("csi-node-driver-registrar", "livenessprobe")),
    ("logs", ("fluent-bit", "fluentd", "promtail", "vector", "filebeat", "alloy", "opentelemetry-collector-contrib")),
    ("metrics of nodes", ("node-exporter",)),
)
"""By the last part of the repository of an image."""


@dataclass(frozen=True)
class CutOff:
    """A DaemonSet that leaves GPU nodes at its next update.

    Attributes:
        purpose: what it is for, in a word or two; empty where that is not known.
        network: whether nodes have no network without it.
        nodes: how many GPU nodes it leaves.
        tolerations: those that keep it.
        how: what to do.
    """

    namespace: str
    name: str
    purpose: str
    network: bool
    nodes: int
    tolerations: tuple[Json, ...]
    how: str


def cut_off(daemon_sets: Sequence[Json], plans: Sequence[NodePlan], wanted: Wanted) -> list[CutOff]:
    """All that would run on the nodes of these plans, were it not for our taints."""
    by_place = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in daemon_sets}
    found = []
    for agent in intolerant_agents(daemon_sets, plans, wanted):
        item = by_place[agent.namespace, agent.name]
        purpose = f"network: {agent.network}" if agent.network else _purpose(item)
        needed = tuple(_toleration(taint) for taint in agent.taints)
        how = _how(item, purpose, needed)
        found.append(CutOff(agent.namespace, agent.name, purpose, bool(agent.network), len(agent.nodes), needed, how))
    return sorted(found, key=lambda one: (not one.network, one.namespace, one.name))


def _purpose(daemon_set: Json) -> str:
    if find_dns_cache([daemon_set]):
        return "DNS"
    components = find_components([daemon_set], tuple(SIGNATURES), ())
    if components:
        return SIGNATURES[components[0].component].title
    containers = daemon_set["spec"]["template"]["spec"].get("containers") or ()
    ends = {split_reference(str(one.get("image", "")))[0].rpartition("/")[2] for one in containers}
    return next((purpose for purpose, images in _PURPOSES if ends & set(images)), "")


def _toleration(taint: Taint) -> dict[str, str]:
    value = {"operator": "Equal", "value": taint["value"]} if taint.get("value") else {"operator": "Exists"}
    return {"key": taint["key"], **value, "effect": taint["effect"]}


def _how(daemon_set: Json, purpose: str, tolerations: Sequence[Json]) -> str:
    """A patch, or the values of who would undo a patch."""
    by = provider(daemon_set)
    if by == "gpu-operator":
        return f"in the values of the GPU Operator's chart, {CHARTS['GPU Operator']}"
    if by == "helm":
        return f"in the values of its chart, {CHARTS.get(purpose, 'mostly tolerations')}"
    metadata, spec = daemon_set["metadata"], daemon_set["spec"]["template"]["spec"]
    path = "/spec/template/spec/tolerations"
    patch = (
        [{"op": "add", "path": f"{path}/-", "value": one} for one in tolerations]
        if spec.get("tolerations")
        else [{"op": "add", "path": path, "value": list(tolerations)}]
    )
    return (
        f"kubectl -n {metadata['namespace']} patch daemonset {metadata['name']} --type=json -p '{json.dumps(patch)}', "
        "and where it is installed from"
    )
