# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is measured, and on clusters of which size. Each case finds a cluster that nobody has hardened."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import admission
from cluster import BenchCluster
from job_cases import fleet, whole_job
from manifest_cases import manifests
from measure import Row
from node_cases import NodeCases
from peers import make_bare
from verify_cases import verify

SMALL, FEW, MANY = 8, 1000, 5000
"""GPU nodes. A sandbox has three nodes beside them."""


@dataclass(frozen=True)
class Case:
    """Something that can be measured by itself.

    Attributes:
        name: as in ``make bench BENCH=name``.
        sizes: the numbers of GPU nodes that it is measured with, from few to many.
    """

    name: str
    sizes: tuple[int, ...]
    measure: Callable[[BenchCluster, int], list[Row]]


def all_cases() -> tuple[Case, ...]:
    """In the order in which they run on clusters of one size."""
    return (
        Case("manifests", (SMALL,), manifests),
        Case("admission", (SMALL,), _admission),
        Case("fleet", (SMALL,), fleet),
        Case("nodes", (FEW, MANY), NodeCases()),
        Case("verify", (SMALL, MANY), verify),
        Case("whole_job", (SMALL, FEW, MANY), whole_job),
    )


def measure_all(cluster: BenchCluster, names: Collection[str], most: int) -> list[Row]:
    """The cases of these names, on clusters of at most so many GPU nodes; the cluster grows and never shrinks."""
    cases = [case for case in all_cases() if case.name in names]
    rows: list[Row] = []
    for size in sorted({size for case in cases for size in case.sizes if size <= most}):
        cluster.grow(size)
        for case in cases:
            if size in case.sizes:
                make_bare(cluster)
                rows += case.measure(cluster, size)
    return rows


def _admission(cluster: BenchCluster, _gpu_nodes: int) -> list[Row]:
    cluster.playbook("pod_security", "rbac", "admission_policies", admission_policies_cluster_wide={})
    cluster.settle()
    return [admission.measure(cluster.sandbox.kubeconfig, "ml-training", "ml-trainer")]
