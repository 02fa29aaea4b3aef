# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the GPU stack share: nodes as the role gpu_nodes leaves them, and what a component leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from module_runs import ModuleRunner
from sandbox_access import Kubectl
from waiting import wait_for

LABELS = {"node-type": "gpu", "node-restriction.kubernetes.io/node-type": "gpu"}
# The sandbox gives its GPU nodes this label, which no kubelet can set.
CONFIRMED = {"label_selector": "node-restriction.kubernetes.io/pool=gpu"}
TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
PART_OF = "app.kubernetes.io/part-of=gpu-cluster-hardening"


@contextmanager
def gpu_nodes(home: Path, kubeconfig: Path) -> Iterator[None]:
    """Label and taint the GPU nodes for as long as it lasts."""
    run = ModuleRunner(home, {"kubeconfig": str(kubeconfig), "labels": LABELS, "taints": [TAINT], **CONFIRMED})
    run("gpu_nodes")
    try:
        yield
    finally:
        run("gpu_nodes", state="absent")


def nodes_of(kubectl: Kubectl, namespace: str, name: str) -> list[str]:
    """Names of the nodes on which ready pods of a component run."""
    pods = kubectl("get", "pods", "-n", namespace, "-l", f"app.kubernetes.io/name={name}")["items"]
    return sorted(
        pod["spec"]["nodeName"]
        for pod in pods
        if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))
    )


def all_gpu_nodes(kubectl: Kubectl) -> list[str]:
    """Names of all nodes with GPUs."""
    nodes = kubectl("get", "nodes", "-l", "nvidia.com/gpu.present=true")["items"]
    return sorted(node["metadata"]["name"] for node in nodes)


def traces(kubectl: Kubectl, name: str) -> list[str]:
    """Every object of a component in the whole cluster, of every kind that can be listed, as ``kind/name``.

    Objects go in the background, so what is on its way out is waited for.
    """
    kinds = kubectl("api-resources", "--verbs=list", "-o", "name").split()
    selector = f"{PART_OF},app.kubernetes.io/name in ({name})"

    def settled() -> list[list[str]]:
        listed = kubectl("get", ",".join(kinds), "-A", "-l", selector)["items"]
        going = any(item["metadata"].get("deletionTimestamp") for item in listed)
        found = [f"{item['kind']}/{item['metadata']['name']}" for item in listed if item["kind"] != "Event"]
        return [] if going else [found]

    return wait_for(settled, f"objects of {name} go", pause=0.5)[0]


@contextmanager
def provided_by_operator(kubectl: Kubectl, name: str, namespace: str, image: str) -> Iterator[None]:
    """A DaemonSet of the GPU Operator for as long as it lasts: its namespace alone would take its time to go."""
    kubectl("create", stdin=operator_daemon_set(name, namespace, image))
    try:
        yield
    finally:
        kubectl("delete", "daemonset", name, "-n", namespace)


def operator_daemon_set(name: str, namespace: str, image: str) -> dict[str, Any]:
    """A DaemonSet as the GPU Operator makes them, without toleration; no sandbox node has the label that it selects."""
    labels = {"app": name, "app.kubernetes.io/managed-by": "gpu-operator"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "nodeSelector": {"nvidia.com/gpu.deploy.test": "true"},
                    "containers": [{"name": name, "image": image, "command": ["/bin/sh", "-c"]}],
                },
            },
        },
    }
