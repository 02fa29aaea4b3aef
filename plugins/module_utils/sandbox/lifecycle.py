# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a sandbox as a whole: started with its nodes, stopped, absent."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.cluster import (
    carry_out,
    connect_to_sandbox,
    plan_against,
    wait_ready,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.components import API_SERVER
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.configuration import OWN_CLIENT
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.control_plane import (
    missing_components,
    running_components,
    start_control_plane,
    stop_control_plane,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import BuildPlan, build
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.nodes import NodePlan
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import SandboxPaths, locked


def start(
    paths: SandboxPaths,
    build_plan: BuildPlan,
    nodes: Mapping[str, dict[str, Any]],
    timeout: float,
    check_mode: bool,
) -> dict[str, Any]:
    """Start or heal the control plane, then give it its nodes. Returns the module's result."""
    _require_linux()
    if check_mode:
        return _predict(paths, build_plan, nodes)
    built = build(build_plan, paths.build_log)
    deadline = time.monotonic() + timeout
    with locked(paths.lock):
        started = start_control_plane(paths, build_plan.binary, deadline)
        client = connect_to_sandbox(paths.component_kubeconfig(OWN_CLIENT))
        plan = plan_against(client, nodes)
        carry_out(client, plan)
        wait_ready(client, nodes, deadline)
    return _result(paths, build_plan, started, plan, built)


def tear_down(paths: SandboxPaths, remove: bool, check_mode: bool) -> dict[str, Any]:
    """Stop the sandbox; with ``remove`` also delete its files. Returns the module's result."""
    if not paths.directory.is_dir():
        return {"changed": False, "components": []}
    found = paths.entries()
    if check_mode:
        running = running_components(paths)
        return {"changed": bool(running or (remove and found)), "components": running}
    with locked(paths.lock):
        stopped = stop_control_plane(paths)
        if remove:
            paths.remove()
    return {"changed": bool(stopped or (remove and found)), "components": stopped}


def _predict(paths: SandboxPaths, build_plan: BuildPlan, nodes: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What a start would do. Without an API server to ask, all nodes count as missing."""
    missing = missing_components(paths, build_plan.binary)
    plan = NodePlan([], list(nodes.values()), 0)
    if API_SERVER not in missing and "etcd" not in missing:
        plan = plan_against(connect_to_sandbox(paths.component_kubeconfig(OWN_CLIENT)), nodes)
    return _result(paths, build_plan, missing, plan, not build_plan.is_built)


def _result(
    paths: SandboxPaths, build_plan: BuildPlan, components: list[str], plan: NodePlan, built: bool
) -> dict[str, Any]:
    return {
        "changed": bool(built or components or plan.create or plan.delete),
        "binary": str(build_plan.binary),
        "kubeconfig": str(paths.kubeconfig),
        "kubectl": str(paths.program("kubectl")),
        "components": components,
        "nodes": {"created": len(plan.create), "deleted": len(plan.delete), "unchanged": plan.unchanged},
    }


def _require_linux() -> None:
    if sys.platform != "linux":
        raise HardeningError(f"The sandbox runs on Linux only; this is {sys.platform}. Use KUBECONFIG with a cluster.")
