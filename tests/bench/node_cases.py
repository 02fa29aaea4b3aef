# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints of GPU nodes."""

from __future__ import annotations

from cluster import BenchCluster
from measure import Comparison, Row, median, seconds_of, value
from peers import CONFIRMED, KubernetesCore, kubectl_marks, unmark

SAMPLE = 20  # nodes that kubernetes.core is measured on
MEMORY_MB = 250
LINEAR = 1.2  # how much dearer one of many nodes may be than one of few


class NodeCases:
    """Keeps what few nodes took until there are many."""

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self._few: tuple[int, float] | None = None

    def __call__(self, cluster: BenchCluster, gpu_nodes: int) -> list[Row]:
        """First with few nodes, beside kubectl and kubernetes.core; then with many, beside few."""
        if self._few is None:
            with_kubectl = _beside_kubectl(cluster, gpu_nodes)
            rows = [*with_kubectl, *_beside_kubernetes_core(cluster, gpu_nodes)]
            self._few = gpu_nodes, with_kubectl[0]["ours_s"]
        else:
            rows = _beside_few(cluster, gpu_nodes, *self._few)
        return rows


def _beside_kubectl(cluster: BenchCluster, gpu_nodes: int) -> list[Row]:
    return Comparison(
        f"label and taint {gpu_nodes:,} GPU nodes: the module",
        "kubectl label + taint",
        lambda: cluster.module("gpu_nodes", **CONFIRMED),
        lambda: kubectl_marks(cluster),
        {"wall": 1 / 3},
        lambda: unmark(cluster),
    ).measure()


def _beside_kubernetes_core(cluster: BenchCluster, gpu_nodes: int) -> list[Row]:
    peer = KubernetesCore.installed()
    sample = min(SAMPLE, gpu_nodes)
    startup = median("start of ansible-playbook", lambda: seconds_of(lambda: peer.mark(cluster, [])))
    return Comparison(
        f"label and taint {gpu_nodes:,} GPU nodes: a playbook of one task",
        f"{peer.version}, from {sample} nodes",
        lambda: cluster.tasks({"gpu_cluster.hardening.gpu_nodes": CONFIRMED}),
        lambda: peer.mark(cluster, [f"gpu-{number}" for number in range(sample)]),
        {"wall": 1 / 100},
        lambda: unmark(cluster),
        lambda seconds: startup + (seconds - startup) * gpu_nodes / sample,
    ).measure()


def _beside_few(cluster: BenchCluster, gpu_nodes: int, few: int, few_seconds: float) -> list[Row]:
    peaks: list[float] = []

    def ours() -> float:
        return seconds_of(lambda: peaks.append(cluster.module("gpu_nodes", **CONFIRMED).peak_mb))

    seconds = median(f"label and taint {gpu_nodes:,} GPU nodes: seconds", ours, lambda: unmark(cluster))
    growth = round(seconds / gpu_nodes / (few_seconds / few), 2)
    return [
        value(f"peak memory of the module gpu_nodes, {gpu_nodes:,} nodes (MB)", round(max(peaks)), MEMORY_MB),
        value(f"time of labelling and tainting one node: of {gpu_nodes:,} nodes / of {few:,}", growth, LINEAR),
    ]
