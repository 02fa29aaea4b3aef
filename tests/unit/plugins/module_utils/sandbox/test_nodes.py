# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which simulated nodes there are, and what changes when there should be others."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.nodes import (
    NodeGroup,
    control_plane_group,
    cpu_group,
    gpu_group,
    is_ready,
    make_nodes,
    plan_nodes,
)

A100 = {"prefix": "gpu-a100", "count": 2, "product": "NVIDIA-A100-SXM4-80GB", "memory": 81920, "gpus": 8}
H100 = {**A100, "prefix": "gpu-h100", "product": "NVIDIA-H100-80GB-HBM3", "compute": "9.0", "family": "hopper"}


NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def nodes_of(wanted: list[NodeGroup], now: datetime = NOW) -> dict[str, dict[str, Any]]:
    return make_nodes(wanted, now)


def groups(a100: int = 2) -> list[NodeGroup]:
    return [gpu_group({**A100, "count": a100}), gpu_group(H100), cpu_group(1), control_plane_group(1)]


def live(nodes: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return copy.deepcopy(list(nodes.values()))


def test_gpu_nodes_look_like_those_of_gpu_feature_discovery() -> None:
    node = nodes_of(groups())["gpu-h100-1"]
    labels = node["metadata"]["labels"]
    assert labels["nvidia.com/gpu.present"] == "true"
    assert labels["node-restriction.kubernetes.io/pool"] == "gpu"
    assert labels["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3"
    assert labels["nvidia.com/gpu.family"] == "hopper"
    assert labels["nvidia.com/gpu.compute.major"] == "9"
    assert labels["feature.node.kubernetes.io/pci-10de.present"] == "true"
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "8"


def test_cpu_nodes_have_no_trace_of_a_gpu() -> None:
    assert "nvidia" not in str(nodes_of(groups())["cpu-0"])


def test_control_plane_nodes_are_labelled_and_tainted() -> None:
    node = nodes_of(groups())["control-plane-0"]
    assert node["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == ""
    assert node["spec"]["taints"] == [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]


def test_every_node_has_its_own_address() -> None:
    nodes = nodes_of(groups(a100=5000))
    assert len({node["status"]["addresses"][0]["address"] for node in nodes.values()}) == 5004


def test_the_same_nodes_need_nothing_also_when_others_changed_them() -> None:
    desired = nodes_of(groups())
    found = live(desired)
    found[0]["metadata"]["labels"]["gpu-type"] = "a100"
    found[0]["spec"]["taints"].append({"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"})
    plan = plan_nodes(found, desired)
    assert (plan.delete, plan.create, plan.unchanged) == ([], [], 6)


def test_nodes_are_ready_from_the_start_and_when_is_no_difference() -> None:
    first, second = nodes_of(groups()), nodes_of(groups(), datetime(2027, 1, 1, tzinfo=UTC))
    assert is_ready(first["cpu-0"])
    assert first["cpu-0"]["status"]["conditions"][0]["lastHeartbeatTime"] == "2026-01-02T03:04:05Z"
    assert plan_nodes(live(first), second).unchanged == 6


def test_growing_creates_and_leaves_the_rest_alone() -> None:
    plan = plan_nodes(live(nodes_of(groups())), nodes_of(groups(a100=4)))
    assert [node["metadata"]["name"] for node in plan.create] == ["gpu-a100-2", "gpu-a100-3"]
    assert (plan.delete, plan.unchanged) == ([], 6)


def test_shrinking_deletes() -> None:
    plan = plan_nodes(live(nodes_of(groups())), nodes_of(groups(a100=0)))
    assert (plan.delete, plan.create, plan.unchanged) == (["gpu-a100-0", "gpu-a100-1"], [], 4)


def test_a_node_that_is_defined_otherwise_is_made_anew() -> None:
    other = [gpu_group({**A100, "gpus": 4}), *groups()[1:]]
    plan = plan_nodes(live(nodes_of(groups())), nodes_of(other))
    assert plan.delete == ["gpu-a100-0", "gpu-a100-1"]
    assert [node["metadata"]["name"] for node in plan.create] == plan.delete


def test_nodes_of_others_are_not_touched() -> None:
    foreign = {"metadata": {"name": "mine", "annotations": {"kwok.x-k8s.io/node": "fake"}}}
    assert plan_nodes([foreign], {}).delete == []


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("product", "has a space", "has a space"),
        ("prefix", "Upper", "Upper-0"),
        ("count", -1, "count must be 0 to 62500, got -1"),
        ("count", 62501, "got 62501"),
    ],
)
def test_invalid_groups_are_refused(option: str, value: object, message: str) -> None:
    with pytest.raises(HardeningError, match=message):
        nodes_of([gpu_group({**A100, option: value})])


def test_two_groups_cannot_share_names() -> None:
    with pytest.raises(HardeningError, match="two nodes would be named gpu-a100-0"):
        nodes_of([gpu_group(A100), gpu_group(A100)])


def test_ready_means_that_the_taint_is_gone_too() -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    assert is_ready({"spec": {}, "status": ready})
    assert not is_ready({"spec": {"taints": [taint]}, "status": ready})
    assert not is_ready({"spec": {}, "status": {}})
