# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verifying a cluster takes, beside a linter of manifests that people run on what kubectl gives them."""

from __future__ import annotations

import json
from typing import Any

from audit_log import AuditLog
from cluster import BenchCluster
from measure import Comparison, Row, cost_of, say, value
from peers import KubeScore

STAGES = 20
PODS_OF_NODE = 2
CPU_SECONDS, MEMORY_MB = 60, 400
"""Goals at 5,000 nodes; smaller clusters are held against them, too."""
READ_BY_PEER = "pods,services,deployments,statefulsets,daemonsets,jobs,cronjobs,networkpolicies,poddisruptionbudgets"


def verify(cluster: BenchCluster, gpu_nodes: int) -> list[Row]:
    """A report on many pods in many stages, with the probes that are its default and without."""
    pods = gpu_nodes * PODS_OF_NODE
    _fill(cluster, pods)
    peer = KubeScore.installed()
    case = f"verify {gpu_nodes:,} GPU nodes, {STAGES} stages, {pods:,} pods"
    peaks: list[float] = []

    def ours() -> None:
        peaks.append(_report(cluster, probes=False))

    rows = Comparison(
        f"{case}, without probes",
        f"kubectl get, {peer.version}",
        ours,
        lambda: peer.score(cluster, READ_BY_PEER),
        {"wall": None, "cpu": None},
        cluster.settle,
    ).measure()
    cluster.settle()
    audit = AuditLog(cluster.sandbox.audit_log, cluster.sandbox.kubectl)
    cost = cost_of(lambda: peaks.append(_report(cluster, probes=True)))
    requests = audit.requests()
    return [
        *rows,
        value(f"{case}, with probes: CPU (s)", round(cost.cpu, 2), CPU_SECONDS),
        value(f"{case}, with probes: peak memory (MB)", round(max(peaks)), MEMORY_MB),
        value(f"{case}, with probes: lists of one kind", _most_lists(requests.all), 2),
        value(f"{case}, with probes: write requests", len(requests.writes), 0),
    ]


def _most_lists(requests: Any) -> int:
    """Most first pages of one kind."""
    firsts = [one.resource for one in requests if one.verb == "list" and "continue=" not in one.uri]
    return max(firsts.count(resource) for resource in set(firsts))


def _report(cluster: BenchCluster, probes: bool) -> float:
    done = cluster.module("cluster_audit_info", name="bench", stages=_stages(), probes=probes, return_report=False)
    return done.peak_mb


def _stages() -> list[dict[str, Any]]:
    return [
        {
            "name": f"stage-{number}",
            "namespace": f"ml-bench-{number}",
            "gpu": True,
            "pod_security": {"enforce": "restricted"},
            "service_account": {"name": "trainer"},
            "pods": {"app": "train"},
        }
        for number in range(STAGES)
    ]


def _fill(cluster: BenchCluster, pods: int) -> None:
    """A Deployment in each stage, with its part of the pods."""
    say(f"starting {pods:,} pods in {STAGES} namespaces")
    items: list[dict[str, Any]] = []
    for number, stage in enumerate(_stages()):
        labels, replicas = stage["pods"], (pods + number) // STAGES
        container = {"name": "main", "image": "registry.internal/ml-trainer@sha256:" + "0" * 64}
        toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "tolerations": [toleration]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        place = {"name": "train", "namespace": stage["namespace"]}
        items.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage["namespace"]}})
        items.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": place, "spec": spec})
    path = cluster.home / "stages.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), encoding="utf-8")
    cluster.kubectl("apply", "--server-side", "--field-manager=bench", "-f", str(path))
    for stage in _stages():
        cluster.kubectl("rollout", "status", "deployment/train", "-n", stage["namespace"], "--timeout=60m")
    cluster.settle()
