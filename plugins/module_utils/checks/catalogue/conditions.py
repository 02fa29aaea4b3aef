# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When checks are about anything, and how one rule is asked of all pods. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import Workload

STAGES = Condition(lambda cluster: bool(cluster.stages), "None of the stages has a namespace here.")
STAGE_PODS = Condition(lambda cluster: bool(cluster.stage_workloads), "No pod is in the namespace of a stage.")
PODS = Condition(lambda cluster: bool(cluster.workloads), "There are no pods.")
GPU_NODES = Condition(lambda cluster: bool(cluster.gpu_nodes), "No node shows a GPU.")

Find = Callable[[Cluster], Iterable[Finding]]
Rule = Callable[[Workload], Iterable[Finding]]


def everywhere(rule: Rule) -> Find:
    """Ask it of all pods and templates."""

    def find(cluster: Cluster) -> Iterator[Finding]:
        for workload in cluster.workloads:
            yield from rule(workload)

    return find


def in_stages(rule: Rule) -> Find:
    """Ask it of the pods and templates in the namespaces of stages."""

    def find(cluster: Cluster) -> Iterator[Finding]:
        for workload in cluster.stage_workloads:
            yield from rule(workload)

    return find
