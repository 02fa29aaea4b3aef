# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines are what tests on them take for granted."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from machine_cluster import MachineCluster
from machines import Machine
from sandbox_access import BIN, CHECKOUT, Kubectl, clean_environment
from waiting import wait_for


def test_ansible_logs_in_and_becomes_root(cluster: MachineCluster, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(BIN / "ansible"),
            "gpu_hosts",
            "-i",
            str(cluster.inventory),
            "-m",
            "ansible.builtin.command",
            "-a",
            "id -u",
        ],
        cwd=CHECKOUT,
        env=clean_environment(tmp_path, {"ANSIBLE_HOME": str(tmp_path)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0", "0"]


def test_machines_reach_this_one_and_no_further(machine: Machine) -> None:
    routes = json.loads(machine.run("ip -json route"))
    assert "default" not in {route["dst"] for route in routes}


def test_the_kernel_of_this_machine_keeps_its_settings(machine: Machine) -> None:
    panic = Path("/proc/sys/kernel/panic")
    before = panic.read_text(encoding="utf-8")
    machine.run("sysctl -w kernel.panic=77")
    assert machine.run("sysctl -n kernel.panic").strip() == "77"
    assert panic.read_text(encoding="utf-8") == before


def test_machines_are_ready_nodes_with_gpus(cluster: MachineCluster, kubectl: Kubectl) -> None:
    for machine in cluster.machines:
        wait_for(
            lambda name=machine.name: kubectl.get("node", name)["status"]["allocatable"].get("nvidia.com/gpu") == "2",
            lambda machine=machine: machine.run("journalctl --no-pager -n 40 -u device-plugin -u kubelet"),
        )


def test_the_api_server_reads_what_a_kubelet_runs_with(machine: Machine, kubectl: Kubectl) -> None:
    config = kubectl("get", "--raw", f"/api/v1/nodes/{machine.name}/proxy/configz")
    config = config if isinstance(config, dict) else json.loads(config)
    assert config["kubeletconfig"]["cgroupDriver"] == "cgroupfs"
