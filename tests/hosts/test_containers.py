# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers run on the machines: images are pulled by digest from the tests' registry, and GPUs are handed out."""

from __future__ import annotations

from typing import Any

from machine_cluster import MachineCluster, busybox
from sandbox_access import Kubectl
from waiting import wait_for


def test_only_a_container_that_asks_for_a_gpu_has_one(cluster: MachineCluster, kubectl: Kubectl) -> None:
    pushed = cluster.registry.push_files("tools", "1", busybox(cluster.image), ["/bin/sh", "-c"])
    image = f"registry.internal/tools@{pushed.digest}"
    pods = {"with": shell_pod("with", image, 1), "without": shell_pod("without", image, 0)}
    for pod in pods.values():
        kubectl("create", stdin=pod)
    try:
        for name in pods:
            wait_for(lambda name=name: phase(kubectl, name) == "Succeeded", lambda name=name: why(kubectl, name))
        assert kubectl("logs", "with").split() == ["0"]
        assert kubectl("logs", "without").split() == ["1"]
    finally:
        kubectl("delete", "pod", *pods, "--wait=false")


def shell_pod(name: str, image: str, gpus: int) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": image, "args": ["test -c /dev/nvidia0; echo $?"]}
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": gpus}}
    spec = {"restartPolicy": "Never", "nodeName": "gpu-host-1", "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def phase(kubectl: Kubectl, name: str) -> str:
    return str(kubectl.get("pod", name, "default")["status"].get("phase"))


def why(kubectl: Kubectl, name: str) -> str:
    return str(kubectl.run("describe", "pod", name).stdout[-2500:])
