# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is measured, in an order in which each case finds the cluster as it needs it."""

from __future__ import annotations

from itertools import count

import admission
from audit_log import AuditLog
from cluster import BenchCluster
from measure import Comparison, Row, median, seconds_of, value
from mixed_manifests import mixed_manifests, save
from peers import KubernetesCore, Script, kubectl_apply, kubectl_marks, unmark

FEW, MANY = 1000, 5000
SAMPLE = 20  # nodes that kubernetes.core is measured on
MEMORY_MB = 250
LINEAR = 1.2  # how much dearer one node or object of MANY may be than one of FEW


def measure_all(cluster: BenchCluster, kubernetes_core: KubernetesCore) -> list[Row]:
    """Every case: first with few nodes and objects, then with many."""
    cluster.grow(FEW)
    cluster.playbook()
    script = Script.of_hardened(cluster)
    rows = [
        *_node_cases(cluster, kubernetes_core),
        *_manifest_cases(cluster),
        *_playbook_cases(cluster, script),
    ]
    cluster.grow(MANY)
    few_seconds = next(row["ours_s"] for row in rows if row["case"] == NODES)
    return [
        *rows,
        *_large_node_cases(cluster, script, few_seconds),
        *_large_manifest_cases(cluster),
        _admission_case(cluster),
    ]


NODES = f"label and taint {FEW:,} GPU nodes: the module"
NODES_PLAY = f"label and taint {FEW:,} GPU nodes: a playbook of one task"
MANIFESTS = f"apply {FEW:,} mixed manifests: the module"


def _node_cases(cluster: BenchCluster, kubernetes_core: KubernetesCore) -> list[Row]:
    def extrapolated(seconds: float) -> float:
        return startup + (seconds - startup) * FEW / SAMPLE

    def theirs() -> None:
        kubernetes_core.mark(cluster, [f"gpu-{number}" for number in range(SAMPLE)])

    with_kubectl = Comparison(
        NODES,
        "kubectl label + taint",
        lambda: cluster.module("gpu_nodes"),
        lambda: kubectl_marks(cluster),
        1 / 3,
        lambda: unmark(cluster),
    )
    startup = median("start of ansible-playbook", lambda: seconds_of(lambda: kubernetes_core.mark(cluster, [])))
    with_kubernetes_core = Comparison(
        NODES_PLAY,
        f"{kubernetes_core.version}, from {SAMPLE} nodes",
        lambda: cluster.tasks({"gpu_cluster.hardening.gpu_nodes": {}}),
        theirs,
        1 / 100,
        lambda: unmark(cluster),
        extrapolated,
    )
    return [with_kubectl.measure(), with_kubernetes_core.measure()]


def _manifest_cases(cluster: BenchCluster) -> list[Row]:
    rounds = count()

    def ours() -> None:
        cluster.module("manifests", manifests=mixed_manifests(FEW, f"ours-{next(rounds)}"))

    def theirs() -> None:
        kubectl_apply(cluster, save(mixed_manifests(FEW, f"theirs-{next(rounds)}"), cluster.home / "mixed.json"))

    row = Comparison(MANIFESTS, "kubectl apply --server-side", ours, theirs, 0.5, cluster.settle).measure()
    audit = AuditLog(cluster.sandbox.audit_log, cluster.sandbox.kubectl)
    again = mixed_manifests(FEW, "ours-0")
    audit.mark()
    cluster.module("manifests", manifests=again)
    requests = audit.requests()
    return [
        row,
        value(f"{FEW:,} manifests again, unchanged: write requests", len(requests.writes), 0),
        value(
            f"{FEW:,} manifests again, unchanged: most requests for one kind in one namespace",
            max(requests.per_kind_and_namespace().values()),
            2,
        ),
    ]


def _playbook_cases(cluster: BenchCluster, script: Script) -> list[Row]:
    first = Comparison(
        f"the playbook, {FEW:,} GPU nodes, first run",
        "script of kubectl commands",
        cluster.playbook,
        script,
        1.0,
        script.undo,
    ).measure()
    cluster.playbook()
    audit = AuditLog(cluster.sandbox.audit_log, cluster.sandbox.kubectl)
    cluster.playbook()
    writes = len(audit.requests().writes)
    return [
        first,
        _unchanged(cluster, script, FEW),
        value(f"the playbook, {FEW:,} GPU nodes, unchanged: write requests", writes, 0),
    ]


def _unchanged(cluster: BenchCluster, script: Script, nodes: int) -> Row:
    cluster.playbook()
    script()
    case = f"the playbook, {nodes:,} GPU nodes, unchanged"
    return Comparison(case, "script of kubectl commands", cluster.playbook, script, 0.6, cluster.settle).measure()


def _large_node_cases(cluster: BenchCluster, script: Script, few_seconds: float) -> list[Row]:
    peaks: list[float] = []

    def ours() -> float:
        return seconds_of(lambda: peaks.append(cluster.module("gpu_nodes").peak_mb))

    seconds = median(f"label and taint {MANY:,} GPU nodes: seconds", ours, lambda: unmark(cluster))
    return [
        value(f"peak memory of the module gpu_nodes, {MANY:,} nodes (MB)", round(max(peaks)), MEMORY_MB),
        value(_linear("labelling and tainting one node", "nodes"), _growth(seconds, few_seconds), LINEAR),
        _unchanged(cluster, script, MANY),
    ]


def _large_manifest_cases(cluster: BenchCluster) -> list[Row]:
    peaks: list[float] = []
    rounds = count()

    def seconds(objects: int) -> float:
        cluster.settle()
        manifests = mixed_manifests(objects, f"many-{next(rounds)}")
        return seconds_of(lambda: peaks.append(cluster.module("manifests", manifests=manifests).peak_mb))

    growth = _linear("applying one manifest", "manifests")
    measured = median(growth, lambda: _growth(many_seconds=seconds(MANY), few_seconds=seconds(FEW)))
    return [
        value(f"peak memory of the module manifests, {MANY:,} objects (MB)", round(max(peaks)), MEMORY_MB),
        value(growth, measured, LINEAR),
    ]


def _admission_case(cluster: BenchCluster) -> Row:
    """Last, and the policies are taken away again, so that no other case is measured under them."""
    cluster.playbook("pod_security", "rbac", "admission_policies", admission_policies_cluster_wide={})
    cluster.settle()
    row = admission.measure(cluster.sandbox.kubeconfig, "ml-training", "ml-trainer")
    cluster.playbook("admission_policies", admission_policies_state="absent")
    return row


def _linear(what: str, unit: str) -> str:
    return f"time of {what}: of {MANY:,} {unit} / of {FEW:,}"


def _growth(many_seconds: float, few_seconds: float) -> float:
    return round(many_seconds / MANY / (few_seconds / FEW), 2)
