# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large cluster in pages, as the API server sends it; run it to measure what verifying it takes.

5,000 nodes with the labels of NFD, 20 stages, and 10,000 pods of 400 Deployments and 2,000 Jobs, with status and
managedFields. Prints seconds of CPU and the most memory, of reading and judging, without the requests.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import BY_NAME, LAYERS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.report import assemble
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.slim import Slimmer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import Snapshot, in_order, key_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.model import validate
from cluster_objects import (
    DIGEST,
    GPU,
    Json,
    account,
    binding,
    container,
    made,
    node,
    pod,
    pod_spec,
    policy,
    role,
    workload,
)
from good_cluster import DEFAULTS, SETTINGS, TAINT, TODAY

PAGE = 500
NODES, STAGES, PODS, JOBS = 5000, 20, 10_000, 2000


def stages() -> list[Json]:
    """So many, each like the article's training."""
    first = DEFAULTS["gpu_cluster_default_stages"][0]
    return validate([{**first, "name": f"stage-{n}", "namespace": f"ml-{n}"} for n in range(STAGES)])


def managed(paths: int) -> list[Json]:
    fields = {f"f:field-{n}": {"f:inner": {}, ".": {}} for n in range(paths)}
    entry = {"operation": "Update", "apiVersion": "v1", "time": "2026-11-28T00:00:00Z", "fieldsType": "FieldsV1"}
    return [
        {**entry, "manager": name, "fieldsV1": {"f:metadata": fields, "f:status": fields}}
        for name in ("kubelet", "nfd")
    ]


def nodes() -> Iterator[Json]:
    features = {f"feature.node.kubernetes.io/cpu-feature.{n}": "true" for n in range(80)}
    for number in range(NODES):
        labels = {
            **features,
            "node-type": "gpu",
            "nvidia.com/gpu.present": "true",
            "kubernetes.io/hostname": f"gpu-{number}",
        }
        item = node(f"gpu-{number}", labels, [TAINT], 8)
        item["metadata"]["managedFields"] = managed(60)
        item["status"]["images"] = [
            {"names": [f"registry.internal/image-{n}@{DIGEST}"], "sizeBytes": n} for n in range(50)
        ]
        yield item


def pods() -> Iterator[Json]:
    for number in range(PODS):
        of_job = number % 2 == 0
        name = f"train-{number % (2 * JOBS)}" if of_job else f"serve-{number % 400}-5d4f"
        spec = pod_spec(
            container(resources=GPU), account="ml-trainer", volumes=[{"name": f"kube-api-access-{number % 9}abcd"}]
        )
        spec["containers"][0]["args"] = [f"--of={name}"]
        owner = ("Job", name) if of_job else ("ReplicaSet", name)
        namespace = f"ml-{int(name.split('-')[1]) % STAGES}"
        item = pod(f"{name}-{number}", namespace, spec, f"gpu-{number % NODES}", owner, app="training-job")
        item["metadata"]["managedFields"] = managed(40)
        item["status"]["conditions"] = [{"type": f"c{n}", "status": "True", "message": "x" * 200} for n in range(6)]
        yield item


def others() -> Iterator[Json]:
    for number in range(STAGES):
        namespace = f"ml-{number}"
        yield made("Namespace", namespace, labels={"pod-security.kubernetes.io/enforce": "restricted"})
        yield made("ServiceAccount", "ml-trainer", namespace)
        yield policy("default-deny", namespace)
    for number in range(400):
        spec = pod_spec(container(resources=GPU), account="ml-trainer")
        yield workload("Deployment", f"serve-{number}", f"ml-{number % STAGES}", spec, pods={"app": "training-job"})
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
        yield role(f"role-{number}", *rules, namespace=f"ml-{number % STAGES}")
        yield binding(
            f"b-{number}",
            account(f"ml-{number % STAGES}", "ml-trainer"),
            f"role-{number}",
            f"ml-{number % STAGES}",
            "Role",
        )
    for number in range(0, 2 * JOBS, 2):
        yield workload("Job", f"train-{number}", f"ml-{number % STAGES}", pod_spec(container(resources=GPU)))


def pages(items: Iterator[Json]) -> Iterator[bytes]:
    page: list[Json] = []
    for item in items:
        page.append(item)
        if len(page) == PAGE:
            yield json.dumps({"items": page}).encode()
            page = []
    yield json.dumps({"items": page}).encode()


def measure() -> dict[str, Any]:
    """Seconds of CPU and megabytes; making the pages is not counted as CPU."""
    slim = Slimmer()
    found: dict[str, dict[tuple[str, str], Json]] = {name: {} for name in (*BY_NAME, LAYERS)}
    spent, size = 0.0, 0
    for source in (nodes(), pods(), others()):
        for page in pages(source):
            size += len(page)
            begun = time.process_time()
            for item in json.loads(page)["items"]:
                found[item["kind"]][key_of(item)] = slim(BY_NAME[item["kind"]], item)
            spent += time.process_time() - begun
    begun = time.process_time()
    snapshot = Snapshot("api", TODAY, {kind: in_order(items) for kind, items in found.items()}, version="v1.37.2")
    cluster = Cluster(snapshot, replace(SETTINGS, stages=stages(), expected_layers=()), today=TODAY)
    report = assemble(cluster, judge(cluster, CHECKS), "large", "high", {})
    text = json.dumps(report)
    judged = time.process_time() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "answers_mb": round(size / 1e6),
        "reading_s": round(spent, 2),
        "judging_s": round(judged, 2),
        "memory_mb": round(memory),
        "report_mb": round(len(text) / 1e6, 1),
        "findings": report["summary"]["findings"],
    }


if __name__ == "__main__":
    sys.stdout.write(f"{measure()}\n")
