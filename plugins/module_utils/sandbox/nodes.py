# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated nodes: what each one is, and what has to change for the cluster to have exactly these.

Labels are those that GPU Feature Discovery (nvidia.com/...) and Node Feature Discovery (feature.node...) set:
https://github.com/NVIDIA/k8s-device-plugin/blob/main/docs/gpu-feature-discovery/README.md
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_subdomain_problem,
    label_value_problem,
)

KUBELET_VERSION = "v1.37.2"
DIGEST_ANNOTATION = "sandbox-node-digest"
KWOK_ANNOTATION = "kwok.x-k8s.io/node"
NOT_READY_TAINT = "node.kubernetes.io/not-ready"
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
ADDRESSES_PER_GROUP = 250 * 250
"""Nodes of a group have the addresses 10.GROUP.x.y."""
FIRST_OCTET = 16
CONDITIONS = {
    "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
    "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    "NetworkUnavailable": ("False", "RouteCreated", "RouteController created a route"),
}
"""Type to status, reason and message. Nodes are Ready from the start: kwok only keeps them so."""

GPU_COMMON_LABELS = {
    "feature.node.kubernetes.io/pci-10de.present": "true",
    "nvidia.com/cuda.driver-version.full": "580.159.03",
    "nvidia.com/cuda.driver-version.major": "580",
    "nvidia.com/cuda.driver-version.minor": "159",
    "nvidia.com/cuda.driver-version.revision": "03",
    "nvidia.com/cuda.driver.major": "580",
    "nvidia.com/cuda.driver.minor": "159",
    "nvidia.com/cuda.driver.rev": "03",
    "nvidia.com/cuda.runtime-version.full": "13.0",
    "nvidia.com/cuda.runtime-version.major": "13",
    "nvidia.com/cuda.runtime-version.minor": "0",
    "nvidia.com/cuda.runtime.major": "13",
    "nvidia.com/cuda.runtime.minor": "0",
    "nvidia.com/gpu.mode": "compute",
    # What an administrator says of a node when it joins; no kubelet can set it.
    "node-restriction.kubernetes.io/pool": "gpu",
    "nvidia.com/gpu.present": "true",
    "nvidia.com/gpu.replicas": "1",
    "nvidia.com/gpu.sharing-strategy": "none",
    "nvidia.com/mig.capable": "true",
    "nvidia.com/mig.strategy": "single",
    "nvidia.com/mps.capable": "false",
    "nvidia.com/vgpu.present": "false",
}


@dataclass(frozen=True)
class NodeGroup:
    """Nodes that differ in nothing but name and address."""

    prefix: str
    count: int
    labels: Mapping[str, str]
    resources: Mapping[str, str]
    taints: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class NodePlan:
    """What to do: nodes to delete (by name), nodes to create, and how many stay."""

    delete: list[str]
    create: list[dict[str, Any]]
    unchanged: int


def gpu_group(options: Mapping[str, Any]) -> NodeGroup:
    """A group of GPU nodes from an element of the module's option ``gpu_nodes``."""
    labels = {
        **GPU_COMMON_LABELS,
        "nvidia.com/gpu.product": str(options["product"]),
        "nvidia.com/gpu.count": str(options["gpus"]),
        "nvidia.com/gpu.memory": str(options["memory"]),
    }
    if options.get("family"):
        labels["nvidia.com/gpu.family"] = str(options["family"])
    if options.get("machine"):
        labels["nvidia.com/gpu.machine"] = str(options["machine"])
    if options.get("compute"):
        major, _dot, minor = str(options["compute"]).partition(".")
        labels |= {"nvidia.com/gpu.compute.major": major, "nvidia.com/gpu.compute.minor": minor or "0"}
    resources = {"cpu": "128", "memory": "2Ti", "pods": "110", "nvidia.com/gpu": str(options["gpus"])}
    return NodeGroup(str(options["prefix"]), int(options["count"]), labels, resources)


def cpu_group(count: int) -> NodeGroup:
    """Nodes without GPUs."""
    return NodeGroup("cpu", count, {}, {"cpu": "64", "memory": "512Gi", "pods": "110"})


def control_plane_group(count: int) -> NodeGroup:
    """Control-plane nodes, labelled and tainted as kubeadm does."""
    labels = {CONTROL_PLANE_LABEL: "", "node.kubernetes.io/exclude-from-external-load-balancers": ""}
    taint = {"key": CONTROL_PLANE_LABEL, "effect": "NoSchedule"}
    return NodeGroup("control-plane", count, labels, {"cpu": "16", "memory": "64Gi", "pods": "110"}, [taint])


def make_nodes(groups: Sequence[NodeGroup], now: datetime) -> dict[str, dict[str, Any]]:
    """All Node objects by name, Ready since ``now``.

    Raises:
        HardeningError: a label is invalid, a count is out of range, or two nodes would have one name.
    """
    problems = [problem for group in groups for problem in _problems(group)]
    nodes: dict[str, dict[str, Any]] = {}
    conditions = _conditions(now)
    for position, group in enumerate(groups if not problems else ()):
        for index in range(group.count):
            name = f"{group.prefix}-{index}"
            if name in nodes:
                problems.append(f"two nodes would be named {name}")
            address = f"10.{FIRST_OCTET + position}.{index // 250}.{index % 250 + 1}"
            nodes[name] = _node(group, name, address, conditions)
    if problems:
        raise HardeningError(join_failures("The nodes of the sandbox are not valid", problems))
    return nodes


def plan_nodes(live: Iterable[Mapping[str, Any]], desired: Mapping[str, dict[str, Any]]) -> NodePlan:
    """Compare by digest. What others changed on a node since (labels, taints) is no difference.

    Only nodes with our annotation are considered; a node whose definition changed is made anew.
    """
    found: dict[str, str] = {}
    for node in live:
        digest = (node["metadata"].get("annotations") or {}).get(DIGEST_ANNOTATION)
        if digest is not None:
            found[node["metadata"]["name"]] = digest
    keep = {name for name, digest in found.items() if name in desired and _digest_of(desired[name]) == digest}
    return NodePlan(
        delete=sorted(found.keys() - keep),
        create=[node for name, node in desired.items() if name not in keep],
        unchanged=len(keep),
    )


def is_ready(node: Mapping[str, Any]) -> bool:
    """Ready, and the taint that says otherwise is gone."""
    conditions = (node.get("status") or {}).get("conditions") or []
    taints = (node.get("spec") or {}).get("taints") or []
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    return ready and all(taint["key"] != NOT_READY_TAINT for taint in taints)


def _problems(group: NodeGroup) -> list[str]:
    problems = []
    if not 0 <= group.count <= ADDRESSES_PER_GROUP:
        problems.append(f"{group.prefix}: count must be 0 to {ADDRESSES_PER_GROUP}, got {group.count}")
    values = (label_value_problem(key, value) for key, value in group.labels.items())
    found = [dns_subdomain_problem(f"{group.prefix}-0"), *values]
    return [*problems, *(f"{group.prefix}: {problem}" for problem in found if problem)]


def _conditions(now: datetime) -> list[dict[str, str]]:
    time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": time,
            "lastTransitionTime": time,
        }
        for kind, (status, reason, message) in CONDITIONS.items()
    ]


def _node(group: NodeGroup, name: str, address: str, conditions: list[dict[str, str]]) -> dict[str, Any]:
    labels = {
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **group.labels,
    }
    node: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {KWOK_ANNOTATION: "fake"}},
        "spec": {"taints": [dict(taint) for taint in group.taints]},
        "status": {
            "phase": "Running",
            "capacity": dict(group.resources),
            "allocatable": dict(group.resources),
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.8.0-generic",
                "kubeProxyVersion": "",
                "kubeletVersion": KUBELET_VERSION,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "Ubuntu 24.04 LTS",
                "systemUUID": "",
            },
        },
    }
    digest = hashlib.sha256(json.dumps(node, sort_keys=True).encode()).hexdigest()[:16]
    node["metadata"]["annotations"][DIGEST_ANNOTATION] = digest
    node["status"]["conditions"] = conditions  # when it became Ready is no part of what it is
    return node


def _digest_of(node: Mapping[str, Any]) -> str:
    return str(node["metadata"]["annotations"][DIGEST_ANNOTATION])
