# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's device plugin is on the GPU nodes, unprivileged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]


def test_the_plugin_runs_on_every_gpu_node_and_no_other(runs_on_all_gpu_nodes: Read) -> None:
    """As many pods are wanted as there are GPU nodes, and all are ready."""
    runs_on_all_gpu_nodes("nvidia-device-plugin")


def test_its_pods_are_as_unprivileged_as_it_allows(is_unprivileged: Read) -> None:
    """It gives GPUs by CDI, without privileges."""
    for context in is_unprivileged("nvidia-device-plugin"):
        assert context["capabilities"]["drop"] == ["ALL"]
