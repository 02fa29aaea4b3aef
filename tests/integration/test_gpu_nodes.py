# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that GPU nodes get labels and taints, only they do, and nobody is locked out unasked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sandbox_access import Kubectl

TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}


@pytest.fixture(autouse=True)
def _clean_nodes(run_module: ModuleRunner) -> Iterator[None]:
    run_module("gpu_nodes", state="absent")
    yield
    run_module("gpu_nodes", state="absent")


GPU_NODES = [f"gpu-{model}-{number}" for model in ("a100", "h100") for number in range(4)]


def nodes(kubectl: Kubectl) -> dict[str, Any]:
    return {item["metadata"]["name"]: item for item in kubectl("get", "nodes", "-o", "json")["items"]}


def is_hardened(node: dict[str, Any]) -> bool:
    labels = node["metadata"]["labels"]
    wanted = {"node-type": "gpu", "node-restriction.kubernetes.io/node-type": "gpu"}
    return wanted.items() <= labels.items() and "gpu-type" in labels and TAINT in node["spec"].get("taints", [])


def test_gpu_nodes_and_only_they_are_labelled_and_tainted(
    run_module: ModuleRunner, kubectl: Kubectl, audit: AuditLog
) -> None:
    predicted = run_module("gpu_nodes", check=True, names=GPU_NODES)
    assert not any(is_hardened(node) for node in nodes(kubectl).values())
    done = run_module("gpu_nodes", names=GPU_NODES)
    assert predicted["nodes"] == done["nodes"]
    assert [(node["labels"], node["taints"]) for node in done["nodes"]] == [
        ({"node-type": "gpu", "node-restriction.kubernetes.io/node-type": "gpu", "gpu-type": node["gpu_type"]}, [TAINT])
        for node in done["nodes"]
    ]
    live = nodes(kubectl)
    assert {name for name, node in live.items() if is_hardened(node)} == {n for n in live if n.startswith("gpu-")}
    assert live["gpu-a100-0"]["metadata"]["labels"]["gpu-type"] == "a100"
    assert live["gpu-h100-0"]["metadata"]["labels"]["gpu-type"] == "h100"
    audit.mark()
    assert run_module("gpu_nodes", names=GPU_NODES)["changed"] is False
    assert audit.requests().writes == []


def test_foreign_labels_and_taints_survive_both_ways(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    kubectl("taint", "node", "gpu-a100-0", "maintenance=soon:PreferNoSchedule", "--overwrite")
    try:
        run_module("gpu_nodes")
        run_module("gpu_nodes", state="absent")
        node = nodes(kubectl)["gpu-a100-0"]
        assert node["spec"]["taints"] == [{"key": "maintenance", "value": "soon", "effect": "PreferNoSchedule"}]
        assert node["metadata"]["labels"]["nvidia.com/gpu.present"] == "true"
        assert "node-type" not in node["metadata"]["labels"]
        assert run_module("gpu_nodes", state="absent")["changed"] is False
    finally:
        kubectl("taint", "node", "gpu-a100-0", "maintenance-")


def test_giving_up_brings_back_what_was_there_before(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    """A cloud sets the same taint with another value, and an administrator the very same one."""
    kubectl("taint", "node", "gpu-a100-0", "nvidia.com/gpu=present:NoSchedule")
    kubectl("taint", "node", "gpu-a100-1", "nvidia.com/gpu=true:NoSchedule")
    kubectl("label", "node", "gpu-a100-1", "node-type=gpu")
    try:
        run_module("gpu_nodes")
        assert nodes(kubectl)["gpu-a100-0"]["spec"]["taints"] == [TAINT]
        run_module("gpu_nodes", state="absent")
        live = nodes(kubectl)
        assert live["gpu-a100-0"]["spec"]["taints"] == [{**TAINT, "value": "present"}]
        assert live["gpu-a100-1"]["spec"]["taints"] == [TAINT]
        assert live["gpu-a100-1"]["metadata"]["labels"]["node-type"] == "gpu"
        assert "node-restriction.kubernetes.io/node-type" not in live["gpu-a100-1"]["metadata"]["labels"]
    finally:
        kubectl("taint", "node", "gpu-a100-0", "gpu-a100-1", "nvidia.com/gpu-")
        kubectl("label", "node", "gpu-a100-1", "node-type-")


def test_a_node_that_is_chosen_no_more_loses_what_we_set(
    run_module: ModuleRunner, kubectl: Kubectl, audit: AuditLog
) -> None:
    run_module("gpu_nodes", names=["cpu-0"], gpu_types={"cpu-0": "t4"})
    assert is_hardened(nodes(kubectl)["cpu-0"])
    predicted = run_module("gpu_nodes", check=True)
    done = run_module("gpu_nodes")
    assert predicted["nodes"] == done["nodes"]
    live = nodes(kubectl)["cpu-0"]
    assert "taints" not in live["spec"]
    assert not {"node-type", "gpu-type", "applyset.kubernetes.io/part-of"} & live["metadata"]["labels"].keys()
    audit.mark()
    assert run_module("gpu_nodes")["changed"] is False
    assert audit.requests().writes == []


def test_what_is_wanted_no_more_is_given_up(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    run_module("gpu_nodes")
    run_module("gpu_nodes", labels={"pool": "gpu"}, taints=[{"key": "other", "effect": "PreferNoSchedule"}])
    live = nodes(kubectl)["gpu-a100-0"]
    assert "node-type" not in live["metadata"]["labels"]
    assert live["metadata"]["labels"]["pool"] == "gpu"
    assert live["spec"]["taints"] == [{"key": "other", "effect": "PreferNoSchedule"}]


def test_a_taint_on_every_schedulable_node_is_refused(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    everything = {"names": [*GPU_NODES, "cpu-0", "cpu-1"]}
    failed = run_module.failing("gpu_nodes", **everything)
    assert "no schedulable node" in failed["msg"]
    assert "allow_all_schedulable" in failed["msg"]
    assert not any(is_hardened(node) for node in nodes(kubectl).values())


def test_a_control_plane_node_is_left_alone_unless_asked(run_module: ModuleRunner) -> None:
    named = {"names": ["control-plane-0"], "discover": False, "gpu_types": {"control-plane-0": "t4"}}
    assert run_module("gpu_nodes", check=True, **named)["left_alone"] == ["control-plane-0"]
    asked = run_module("gpu_nodes", check=True, allow_control_plane=True, **named)
    assert [node["name"] for node in asked["nodes"]] == ["control-plane-0"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"names": ["no-such-node"]}, "no node no-such-node"),
        ({"discover": False}, "No nodes are selected"),
        ({"labels": {"not a key": "x"}}, "not a key"),
        ({"labels": {"node-type": "not a value!"}}, "not a value!"),
        ({"taints": [{"key": "-bad", "effect": "NoSchedule"}]}, "-bad"),
        ({"taints": [{"key": "a", "effect": "Never"}]}, "Never"),
        ({"taints": [{"key": "a"}, {"key": "a", "value": "b"}]}, "given twice"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(
    run_module: ModuleRunner, audit: AuditLog, parameters: dict[str, Any], message: str
) -> None:
    audit.mark()
    assert message in run_module.failing("gpu_nodes", **parameters)["msg"]
    assert audit.requests().writes == []


def test_running_pods_that_do_not_tolerate_the_taint_are_named(
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str
) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"nodeName": "gpu-a100-1", "containers": [{"name": "web", "image": "web"}]},
    }
    kubectl("apply", "--server-side", stdin=pod)
    failed = run_module.failing("gpu_nodes", on_intolerant_pods="fail")
    assert f"{namespace}/web on gpu-a100-1" in failed["msg"]
    assert not any(is_hardened(node) for node in nodes(kubectl).values())
    warned = run_module("gpu_nodes", on_intolerant_pods="warn")
    assert f"{namespace}/web" in str(warned["warnings"])


def test_a_network_plugin_that_would_leave_gpu_nodes_is_refused_and_named_in_every_run(
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str
) -> None:
    labels = {"k8s-app": "calico-node"}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "node", "image": "calico/node:v3.31.0"}]}}
    calico = {"selector": {"matchLabels": labels}, "template": pods}
    metadata = {"name": "calico-node", "namespace": namespace}
    kubectl("create", stdin={"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": calico})
    failed = run_module.failing("gpu_nodes")
    assert f"{namespace}/calico-node (Calico)" in failed["msg"]
    assert not any(TAINT in node["spec"].get("taints", []) for node in nodes(kubectl).values())
    run_module("gpu_nodes", on_intolerant_network="warn")
    again = run_module("gpu_nodes")
    assert again["changed"] is False
    assert [(entry["name"], entry["nodes"]) for entry in again["intolerant_daemon_sets"]] == [("calico-node", 8)]
    assert f"{namespace}/calico-node (Calico)" in str(again["warnings"])
    kubectl("delete", "daemonset", "calico-node", "-n", namespace)  # else other tests meet it until the namespace goes


def test_the_info_module_finds_the_same_nodes_and_writes_nothing(run_module: ModuleRunner, audit: AuditLog) -> None:
    audit.mark()
    found = run_module("gpu_nodes_info")["nodes"]
    assert {node["name"]: node["gpu_type"] for node in found} == {
        f"gpu-{model}-{number}": model for model in ("a100", "h100") for number in range(4)
    }
    assert {node["gpus"] for node in found} == {8}
    assert audit.requests().writes == []
