# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Falco watches every GPU node, with the rules for ML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]


def test_falco_runs_on_every_gpu_node_and_no_other(runs_on_all_gpu_nodes: Read) -> None:
    """As many pods are wanted as there are GPU nodes, and all are ready."""
    runs_on_all_gpu_nodes("falco")


def test_it_loads_the_rules_of_the_collection(read: Read) -> None:
    """After Falco's own, before the site's."""
    rules = read("configmap", "falco-rules", "--namespace=falco")["data"]
    assert [name for name in sorted(rules) if "ml" in name]
    assert "20-site-rules.yaml" in rules
