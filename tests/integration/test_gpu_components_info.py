# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a GPU stack of other origin is found in a real cluster, with its tolerations and its gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sandbox_access import Kubectl

TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
PLUGIN_IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.19.3"
# No sandbox node has it, so no pod is made.
NOWHERE = {"nvidia.com/gpu.deploy.device-plugin": "true"}


def daemon_set(
    name: str, namespace: str, labels: dict[str, str], *containers: dict[str, Any], tolerations: Any = ()
) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "nodeSelector": NOWHERE,
                    "tolerations": list(tolerations),
                    "containers": list(containers),
                },
            },
        },
    }


@pytest.fixture
def stack(kubectl: Kubectl, namespace: str) -> Iterator[str]:
    """What the GPU Operator and a careless Falco chart leave in a cluster."""
    operator = {"app": "nvidia-device-plugin-daemonset"}
    discovery = {"app": "gpu-feature-discovery", "app.kubernetes.io/name": "nvidia-device-plugin"}
    falco = {"app.kubernetes.io/name": "falco", "app.kubernetes.io/managed-by": "Helm"}
    ours = {"app.kubernetes.io/name": "dcgm-exporter", "app.kubernetes.io/part-of": "gpu-cluster-hardening"}
    for item in (
        daemon_set(
            "nvidia-device-plugin-daemonset",
            namespace,
            operator,
            {"name": "nvidia-device-plugin", "image": PLUGIN_IMAGE, "command": ["/bin/sh", "-c"]},
            {"name": "config-manager", "image": PLUGIN_IMAGE, "command": ["config-manager"]},
            tolerations=[TOLERATION],
        ),
        daemon_set(
            "gpu-feature-discovery",
            namespace,
            discovery,
            {"name": "gpu-feature-discovery", "image": PLUGIN_IMAGE, "command": ["gpu-feature-discovery"]},
        ),
        daemon_set("falco", namespace, falco, {"name": "falco", "image": "docker.io/falcosecurity/falco:0.44.1"}),
        daemon_set("dcgm-exporter", namespace, ours, {"name": "exporter", "image": "nvcr.io/x/dcgm-exporter:1"}),
    ):
        kubectl("create", stdin=item)
    yield namespace
    kubectl("delete", "daemonset", "--all", "-n", namespace)


def test_it_finds_what_others_installed_and_tells_its_own_apart(
    stack: str, run_module: ModuleRunner, audit: AuditLog
) -> None:
    audit.mark()
    result = run_module("gpu_components_info", taints=[TAINT])
    mine = [entry for entry in result["components"] if entry.pop("namespace") == stack]
    assert sorted(mine, key=lambda entry: str(entry["component"])) == [
        {
            "component": "device_plugin",
            "name": "nvidia-device-plugin-daemonset",
            "image": PLUGIN_IMAGE,
            "version": "v0.19.3",
            "provider": "gpu-operator",
            "tolerates": True,
            "intolerable_taints": [],
        },
        {
            "component": "falco",
            "name": "falco",
            "image": "docker.io/falcosecurity/falco:0.44.1",
            "version": "0.44.1",
            "provider": "helm",
            "tolerates": False,
            "intolerable_taints": [TAINT],
        },
    ]
    assert [entry["name"] for entry in result["own"] if entry["namespace"] == stack] == ["dcgm-exporter"]
    assert [(request.verb, request.resource) for request in audit.requests().all] == [("list", "daemonsets")]


def test_it_warns_of_what_will_be_missing_on_tainted_nodes(stack: str, run_module: ModuleRunner) -> None:
    warned = str(run_module("gpu_components_info", taints=[TAINT], components=["falco"])["warnings"])
    assert f"DaemonSet {stack}/falco (a Helm chart, 0.44.1) provides Falco already" in warned
    assert "does not tolerate nvidia.com/gpu=true:NoSchedule" in warned


def test_it_counts_nodes_and_names_gpu_nodes_that_the_selector_misses(run_module: ModuleRunner) -> None:
    result = run_module("gpu_components_info", node_selector={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"})
    nodes = result["nodes"]
    assert (nodes["selected"], nodes["gpu"], len(nodes["left_out"])) == (4, 8, 4)
    assert "4 of 8 GPU nodes lack the labels" in str(result["warnings"])
    assert run_module("gpu_components_info", node_selector={"no": "where"})["nodes"]["selected"] == 0


def test_a_runtime_class_that_does_not_exist_is_told(run_module: ModuleRunner) -> None:
    result = run_module("gpu_components_info", runtime_class="nowhere")
    assert result["missing_runtime_class"] == "nowhere"
    assert "There is no RuntimeClass nowhere" in str(result["warnings"])
    assert run_module("gpu_components_info")["missing_runtime_class"] == ""


def test_labels_that_cannot_be_are_refused_without_a_request(run_module: ModuleRunner, audit: AuditLog) -> None:
    audit.mark()
    result = run_module.failing("gpu_components_info", node_selector={"a b": "c"})
    assert "node_selector: key 'a b'" in result["msg"]
    assert audit.requests().all == ()
