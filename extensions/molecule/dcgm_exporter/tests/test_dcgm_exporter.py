# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dcgm-exporter is on the GPU nodes, and only Prometheus reaches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]


def test_the_exporter_runs_on_every_gpu_node_and_no_other(read: Read) -> None:
    """As many pods are wanted as there are GPU nodes, and all are ready."""
    status = read("daemonset", "dcgm-exporter", "--namespace=dcgm-exporter")["status"]
    assert status["desiredNumberScheduled"] == status["numberReady"] == 8


def test_its_pods_are_as_unprivileged_as_it_allows(read: Read) -> None:
    """Only what reads GPUs."""
    pod = read("daemonset", "dcgm-exporter", "--namespace=dcgm-exporter")["spec"]["template"]["spec"]
    assert pod.get("automountServiceAccountToken") is False
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True


def test_everything_that_nobody_allowed_is_denied(read: Read) -> None:
    """A policy for all pods of the namespace that allows nothing."""
    policies = read("networkpolicies", "--namespace=dcgm-exporter")["items"]
    assert [policy for policy in policies if policy["spec"]["podSelector"] == {} and not policy["spec"].get("ingress")]
