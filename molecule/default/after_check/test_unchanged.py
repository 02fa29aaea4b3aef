# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check-mode run must leave the cluster as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("namespace", ["ml-training", "ml-serving", "ml-monitoring", "falco"])
def test_namespace_was_not_made(kubectl: Callable[..., Any], namespace: str) -> None:
    """The run said that it would make them, and did not."""
    done = kubectl("get", "namespace", namespace)
    assert done.rc == 1
    assert "NotFound" in done.stderr


def test_nodes_were_left_alone(read: Callable[..., Any]) -> None:
    """No GPU node has our labels or our taint."""
    nodes = read("nodes", "--selector=nvidia.com/gpu.present=true")["items"]
    assert len(nodes) == 8
    for node in nodes:
        assert "node-type" not in node["metadata"]["labels"]
        assert "nvidia.com/gpu" not in {taint["key"] for taint in node["spec"].get("taints", [])}


@pytest.mark.parametrize("kind", ["networkpolicies", "validatingadmissionpolicies"])
def test_no_policy_was_made(read: Callable[..., Any], kind: str) -> None:
    """None is there, of any namespace."""
    assert read(kind, "--all-namespaces")["items"] == []
