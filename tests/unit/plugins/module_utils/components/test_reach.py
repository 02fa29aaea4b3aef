# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which GPU nodes are said to have no device plugin, and why, before and after one is there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import Found, find_components
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.reach import (
    describe_advertised,
    describe_unreached,
    unreached,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node

SELECTOR = {"node-type": "gpu"}
OURS = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
CLOUD = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
SKU = {"key": "sku", "value": "gpu", "effect": "NoSchedule"}
SOFT = {"key": "soft", "effect": "PreferNoSchedule"}
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}


def node(name: str, *taints: dict[str, str], gpus: int = 1, labelled: bool = True) -> GpuNode:
    return gpu_node(
        {
            "metadata": {"name": name, "resourceVersion": "1", "labels": SELECTOR if labelled else {}},
            "spec": {"taints": list(taints)},
            "status": {"allocatable": {"nvidia.com/gpu": str(gpus)}},
        },
        "",
    )


def plugin(*tolerations: dict[str, str], selector: dict[str, str] | None = None, name: str = "ds") -> list[Found]:
    spec = {
        "nodeSelector": selector if selector is not None else SELECTOR,
        "tolerations": list(tolerations),
        "containers": [{"image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"}],
    }
    daemon_set = {"metadata": {"namespace": "ns", "name": name}, "spec": {"template": {"spec": spec}}}
    return find_components([daemon_set], ["device_plugin"], [])


EXISTS = {"key": "nvidia.com/gpu", "operator": "Exists"}


@pytest.mark.parametrize(
    ("found", "nodes", "expected"),
    [
        ([], [node("a", OURS)], {}),
        ([], [node("a", OURS, SKU)], {"a": [SKU]}),
        ([], [node("a", CLOUD)], {"a": [CLOUD]}),
        ([], [node("a", OURS, SOFT, NOT_READY)], {}),
        ([], [node("a", SKU, labelled=False)], {}),
        (plugin(EXISTS), [node("a", CLOUD), node("b", OURS, SKU)], {"b": [SKU]}),
        (plugin({"operator": "Exists"}), [node("a", CLOUD, SKU)], {}),
        (plugin(EXISTS, selector={}), [node("a", SKU, labelled=False), node("cpu", SKU, gpus=0)], {"a": [SKU]}),
        (plugin(EXISTS, selector={"gpu": "on"}), [node("a", SKU)], {}),
        # One of two that reaches a node is enough.
        ([*plugin(EXISTS), *plugin({"operator": "Exists"}, name="other")], [node("a", SKU)], {}),
    ],
)
def test_nodes_that_taints_keep_the_plugin_from_are_named(
    found: list[Found], nodes: list[GpuNode], expected: dict[str, Any]
) -> None:
    result = unreached(nodes, found, ["device_plugin"], SELECTOR, [OURS])
    assert {entry.node: list(entry.taints) for entry in result} == expected


def test_one_warning_says_for_each_taint_which_nodes_it_is() -> None:
    nodes = [node("a", OURS, SKU), node("b", OURS, SKU), node("c", CLOUD)]
    assert describe_unreached(unreached(nodes, [], ["device_plugin"], SELECTOR, [OURS])) == [
        f"{nodes} GPU nodes get no NVIDIA device plugin, as it does not tolerate their taint {why}. "
        "Name the taint in device_plugin_taints, or give it the toleration."
        for nodes, why in ((2, "sku=gpu:NoSchedule: a, b"), (1, "nvidia.com/gpu=present:NoSchedule: c"))
    ]


def test_a_falco_of_ours_would_tolerate_everything() -> None:
    assert unreached([node("a", SKU)], [], ["falco"], SELECTOR, [OURS]) == []


@pytest.mark.parametrize(
    ("found", "components", "gpus", "warned"),
    [
        ([], ["device_plugin"], 1, True),
        ([], ["device_plugin"], 0, False),
        ([], ["falco"], 1, False),
        (plugin(EXISTS), ["device_plugin"], 1, False),
    ],
)
def test_gpus_that_nobody_is_known_to_provide_are_warned_of(
    found: list[Found], components: list[str], gpus: int, warned: bool
) -> None:
    warnings = describe_advertised([node("a", gpus=gpus)], found, components)
    assert [text.partition(",")[0] for text in warnings] == (["1 nodes offer GPUs already (a)"] if warned else [])
