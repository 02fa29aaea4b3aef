# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPU nodes: their taint and labels, what runs there, how old they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.cluster import VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.pod_phases import has_finished
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import GPU_NODES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import SERVER_VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place, Remedy, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import asks_for_gpu
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.agents import selects
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import SHARED_GPU_RESOURCE
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.network_plugins import network_plugin
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import REPELLING, untolerated

CONTAINERD_FOR_CDI = (1, 7, 16)
OLDEST_SKEW = 3
"""A kubelet may be three minor versions older than the API server."""
_ROLE = Remedy("Run the role gpu_nodes.", "gpu_nodes", "gpu_nodes_names")
_CONTAINERD = re.compile(r"containerd://v?(\d+)\.(\d+)\.(\d+)")


def _node(name: str) -> Place:
    return Place("v1", "Node", None, name)


def untainted(cluster: Cluster) -> Iterator[Finding]:
    """GPU nodes that everything may land on; those that also are control planes are another matter."""
    for node in cluster.gpu_nodes:
        have = {(taint.get("key"), taint.get("effect")) for taint in node.taints}
        for taint in cluster.settings.taints:
            if (taint["key"], taint["effect"]) not in have and not node.control_plane:
                text = f"GPU node {node.name} does not have the taint {taint['key']}:{taint['effect']}."
                yield Finding(text, _node(node.name), f"spec.taints[{taint['key']}]")


def unlabelled(cluster: Cluster) -> Iterator[Finding]:
    """GPU nodes without the labels that work is placed by."""
    yield from _lacking(cluster, cluster.settings.node_labels, "GPU node {node} does not have the label {label}.")


def unconfirmed(cluster: Cluster) -> Iterator[Finding]:
    """GPU nodes that only say of themselves that they are."""
    text = "Nobody but GPU node {node} itself says that it is one: it lacks {label}."
    yield from _lacking(cluster, cluster.settings.confirmed_labels, text)


def _lacking(cluster: Cluster, labels: Mapping[str, str], message: str) -> Iterator[Finding]:
    for node in cluster.gpu_nodes:
        for key, text in labels.items():
            if node.labels.get(key) != text:
                said = message.format(node=node.name, label=f"{key}={text}")
                yield Finding(said, _node(node.name), f"metadata.labels[{key}]", node.labels.get(key))


def claiming(cluster: Cluster) -> Iterator[Finding]:
    """Nodes with the labels of GPU nodes that show no GPU."""
    for node in cluster.gpu_nodes:
        if not node.found_by:
            text = f"Node {node.name} has the labels of a GPU node, and shows no GPU."
            yield Finding(text, _node(node.name), "metadata.labels")


def guests(cluster: Cluster) -> Iterator[Finding]:
    """Pods without GPUs on GPU nodes, agents of nodes aside."""
    names = {node.name for node in cluster.gpu_nodes if not node.control_plane}
    for item in cluster.of("Pod"):
        if item["nodeName"] not in names or has_finished(item):
            continue
        place = cluster.owner(item)
        if place.kind == "DaemonSet" or item["metadata"]["namespace"] in SYSTEM or asks_for_gpu(item["spec"]):
            continue
        text = f"{place}: a pod runs on GPU node {item['nodeName']} and asks for no GPU."
        yield Finding(text, place, "spec.nodeName", item["nodeName"])


def control_planes(cluster: Cluster) -> Iterator[Finding]:
    """Control planes with GPUs that take any pod."""
    for node in cluster.gpu_nodes:
        if node.control_plane and not any(taint.get("effect") in REPELLING for taint in node.taints):
            text = f"Control-plane node {node.name} has GPUs and no taint: GPU work runs next to the API server."
            yield Finding(text, _node(node.name), "spec.taints")


def _version(text: object) -> tuple[int, int] | None:
    match = VERSION.match(str(text or ""))
    return (int(match[1]), int(match[2])) if match else None


def skewed(cluster: Cluster) -> Iterator[Finding]:
    """Kubelets that are too old for their API server."""
    server = _version(cluster.snapshot.version)
    for item in cluster.of("Node"):
        found = _version(_info(item, "kubeletVersion"))
        if server and found and server[0] == found[0] and server[1] - found[1] > OLDEST_SKEW:
            version, name = _info(item, "kubeletVersion"), item["metadata"]["name"]
            text = f"Node {name}: kubelet {version} is too old for API server {cluster.snapshot.version}."
            yield Finding(text, place_of(item), "status.nodeInfo.kubeletVersion", version)


def old_runtime(cluster: Cluster) -> Iterator[Finding]:
    """GPU nodes whose containerd knows no CDI."""
    gpu = {node.name for node in cluster.gpu_nodes}
    for item in cluster.of("Node"):
        match = _CONTAINERD.match(_info(item, "containerRuntimeVersion"))
        if item["metadata"]["name"] in gpu and match and tuple(map(int, match.groups())) < CONTAINERD_FOR_CDI:
            text = f"GPU node {item['metadata']['name']}: {match[0]} cannot give GPUs to pods by CDI."
            yield Finding(text, place_of(item), "status.nodeInfo.containerRuntimeVersion", match[0])


def _info(item: Mapping[str, Any], key: str) -> str:
    return str((item["status"].get("nodeInfo") or {}).get(key) or "")


def without_agent(cluster: Cluster) -> Iterator[Finding]:
    """Network plugins that the taints of GPU nodes keep away."""
    for item in cluster.of("DaemonSet"):
        plugin = network_plugin(item)
        spec = item["spec"]["template"]["spec"]
        for node in cluster.gpu_nodes if plugin else ():
            kept = untolerated(spec, node.taints)
            if plugin and kept and selects(spec, node.name, node.labels):
                text = f"{plugin.title} does not tolerate {kept[0]['key']} of GPU node {node.name}, and leaves it."
                yield Finding(text, place_of(item), f"tolerations for {node.name}")


def shared(cluster: Cluster) -> Iterator[Finding]:
    """GPUs that several pods share at the same time without a boundary of the hardware."""
    for item in cluster.of("Node"):
        labels, allocatable = item["metadata"].get("labels") or {}, item["status"]["allocatable"]
        strategy = labels.get("nvidia.com/gpu.sharing-strategy", "none")
        if strategy == "time-slicing" or SHARED_GPU_RESOURCE in allocatable:
            name = item["metadata"]["name"]
            text = f"Node {name} lets pods share GPUs by time-slicing, which isolates neither memory nor faults."
            yield Finding(text, place_of(item), "metadata.labels[nvidia.com/gpu.sharing-strategy]", strategy)


_PLUGINS = Condition(
    lambda cluster: any(map(network_plugin, cluster.of("DaemonSet"))), "No network plugin is known here."
)
_NEEDS = ("Node",)
CHECKS = (
    Check(
        "GPU-NODE-001",
        "GPU nodes have the taint",
        "gpu_nodes",
        "high",
        "Web servers and cron jobs land next to the GPUs, take their CPU and memory, and bring their holes.",
        Remedy("Run the role gpu_nodes.", "gpu_nodes", "gpu_cluster_node_taints"),
        untainted,
        _NEEDS,
        GPU_NODES,
        {"aisvs": ("4.7.5",)},
    ),
    Check(
        "GPU-NODE-002",
        "GPU nodes have their labels",
        "gpu_nodes",
        "medium",
        "GPU work is placed by them, and so are the device plugin, the exporter and Falco.",
        Remedy("Run the role gpu_nodes.", "gpu_nodes", "gpu_cluster_node_labels"),
        unlabelled,
        _NEEDS,
        GPU_NODES,
    ),
    Check(
        "GPU-NODE-003",
        "Somebody else than the node says that it has GPUs",
        "gpu_nodes",
        "low",
        "A kubelet that was taken over gives its node any label but this one, and gets Secrets and data of GPU work.",
        _ROLE,
        unconfirmed,
        _NEEDS,
        GPU_NODES,
    ),
    Check(
        "GPU-NODE-004",
        "Nodes with the labels of GPU nodes show GPUs",
        "gpu_nodes",
        "low",
        "Its driver or device plugin is broken, or a node that is none draws GPU work to itself.",
        _ROLE,
        claiming,
        _NEEDS,
        GPU_NODES,
    ),
    Check(
        "GPU-NODE-005",
        "Only GPU work runs on GPU nodes",
        "gpu_nodes",
        "medium",
        "The taint drives nobody out who was there before it.",
        Remedy("Restart the pods elsewhere.", "gpu_nodes", "gpu_nodes_on_intolerant_pods"),
        guests,
        ("Node", "Pod", "Deployment", "Job"),
        GPU_NODES,
    ),
    Check(
        "GPU-NODE-006",
        "Control planes do not compute",
        "gpu_nodes",
        "high",
        "A training job that gets out of its container is then on the machine of etcd and the API server.",
        Remedy("Taint the control plane.", "gpu_nodes", "gpu_nodes_allow_control_plane"),
        control_planes,
        _NEEDS,
        GPU_NODES,
    ),
    Check(
        "GPU-NODE-007",
        "Kubelets are not too old",
        "gpu_nodes",
        "medium",
        "GPU nodes are updated last, as drivers hang on them; such a kubelet gets no fixes any more.",
        Remedy("Upgrade the kubelet."),
        skewed,
        (*_NEEDS, SERVER_VERSION),
    ),
    Check(
        "GPU-NODE-008",
        "Runtimes of GPU nodes know CDI",
        "device_plugin",
        "medium",
        "Without CDI, GPUs are named by variables, which every pod can set.",
        Remedy("Upgrade containerd to 1.7.16 or newer.", "device_plugin"),
        old_runtime,
        _NEEDS,
        GPU_NODES,
        {"aisvs": ("4.7.5",)},
    ),
    Check(
        "GPU-NODE-009",
        "Network plugins run on GPU nodes",
        "gpu_nodes",
        "high",
        "A node without the plugin has no network for new pods, and nobody there who enforces policies.",
        Remedy("Give the DaemonSet the toleration.", "gpu_nodes", "gpu_nodes_on_intolerant_network"),
        without_agent,
        ("Node", "DaemonSet"),
        _PLUGINS,
    ),
    Check(
        "GPU-NODE-010",
        "GPUs are not shared by time-slicing",
        "device_plugin",
        "medium",
        "Pods of different people on one GPU can end each other's work; MIG is the boundary that NVIDIA documents.",
        Remedy("Use MIG, or give such nodes to one stage.", "device_plugin", "device_plugin_sharing"),
        shared,
        _NEEDS,
        GPU_NODES,
        {"aisvs": ("4.7.5",)},
    ),
)
