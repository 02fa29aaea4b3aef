# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's device plugin is on the GPU nodes, unprivileged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]


def test_the_plugin_runs_on_every_gpu_node_and_no_other(read: Read) -> None:
    """As many pods are wanted as there are GPU nodes, and all are ready."""
    status = read("daemonset", "nvidia-device-plugin", "--namespace=nvidia-device-plugin")["status"]
    assert status["desiredNumberScheduled"] == status["numberReady"] == 8


def test_its_pods_are_as_unprivileged_as_it_allows(read: Read) -> None:
    """It gives GPUs by CDI, without privileges."""
    pod = read("daemonset", "nvidia-device-plugin", "--namespace=nvidia-device-plugin")["spec"]["template"]["spec"]
    assert pod.get("automountServiceAccountToken") is False
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"]["drop"] == ["ALL"]
