# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what the admission policies add to the creation of a pod.

The same pod is created in turn in a namespace that all policies hold in and in one that none does, so that whatever
else happens on the machine happens to both. By itself, on a cluster with the policies of role ``admission_policies``:
``python tests/bench/admission.py KUBECONFIG NAMESPACE SERVICE_ACCOUNT``
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

from kubernetes import client, config

PODS = 300
WARM_UP = 20
GOAL = 1.15
FREE = "bench-no-policies"
DIGEST = "sha256:" + "0" * 64
SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod(name: str, account: str) -> dict[str, Any]:
    """A training pod as it should be: two containers, two volumes, a GPU."""
    containers = [
        {
            "name": container,
            "image": f"registry.internal/{container}@{DIGEST}",
            "securityContext": SECURITY,
            "env": [{"name": "EPOCHS", "value": "10"}],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi", **({"nvidia.com/gpu": "1"} if gpu else {})}},
            "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "creds", "mountPath": "/creds"}],
        }
        for container, gpu in (("trainer", True), ("uploader", False))
    ]
    spec = {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "nodeSelector": {"bench": "nowhere"},
        "containers": containers,
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "creds", "secret": {"secretName": "creds", "defaultMode": 0o400}},
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def measure(kubeconfig: str, namespace: str, account: str) -> dict[str, Any]:
    """Seconds for a pod with and without policies (medians), and their ratio: a row of docs/benchmarks.json."""
    core = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    core.create_namespace({"metadata": {"name": FREE, "labels": labels}})
    times: dict[str, list[float]] = {namespace: [], FREE: []}
    try:
        core.create_namespaced_service_account(FREE, {"metadata": {"name": account}})
        for number in range(PODS):
            for place in sorted(times, reverse=number % 2 == 0):  # neither is always first
                body = pod(f"bench-{number}", account)
                started = time.perf_counter()
                core.create_namespaced_pod(place, body)
                if number >= WARM_UP:
                    times[place].append(time.perf_counter() - started)
    finally:
        for place in times:
            core.delete_collection_namespaced_pod(place, grace_period_seconds=0)
        core.delete_namespace(FREE)
    ours, peer = statistics.median(times[namespace]), statistics.median(times[FREE])
    return {
        "case": f"create a pod under all admission policies ({PODS} pods)",
        "ours_s": round(ours, 5),
        "peer": "no policies",
        "peer_s": round(peer, 5),
        "ratio": round(ours / peer, 3),
        "goal": GOAL,
    }


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
