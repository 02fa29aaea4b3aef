# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster that is measured on, and the ways to run this collection against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import say
from sandbox_access import BIN, CHECKOUT, Sandbox, clean_environment

GPU_NODES = {
    "prefix": "gpu",
    "product": "NVIDIA-A100-SXM4-80GB",
    "memory": 81920,
    "family": "ampere",
    "compute": "8.0",
    "machine": "DGXA100",
}
IDLE_CORES = 0.2
SETTLE_SECONDS = 60
MAIN_JOB = CHECKOUT / "harden-gpu-cluster.yml"
MODULES = "ansible_collections.gpu_cluster.hardening.plugins.modules"


class CommandError(Exception):
    """A command that must succeed did not."""


@dataclass(frozen=True)
class Finished:
    """A process that succeeded.

    Attributes:
        peak_mb: the most memory that it, or any one process that it started, had at once.
    """

    stdout: str
    peak_mb: float


@dataclass(frozen=True)
class BenchCluster:
    """A sandbox whose number of GPU nodes can be set."""

    sandbox: Sandbox
    home: Path

    @classmethod
    def at(cls, directory: Path) -> BenchCluster:
        """The sandbox in this directory. What an interrupted benchmark left there is removed."""
        cluster = cls(Sandbox(directory), directory.parent / "bench-home")
        cluster.home.mkdir(parents=True, exist_ok=True)
        if directory.exists():
            cluster.remove()
        return cluster

    def grow(self, gpu_nodes: int) -> None:
        """Start it, or add nodes to it."""
        say(f"a sandbox of {gpu_nodes} GPU nodes; the first on a machine builds the control plane (5 to 11 min)")
        self.sandbox.bring("started", sandbox_gpu_nodes=[{**GPU_NODES, "count": gpu_nodes}])

    def remove(self) -> None:
        """Stop it and delete its directory."""
        self.sandbox.bring("absent")

    def settle(self) -> None:
        """Wait until the control plane has dealt with what was done last, as controllers go on after the answer."""
        end = time.monotonic() + SETTLE_SECONDS
        used = self._processor_seconds()
        while time.monotonic() < end:
            time.sleep(1)
            before, used = used, self._processor_seconds()
            if used - before < IDLE_CORES:
                return

    def _processor_seconds(self) -> float:
        """Processor time that all components have used so far."""
        state = json.loads((self.sandbox.directory / "state.json").read_text(encoding="utf-8"))
        pids = [component["process"]["pid"] for component in state["components"].values()]
        # utime and stime are the 14th and 15th field; the 2nd, the name, may hold blanks
        fields = [Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split() for pid in pids]
        return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")

    def environment(self) -> dict[str, str]:
        """What every program gets, ours and the peers': this cluster, and nothing of the user's."""
        settings = {
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "KUBECONFIG": str(self.sandbox.kubeconfig),
        }
        return clean_environment(self.home, settings)

    def run(self, *command: str, stdin: str = "") -> Finished:
        """Run a program that must succeed."""
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                command,
                env=self.environment(),
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(stdin)
            process.stdin.close()
            output = process.stdout.read()
            process.stdout.close()
            _pid, status, usage = os.wait4(process.pid, 0)  # with the children that it waited for
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                errors.seek(0)
                raise CommandError(f"{' '.join(command)[:200]} failed:\n{output[-4000:]}{errors.read()[-4000:]}")
        return Finished(output, usage.ru_maxrss / 1024)

    def kubectl(self, *arguments: str) -> str:
        """The sandbox's own kubectl, as the administrator."""
        return self.run(str(self.sandbox.kubectl.binary), *arguments).stdout

    def module(self, name: str, /, **parameters: Any) -> Finished:
        """One of our modules in a process of its own, arguments on its standard input, as Ansible runs it."""
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": parameters})
        return self.run(sys.executable, "-m", f"{MODULES}.{name}", stdin=arguments)

    def playbook(self, *layers: str, **variables: Any) -> Finished:
        """The main job: as it is, or only these layers of it; ``variables`` are other than its defaults."""
        options = ("-e", json.dumps(variables), *(("--tags", ",".join(layers)) if layers else ()))
        return self._ansible_playbook(BIN, MAIN_JOB, *options)

    def fleet(self, clusters: int) -> Finished:
        """The main job for an inventory with this cluster so many times, all at once."""
        return self._ansible_playbook(BIN, MAIN_JOB, "--forks", str(clusters), clusters=clusters)

    def tasks(self, *tasks: Mapping[str, Any], programs: Path = BIN) -> None:
        """A playbook of these tasks. ``programs`` is the folder of ansible-playbook."""
        variables = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        play = {"hosts": "all", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}
        path = self.home / "playbook.json"  # JSON is YAML
        path.write_text(json.dumps([play]), encoding="utf-8")
        self._ansible_playbook(programs, path)

    def _ansible_playbook(self, programs: Path, playbook: Path, *options: str, clusters: int = 1) -> Finished:
        inventory = self.home / "inventory.json"
        hosts = {
            f"bench-{number}": {"gpu_cluster_kubeconfig": str(self.sandbox.kubeconfig)} for number in range(clusters)
        }
        inventory.write_text(json.dumps({"gpu_clusters": {"hosts": hosts}}), encoding="utf-8")
        return self.run(str(programs / "ansible-playbook"), "-i", str(inventory), str(playbook), *options)
