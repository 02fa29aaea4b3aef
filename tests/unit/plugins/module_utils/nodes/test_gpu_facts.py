# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves how a node is recognised as a GPU node and which model it is said to have."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import gpu_node, gpu_type
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.resource_slices import (
    read_slices,
    slice_products,
)


def node(labels: dict[str, str] | None = None, allocatable: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": "node-1", "resourceVersion": "7", "labels": labels or {}}
    return {"metadata": metadata, "spec": {}, "status": {"allocatable": allocatable or {}}}


@pytest.mark.parametrize(
    ("product", "model"),
    [
        ("NVIDIA-A100-SXM4-80GB", "a100"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "a100"),
        ("NVIDIA-H100-80GB-HBM3", "h100"),
        ("NVIDIA-H100-NVL", "h100"),
        ("NVIDIA-L40S", "l40s"),
        ("NVIDIA-A10G-SHARED", "a10g"),
        ("NVIDIA-GH200-480GB", "gh200"),
        ("Tesla-T4", "t4"),
        ("Tesla-V100-SXM2-16GB", "v100"),
        ("NVIDIA-RTX-A6000", "a6000"),
        ("NVIDIA-GeForce-RTX-4090", "rtx-4090"),
        ("NVIDIA-RTX-6000-Ada-Generation", "rtx-6000-ada"),
        ("Quadro-RTX-8000", "rtx-8000"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "rtx-pro-6000"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition-MIG-1g.24gb", "rtx-pro-6000"),
        ("NVIDIA-RTX-PRO-4000-Blackwell-SFF-Edition", "rtx-pro-4000-sff"),
        ("NVIDIA-RTX-4000-SFF-Ada-Generation", "rtx-4000-sff-ada"),
        ("NVIDIA-GeForce-RTX-4090-D", "rtx-4090-d"),
        ("NVIDIA-GeForce-RTX-4090-SHARED", "rtx-4090"),
        ("NVIDIA-GeForce-RTX-3080-Ti", "rtx-3080-ti"),
        ("NVIDIA-GeForce-RTX-4070-Ti-SUPER", "rtx-4070-ti-super"),
        ("NVIDIA-GeForce-RTX-3080-Laptop-GPU", "rtx-3080-laptop"),
        ("GeForce-GTX-1080-Ti", "gtx-1080-ti"),
        ("NVIDIA-GeForce-GTX-1660-SUPER", "gtx-1660-super"),
        ("NVIDIA-GeForce-GT-1030", "gt-1030"),
        ("NVIDIA-TITAN-X-Pascal", "titan-x"),
        ("NVIDIA-TITAN-Xp", "titan-xp"),
        ("NVIDIA-TITAN-V", "titan-v"),
        ("NVIDIA-TITAN-RTX", "titan-rtx"),
        ("GeForce-GTX-TITAN-X", "gtx-titan-x"),
        ("GeForce-GTX-TITAN", "gtx-titan"),
        ("NVIDIA-RTX-A2000-12GB", "a2000"),
        ("Quadro-P6000", "p6000"),
        ("GRID-T4-16Q", "t4"),
        ("GRID-RTX6000-24Q", "rtx-6000"),
        ("NVIDIA-RTX6000-Ada-48Q", "rtx-6000-ada"),
        ("NVIDIA-RTXA6000-48Q", "a6000"),
        ("NVIDIA-A100-4-20C", "a100"),
        ("NVIDIA-L40S-48Q", "l40s"),
        ("NVIDIA-GB200", "gb200"),
        ("Something Unheard-Of", "something-unheard-of"),
        ("Something-Unheard-Of-SHARED", "something-unheard-of"),
    ],
)
def test_the_model_is_read_from_the_product(product: str, model: str) -> None:
    assert gpu_type(product) == model


@pytest.mark.parametrize(
    ("labels", "allocatable", "found_by"),
    [
        ({"nvidia.com/gpu.present": "true"}, {}, ("gfd",)),
        ({"nvidia.com/gpu.product": "Tesla-T4"}, {}, ("gfd",)),
        ({"feature.node.kubernetes.io/pci-10de.present": "true"}, {}, ("nfd",)),
        ({"feature.node.kubernetes.io/pci-0302_10de.present": "true"}, {}, ("nfd",)),
        ({}, {"nvidia.com/gpu": "8"}, ("allocatable",)),
        ({}, {"nvidia.com/gpu.shared": "16"}, ("allocatable",)),
        ({}, {"nvidia.com/mig-1g.10gb": "7"}, ("allocatable",)),
        ({}, {"nvidia.com/gpu": "0"}, ()),
        ({"nvidia.com/gpu.present": "false"}, {}, ()),
        ({"feature.node.kubernetes.io/pci-15b3.present": "true"}, {"cpu": "8"}, ()),
    ],
)
def test_a_gpu_node_is_known_by_its_labels_or_resources(
    labels: dict[str, str], allocatable: dict[str, str], found_by: tuple[str, ...]
) -> None:
    assert gpu_node(node(labels, allocatable), "us").found_by == found_by


def test_only_labels_of_our_field_manager_are_owned() -> None:
    live = node({"a": "1", "b": "2"})
    live["metadata"]["managedFields"] = [
        {"manager": "us", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:a": {}}}}},
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:b": {}}}}},
    ]
    assert gpu_node(live, "us").owned_labels == {"a"}


def test_where_nobody_knows_who_set_what_any_label_may_be_ours() -> None:
    assert gpu_node(node({"a": "1"}), "us").owned_labels == {"a"}


def slice_of(node: str, *devices: dict[str, Any], driver: str = "gpu.nvidia.com") -> dict[str, Any]:
    return {"metadata": {"name": "s"}, "spec": {"driver": driver, "nodeName": node, "devices": list(devices)}}


PRODUCT = {"productName": {"string": "NVIDIA GB200"}}


@pytest.mark.parametrize(
    ("slices", "products"),
    [
        ([slice_of("a", {"attributes": PRODUCT})], {"a": "NVIDIA GB200"}),
        ([slice_of("a", {"basic": {"attributes": PRODUCT}})], {"a": "NVIDIA GB200"}),
        ([slice_of("a", {"attributes": {}}), slice_of("a", {"attributes": PRODUCT})], {"a": "NVIDIA GB200"}),
        ([slice_of("a", {"name": "gpu-0"})], {"a": ""}),
        ([slice_of("a")], {}),
        ([slice_of("a", {"attributes": PRODUCT}, driver="compute-domain.nvidia.com")], {}),
        ([{"metadata": {}, "spec": {"driver": "gpu.nvidia.com", "allNodes": True, "devices": [{}]}}], {}),
    ],
)
def test_resource_slices_say_which_nodes_have_gpus(slices: list[dict[str, Any]], products: dict[str, str]) -> None:
    assert slice_products(slices) == products


@pytest.mark.parametrize(("said", "model"), [("NVIDIA GB200", "gb200"), ("", None)])
def test_a_node_is_known_by_its_slice_alone(said: str, model: str | None) -> None:
    found = gpu_node(node(), "us", slice_product=said)
    assert (found.found_by, found.gpu_type) == (("resource_slice",), model)


def test_slices_are_asked_for_in_the_version_that_is_served_and_may_be_nobodys_to_read(fake_client: Any) -> None:
    beta = (200, {"items": [slice_of("a", {"basic": {"attributes": PRODUCT}})]}, {})
    assert read_slices(fake_client([(404, b"404 page not found", {}), beta]).client) == {"a": "NVIDIA GB200"}
    assert read_slices(fake_client([(404, b"404 page not found", {})] * 2).client) == {}
    assert read_slices(fake_client([(403, {"reason": "Forbidden"}, {})]).client) == {}
