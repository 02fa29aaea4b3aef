# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of machines on machines: what is on them and what their kubelets run with, from before to rollback.

The tests go on from one another, in this order, as runs on a cluster do.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from machine_cluster import MachineCluster
from machines import Machine
from sandbox_access import BIN, CHECKOUT, Kubectl, clean_environment
from waiting import wait_for

TOOLKIT = "/etc/nvidia-container-runtime/config.toml"
RUNTIME = "/etc/containerd/conf.d/zz-gpu-cluster-hardening.toml"
FABRIC_MANAGER = "/usr/share/nvidia/nvswitch/fabricmanager.cfg"
Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def play(cluster: MachineCluster, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Runs a playbook on the machines, which have a toolkit as its package configures it."""
    home = tmp_path_factory.mktemp("home")
    for machine in cluster.machines:
        machine.run(f"mkdir -p {Path(TOOLKIT).parent}; cat > {TOOLKIT}", stdin="disable-require = false\n")
        wait_for(lambda machine=machine: node(cluster, machine)["gpus"] == "2", f"{machine.name} has no GPUs")

    def run(name: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(str(BIN / "ansible-playbook"), "-i", str(cluster.inventory), f"playbooks/{name}_gpu_hosts.yml"),
                *("-e", json.dumps(variables), *options),
            ],
            cwd=CHECKOUT,
            env=clean_environment(home, {"ANSIBLE_HOME": str(home)}),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    return run


@pytest.fixture(scope="module")
def original(cluster: MachineCluster, play: Play) -> list[str]:
    """The files of each machine before the first run."""
    return [contents(machine) for machine in cluster.machines]


def test_check_mode_names_the_files_and_writes_none(cluster: MachineCluster, play: Play, original: list[str]) -> None:
    before = [moved(machine) for machine in cluster.machines]
    done = play("harden", "--check", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(path in done.stdout for path in (TOOLKIT, RUNTIME, "90-gpu-cluster-hardening.conf"))
    assert [moved(machine) for machine in cluster.machines] == before


def test_two_machines_of_one_node_are_refused(cluster: MachineCluster, play: Play, original: list[str]) -> None:
    done = play("harden", gpu_host_node=cluster.machines[0].name)
    assert done.returncode != 0
    assert "are all said to be the node gpu-host-1" in " ".join(done.stdout.split())
    assert [contents(machine) for machine in cluster.machines] == original


def test_machines_are_hardened_and_their_nodes_serve_as_before(
    cluster: MachineCluster, play: Play, original: list[str], kubectl: Kubectl
) -> None:
    done = play("harden")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    for machine in cluster.machines:
        config = kubectl("get", "--raw", f"/api/v1/nodes/{machine.name}/proxy/configz")
        config = (config if isinstance(config, dict) else json.loads(config))["kubeletconfig"]
        assert (config["seccompDefault"], config["podPidsLimit"], config["enableProfilingHandler"]) == (
            True,
            4096,
            False,
        )
        dump = machine.run("containerd config dump")
        assert "runtimes.nvidia" in dump
        assert "default_runtime_name = 'runc'" in dump
        assert "envvar-when-unprivileged = false" in machine.run(f"cat {TOOLKIT}")
        assert node(cluster, machine) == {"ready": "True", "gpus": "2", "cordoned": None}


def test_a_second_run_writes_nothing_and_restarts_nothing(
    cluster: MachineCluster, play: Play, original: list[str]
) -> None:
    before = [moved(machine) for machine in cluster.machines]
    done = play("harden")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert recap(done.stdout) == {machine.name: "changed=0" for machine in cluster.machines}
    assert [moved(machine) for machine in cluster.machines] == before


def test_a_kubelet_that_does_not_start_has_its_old_files_back_and_stops_the_run(
    cluster: MachineCluster, play: Play, original: list[str]
) -> None:
    canary, other = cluster.machines
    held, untouched = contents(canary), moved(other)
    done = play("harden", host_kubelet_config={"podPidsLimit": "many"})
    assert done.returncode != 0
    assert "no other machine is changed" in " ".join(done.stdout.split())
    assert contents(canary) == held
    assert moved(other) == untouched
    assert node(cluster, canary) == {"ready": "True", "gpus": "2", "cordoned": None}


def test_any_part_alone_makes_a_machine_due(cluster: MachineCluster, play: Play, original: list[str]) -> None:
    """A further role counts as the first two do, where these have nothing to do."""
    parts = ["host_container_toolkit", "host_kubelet", "host_driver"]
    for machine in cluster.machines:
        machine.run(f"mkdir -p {Path(FABRIC_MANAGER).parent}; echo BIND_INTERFACE_IP=0.0.0.0 > {FABRIC_MANAGER}")
    done = play("harden", gpu_hosts_parts=parts)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    for machine in cluster.machines:
        assert "127.0.0.1" in machine.run(f"cat {FABRIC_MANAGER}")
    again = play("harden", gpu_hosts_parts=parts)
    assert recap(again.stdout) == {machine.name: "changed=0" for machine in cluster.machines}


def test_rollback_puts_the_very_bytes_back(cluster: MachineCluster, play: Play, original: list[str]) -> None:
    done = play("rollback")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert [contents(machine) for machine in cluster.machines] == original
    for machine in cluster.machines:
        assert node(cluster, machine) == {"ready": "True", "gpus": "2", "cordoned": None}


def contents(machine: Machine) -> str:
    """Sums of all files of its configuration."""
    return machine.run("find /etc -type f -exec sha256sum {} + | sort -k 2")


def moved(machine: Machine) -> str:
    """What changes when anything is written or restarted."""
    return machine.run(
        'find /etc /var/lib/gpu_cluster_hardening -type f ! -name lock -printf "%p %T@ %m\\n" 2>/dev/null | sort;'
        " systemctl show -p MainPID --value kubelet containerd"
    )


def node(cluster: MachineCluster, machine: Machine) -> dict[str, Any]:
    found = cluster.sandbox.kubectl.get("node", machine.name)
    ready = [entry["status"] for entry in found["status"]["conditions"] if entry["type"] == "Ready"]
    gpus = found["status"]["allocatable"].get("nvidia.com/gpu")
    return {"ready": ready[0], "gpus": gpus, "cordoned": found["spec"].get("unschedulable")}


def recap(output: str) -> dict[str, str]:
    lines = output.partition("PLAY RECAP")[2].splitlines()[1:]
    return {line.split()[0]: line.split()[3] for line in lines if " : " in line}
