# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that what a node says of itself gives it no privilege, and blocks nobody else's run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from label_tables import BY_KUBELET, LABELS, SELECTORS
from module_runs import ModuleRunner
from sandbox_access import Kubectl

TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
MARK = "node-restriction.kubernetes.io/node-type"
CPU_NODES = ("cpu-0", "cpu-1")


def as_kubelet(node: str) -> tuple[str, ...]:
    return ("--as", f"system:node:{node}", "--as-group", "system:nodes")


def forge(kubectl: Kubectl, node: str) -> None:
    """What a kubelet of a node without GPUs can say of itself."""
    kubectl("label", "node", node, "nvidia.com/gpu.present=true", *as_kubelet(node))


def labels_of(kubectl: Kubectl, node: str) -> dict[str, str]:
    return dict(kubectl("get", "node", node)["metadata"]["labels"])


def taints_of(kubectl: Kubectl, node: str) -> list[dict[str, str]]:
    return list(kubectl("get", "node", node)["spec"].get("taints", []))


@pytest.fixture(autouse=True)
def _clean_nodes(run_module: ModuleRunner, kubectl: Kubectl) -> Iterator[None]:
    run_module("gpu_nodes", state="absent")
    yield
    run_module("gpu_nodes", state="absent")
    left = ("nvidia.com/gpu.present", MARK, "pool", "node-type", "gpu-type")
    kubectl("label", "node", *CPU_NODES, *(f"{key}-" for key in left))


def test_a_kubelet_may_set_what_we_say_it_may(kubectl: Kubectl) -> None:
    said = {
        key: kubectl.run("label", "node", "cpu-0", f"{key}=x", "--overwrite", "--dry-run=server", *as_kubelet("cpu-0"))
        for key in BY_KUBELET
    }
    assert {key: done.returncode == 0 for key, done in said.items()} == BY_KUBELET


def test_a_node_that_says_it_has_gpus_gets_no_label_that_it_could_not_have_set(
    run_module: ModuleRunner, kubectl: Kubectl
) -> None:
    forge(kubectl, "cpu-0")
    done = run_module("gpu_nodes", names=["gpu-a100-0"])
    assert MARK not in labels_of(kubectl, "cpu-0")
    assert labels_of(kubectl, "cpu-0")["node-type"] == "gpu"
    assert labels_of(kubectl, "gpu-a100-0")[MARK] == "gpu"
    assert {node["name"]: node["confirmed"] for node in done["nodes"]}["cpu-0"] is False
    assert "gpu_nodes_names" in str(done["warnings"])
    assert "cpu-0" in str(done["warnings"])


def test_a_node_that_is_confirmed_no_more_loses_that_label(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    """Also where it goes on to say that it has GPUs, and has wiped from its object who set what."""
    forge(kubectl, "cpu-0")
    run_module("gpu_nodes", names=["cpu-0"])
    assert labels_of(kubectl, "cpu-0")[MARK] == "gpu"
    wiped = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    kubectl("patch", "node", "cpu-0", "--type=json", "-p", str(wiped).replace("'", '"'), *as_kubelet("cpu-0"))
    run_module("gpu_nodes")
    assert MARK not in labels_of(kubectl, "cpu-0")


def test_the_last_node_loses_it_too(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    run_module("gpu_nodes", discover=False, names=["cpu-0"])
    run_module("gpu_nodes", discover=False, label_selector="no=where")
    assert MARK not in labels_of(kubectl, "cpu-0")
    assert taints_of(kubectl, "cpu-0") == [TAINT]


def test_a_selector_confirms_only_by_labels_that_no_kubelet_can_set(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    kubectl("label", "node", "cpu-0", "pool=gpu", *as_kubelet("cpu-0"))
    run_module("gpu_nodes", discover=False, label_selector="pool=gpu")
    assert MARK not in labels_of(kubectl, "cpu-0")
    kubectl("label", "node", "cpu-1", "node-restriction.kubernetes.io/site=gpu")
    try:
        run_module("gpu_nodes", discover=False, label_selector="node-restriction.kubernetes.io/site=gpu")
        assert labels_of(kubectl, "cpu-1")[MARK] == "gpu"
    finally:
        kubectl("label", "node", "cpu-1", "node-restriction.kubernetes.io/site-")


def test_what_we_gave_is_no_reason_to_give_it_again(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    forge(kubectl, "cpu-0")
    run_module("gpu_nodes", names=["cpu-0"])
    run_module("gpu_nodes", label_selector=f"{MARK}=gpu")
    assert MARK not in labels_of(kubectl, "cpu-0")
    kubectl("label", "node", "gpu-a100-1", f"{MARK}=gpu")  # by an administrator
    try:
        done = run_module("gpu_nodes", label_selector=f"{MARK}=gpu")
        confirmed = {node["name"]: node["confirmed"] for node in done["nodes"]}
        assert (confirmed["gpu-a100-1"], confirmed["gpu-a100-0"]) == (True, False)
    finally:
        kubectl("label", "node", "gpu-a100-1", MARK + "-")


def test_claims_of_all_nodes_do_not_block_the_run(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    for node in CPU_NODES:
        forge(kubectl, node)
    done = run_module("gpu_nodes", names=["gpu-a100-0"])
    assert taints_of(kubectl, "gpu-a100-0") == [TAINT]
    assert [taints_of(kubectl, node) for node in CPU_NODES] == [[], []]
    assert "would leave no schedulable node" in str(done["warnings"])
    assert run_module("gpu_nodes", names=["gpu-a100-0"])["changed"] is False


def test_gpus_of_a_resource_slice_are_found(run_module: ModuleRunner, kubectl: Kubectl) -> None:
    slice_of_dra: dict[str, Any] = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": "cpu-1-gpu"},
        "spec": {
            "driver": "gpu.nvidia.com",
            "nodeName": "cpu-1",
            "pool": {"name": "cpu-1", "generation": 1, "resourceSliceCount": 1},
            "devices": [
                {
                    "name": "gpu-0",
                    "attributes": {"productName": {"string": "NVIDIA GB200"}, "type": {"string": "gpu"}},
                    "capacity": {"memory": {"value": "189471Mi"}},
                }
            ],
        },
    }
    kubectl("create", stdin=slice_of_dra)
    try:
        found = {node["name"]: node for node in run_module("gpu_nodes_info")["nodes"]}["cpu-1"]
        assert (found["gpu_type"], found["product"], found["found_by"]) == ("gb200", "NVIDIA GB200", ["resource_slice"])
        run_module("gpu_nodes")
        assert labels_of(kubectl, "cpu-1")["gpu-type"] == "gb200"
    finally:
        kubectl("delete", "resourceslice", "cpu-1-gpu")


def test_the_server_reads_selectors_as_we_do(kubectl: Kubectl, namespace: str) -> None:
    metadata = {"name": "it", "namespace": namespace, "labels": LABELS}
    kubectl("create", stdin={"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    found = {text: kubectl("get", "configmap", "-n", namespace, "-l", text)["items"] for text in SELECTORS}
    said = {text: "it" in [item["metadata"]["name"] for item in items] for text, items in found.items()}
    assert said == SELECTORS
