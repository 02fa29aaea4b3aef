# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dcgm-exporter is on the GPU nodes, and only Prometheus reaches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]


def test_the_exporter_runs_on_every_gpu_node_and_no_other(runs_on_all_gpu_nodes: Read) -> None:
    """As many pods are wanted as there are GPU nodes, and all are ready."""
    runs_on_all_gpu_nodes("dcgm-exporter")


def test_its_pods_are_as_unprivileged_as_it_allows(is_unprivileged: Read) -> None:
    """Only what reads GPUs."""
    for context in is_unprivileged("dcgm-exporter"):
        assert context["readOnlyRootFilesystem"] is True


def test_everything_that_nobody_allowed_is_denied(read: Read) -> None:
    """A policy for all pods of the namespace that allows nothing."""
    policies = read("networkpolicies", "--namespace=dcgm-exporter")["items"]
    assert [policy for policy in policies if policy["spec"]["podSelector"] == {} and not policy["spec"].get("ingress")]
