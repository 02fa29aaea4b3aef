# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what the admission policies add to the creation of a pod.

The same pod is created in turn in a namespace that all policies hold in and in one that none does, so that whatever
else happens on the machine happens to both. By itself, on a cluster with the policies of role ``admission_policies``
and ``admission_policies_cluster_wide: {}``: ``python tests/bench/admission.py KUBECONFIG NAMESPACE SERVICE_ACCOUNT``
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from measure import RUNS, Row, say

PODS = 300
WARM_UP = 20
GOAL = 1.15
IN_FORCE_SECONDS = 60
DIGEST = "sha256:" + "0" * 64
SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def measure(kubeconfig: Path, namespace: str, account: str) -> Row:
    """Seconds for a pod with and without policies, and their ratio: the run with the median of several.

    Raises:
        TimeoutError: the policies do not hold in the namespace.
    """
    core = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))
    _wait_for_policies(core, namespace, account)
    case = f"create a pod under all admission policies ({PODS} pods)"
    results: list[tuple[float, float, float]] = []
    for number in range(1, RUNS + 1):
        with _free_namespace(core, namespace, account) as free:
            ours, theirs = _medians(core, namespace, free, account)
        results.append((ours / theirs, ours, theirs))
        say(f"{case}, run {number} of {RUNS}: {ours * 1000:.2f} ms, without policies {theirs * 1000:.2f} ms")
    ratio, ours, theirs = sorted(results)[RUNS // 2]
    return {
        "case": case,
        "ours_s": round(ours, 5),
        "peer": "no policies",
        "peer_s": round(theirs, 5),
        "ratio": round(ratio, 4),
        "goal": GOAL,
    }


def pod(name: str, account: str) -> dict[str, Any]:
    """A training pod as it should be: two containers, two volumes, a GPU. No scheduler looks at it."""
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
        "schedulerName": "nobody",
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "containers": containers,
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "creds", "secret": {"secretName": "creds", "defaultMode": 0o400}},
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _wait_for_policies(core: client.CoreV1Api, namespace: str, account: str) -> None:
    """Until an image without digest is refused: the server takes a moment to act on a policy."""
    unpinned = pod("unpinned", account)
    unpinned["spec"]["containers"][0]["image"] = "registry.internal/trainer:v1"
    end = time.monotonic() + IN_FORCE_SECONDS
    while True:
        try:
            core.create_namespaced_pod(namespace, unpinned, dry_run="All")
        except ApiException as error:
            if "ValidatingAdmissionPolicy" in error.body:
                return
            raise
        if time.monotonic() > end:
            raise TimeoutError(f"no policy refuses an image without digest in {namespace}")
        time.sleep(0.5)


@contextmanager
def _free_namespace(core: client.CoreV1Api, like: str, account: str) -> Iterator[str]:
    """A namespace of no stage, with the Pod Security levels of another.

    Never the same: the server is slow to look up one that was deleted a moment ago.
    """
    name = f"bench-free-{uuid.uuid4().hex[:8]}"
    given = core.read_namespace(like).metadata.labels
    labels = {key: value for key, value in given.items() if key.startswith("pod-security.kubernetes.io/")}
    core.create_namespace({"metadata": {"name": name, "labels": labels}})
    try:
        core.create_namespaced_service_account(name, {"metadata": {"name": account}})
        yield name
    finally:
        core.delete_namespace(name)


def _medians(core: client.CoreV1Api, namespace: str, free: str, account: str) -> tuple[float, float]:
    """Seconds for one pod in either namespace."""
    times: dict[str, list[float]] = {namespace: [], free: []}
    try:
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
    return statistics.median(times[namespace]), statistics.median(times[free])


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), *sys.argv[2:])))
