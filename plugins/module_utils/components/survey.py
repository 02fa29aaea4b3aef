# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a cluster what of the GPU stack it has, and which nodes a DaemonSet of ours would reach. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.if_there import get_if_there
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import (
    HardeningError,
    join_failures,
    name_some,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_subdomain_problem,
    label_problems,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import (
    Found,
    describe,
    find_components,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.reach import (
    Unreached,
    describe_advertised,
    describe_unreached,
    unreached,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.guards import DAEMON_SETS_PATH
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import NODES_PATH
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.taints import read_taints
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import Taint

RUNTIME_CLASSES_PATH = "/apis/node.k8s.io/v1/runtimeclasses"


@dataclass(frozen=True)
class Question:
    """What to look for.

    Attributes:
        components: names of :data:`gpu_components.SIGNATURES`.
        taints: which the pods of what is found should tolerate.
        node_selector: labels of the nodes that are meant; empty not to look at nodes.
        runtime_class: name of a RuntimeClass that should exist; empty for none.
        planned: by node name, the ``labels`` and ``taints`` that a task before would set.
    """

    components: tuple[str, ...]
    taints: tuple[Taint, ...]
    node_selector: Mapping[str, str]
    runtime_class: str = ""
    planned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Coverage:
    """Which nodes a selector reaches.

    Attributes:
        selected: how many nodes have the labels.
        gpu: names of all GPU nodes.
        left_out: names of GPU nodes without the labels.
    """

    selector: Mapping[str, str]
    selected: int
    gpu: tuple[str, ...]
    left_out: tuple[str, ...]

    def warnings(self) -> list[str]:
        """What a user should know of it."""
        labels = ",".join(f"{key}={value}" for key, value in sorted(self.selector.items()))
        if not self.selected:
            seen = f"{len(self.gpu)} nodes have GPUs ({name_some(self.gpu)})" if self.gpu else "no node shows a GPU"
            return [f"No node has the labels {labels}, so nothing will run; {seen}. The role gpu_nodes sets them."]
        if not self.left_out:
            return []
        return [
            f"{len(self.left_out)} of {len(self.gpu)} GPU nodes lack the labels {labels} and are left out: "
            f"{name_some(self.left_out)}. The role gpu_nodes sets them."
        ]


@dataclass(frozen=True)
class Survey:
    """What there is.

    Attributes:
        coverage: None where nodes were not asked for.
        missing: the RuntimeClass that was asked for and does not exist; empty otherwise.
        unreached: GPU nodes whose taints keep a component away.
        notes: more that a user should know.
    """

    found: tuple[Found, ...]
    coverage: Coverage | None
    missing: str = ""
    unreached: tuple[Unreached, ...] = ()
    notes: tuple[str, ...] = ()

    def result(self) -> dict[str, Any]:
        """What the module returns."""
        result: dict[str, Any] = {
            "components": [entry.facts() for entry in self.found if not entry.own],
            "own": [entry.facts() for entry in self.found if entry.own],
            "missing_runtime_class": self.missing,
        }
        if self.coverage is not None:
            result["nodes"] = {
                "selected": self.coverage.selected,
                "gpu": len(self.coverage.gpu),
                "left_out": list(self.coverage.left_out),
                "unreached": [entry.facts() for entry in self.unreached],
            }
        return result

    def refuse(self, hint: str) -> None:
        """Refuse what others provide, where there is a hint what to do about it.

        Raises:
            HardeningError: there is such a component.
        """
        found = [entry for entry in self.found if not entry.own]
        if hint and found:
            names = ", ".join(f"{entry.namespace}/{entry.name} ({entry.component})" for entry in found)
            raise HardeningError(f"There already is {names}. {hint}")

    def warnings(self) -> list[str]:
        """What a user should know of it."""
        warnings = [*describe(self.found), *(self.coverage.warnings() if self.coverage else ())]
        warnings += [*describe_unreached(self.unreached), *self.notes]
        if self.missing:
            warnings.append(
                f"There is no RuntimeClass {self.missing}, so pods that name it are refused. "
                "The role device_plugin makes it, and so does the GPU Operator."
            )
        return warnings


def parse_question(params: Mapping[str, Any]) -> Question:
    """Check the module's parameters, before any request.

    Raises:
        HardeningError: names every problem.
    """
    problems = [f"node_selector: {problem}" for problem in label_problems(params["node_selector"])]
    name = params["runtime_class"]
    problem = dns_subdomain_problem(name, "runtime_class") if name else None
    problems += [problem] if problem else []
    taints = tuple(read_taints(Entry("taints", params["taints"], problems)))
    if problems:
        raise HardeningError(join_failures("Invalid labels or taints", problems))
    components = tuple(dict.fromkeys(params["components"]))
    planned = {node["name"]: node for node in params.get("planned_nodes", ())}
    return Question(components, taints, params["node_selector"], params["runtime_class"], planned)


def survey(client: Client, question: Question) -> Survey:
    """Look at all DaemonSets, at the nodes if there is a selector, and at the RuntimeClass if one is named."""
    found: dict[tuple[str, str, str], Found] = {}
    for page in client.pages(DAEMON_SETS_PATH):
        for entry in find_components(page["items"], question.components, question.taints):
            found[entry.component, entry.namespace, entry.name] = entry
    missing = question.runtime_class if not _exists(client, question.runtime_class) else ""
    if not question.node_selector:
        return Survey(tuple(found.values()), None, missing)
    nodes: dict[str, GpuNode] = {}
    for page in client.pages(NODES_PATH):
        for item in page["items"]:
            nodes[item["metadata"]["name"]] = _as_planned(gpu_node(item, ""), question.planned)
    everyone, providers = list(nodes.values()), tuple(found.values())
    return Survey(
        providers,
        coverage(everyone, question.node_selector),
        missing,
        tuple(unreached(everyone, providers, question.components, question.node_selector, question.taints)),
        tuple(describe_advertised(everyone, providers, question.components)),
    )


def coverage(nodes: Sequence[GpuNode], selector: Mapping[str, str]) -> Coverage:
    """Which of these nodes have the labels, and which GPU nodes have not."""
    selected = {node.name for node in nodes if selector.items() <= node.labels.items()}
    gpu = tuple(node.name for node in nodes if node.found_by)
    return Coverage(selector, len(selected), gpu, tuple(name for name in gpu if name not in selected))


def _as_planned(node: GpuNode, planned: Mapping[str, Mapping[str, Any]]) -> GpuNode:
    plan = planned.get(node.name)
    return replace(node, labels={**node.labels, **plan["labels"]}, taints=tuple(plan["taints"])) if plan else node


def _exists(client: Client, runtime_class: str) -> bool:
    return not runtime_class or get_if_there(client, f"{RUNTIME_CLASSES_PATH}/{runtime_class}") is not None
