# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPU nodes are labelled and tainted, others are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]


def test_gpu_nodes_have_labels_and_taint(read: Read) -> None:
    """Each with its model."""
    nodes = read("nodes", "--selector=node-type=gpu")["items"]
    assert {node["metadata"]["labels"]["gpu-type"] for node in nodes} == {"a100", "h100"}
    assert len(nodes) == 8
    for node in nodes:
        assert {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"} in node["spec"]["taints"]


def test_other_nodes_are_left_alone(read: Read) -> None:
    """CPU and control-plane nodes."""
    others = read("nodes", "--selector=nvidia.com/gpu.present!=true")["items"]
    assert len(others) == 3
    for node in others:
        assert "nvidia.com/gpu" not in {taint["key"] for taint in node["spec"].get("taints", [])}
