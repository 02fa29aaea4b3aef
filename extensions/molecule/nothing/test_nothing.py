# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of this collection is on the cluster: not yet after a check-mode run, and no longer after an absent one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]
SECONDS = 30  # what is deleted goes in the background


def test_no_object_belongs_to_a_layer(kubectl: Read, read: Read) -> None:
    """Of any kind that can be listed, in any namespace."""
    listed = kubectl("api-resources", "--verbs=list", "--output=name")
    kinds = ",".join(listed.stdout.split())
    deadline = time.monotonic() + SECONDS
    while True:
        found = read(kinds, "--all-namespaces", "--selector=applyset.kubernetes.io/part-of")["items"]
        if not found or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert [f"{item['kind']}/{item['metadata']['name']}" for item in found] == []


def test_nodes_are_as_they_were(read: Read) -> None:
    """No GPU node has our labels or our taint."""
    nodes = read("nodes", "--selector=nvidia.com/gpu.present=true")["items"]
    assert len(nodes) == 8
    for node in nodes:
        assert not {label for label in node["metadata"]["labels"] if label.endswith("node-type")}
        assert "nvidia.com/gpu" not in {taint["key"] for taint in node["spec"].get("taints", [])}
