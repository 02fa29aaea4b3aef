# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that what arrived counts as a change, also where its answer was lost."""

from __future__ import annotations

from pathlib import Path

from fault_proxy import CUT_OFF, a_write, faulty_server
from module_runs import ModuleRunner
from sandbox_access import Kubectl


def test_nodes_whose_patch_arrived_without_an_answer_count_as_changed(
    run_module: ModuleRunner, kubectl: Kubectl, kubeconfig: Path, tmp_path: Path
) -> None:
    def every_second(number: int) -> str | None:
        return CUT_OFF if number % 2 == 0 else None

    run_module("gpu_nodes", state="absent")
    for state in ("present", "absent"):
        with faulty_server(kubeconfig, tmp_path, every_second, choice=a_write) as faulty:
            done = run_module("gpu_nodes", state=state, kubeconfig=None, host=faulty.address, concurrency=1)
            assert faulty.faults[CUT_OFF] > 2
        assert done["changed"] is True
        assert {node["action"] for node in done["nodes"]} == {"configured"}
        assert run_module("gpu_nodes", state=state)["changed"] is False
