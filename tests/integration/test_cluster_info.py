# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the module knows what a real API server serves, and insists only on what is required."""

from __future__ import annotations

from module_runs import ModuleRunner

SERVED = {"api_version": "apps/v1", "kind": "DaemonSet"}
UNSERVED = {"api_version": "monitoring.example.com/v1", "kind": "ServiceMonitor"}


def test_it_says_which_kinds_are_served(run_module: ModuleRunner) -> None:
    result = run_module("cluster_info", kinds=[SERVED, {**UNSERVED, "required": False}])
    assert result["served"] == [{**SERVED, "served": True}, {**UNSERVED, "served": False}]


def test_a_kind_is_required_unless_said_otherwise(run_module: ModuleRunner) -> None:
    result = run_module.failing("cluster_info", kinds=[SERVED, UNSERVED])
    assert "does not serve ServiceMonitor (monitoring.example.com/v1)" in result["msg"]
