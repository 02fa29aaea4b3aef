# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two machines that are nodes of a sandbox: one set for all that one process tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from machine_image import USER, machine_image
from machine_network import Network, own_network
from machine_programs import machine_programs
from machines import Machine, running_machines
from nodes import API_PORT, REGISTRY_PORT, node, publish_api_server
from registry_server import Registry, running_registry
from relay import relay
from sandbox_access import CHECKOUT, Sandbox
from waiting import wait_for

NAMES = ("gpu-host-1", "gpu-host-2")
SIMULATED = {"sandbox_gpu_nodes": [], "sandbox_cpu_nodes": 1, "sandbox_control_plane_nodes": 1}
"""Nodes for what is no matter of machines, such as the sandbox's DNS."""


@dataclass(frozen=True)
class MachineCluster:
    """The machines, the sandbox that they are nodes of, and their registry."""

    machines: Sequence[Machine]
    sandbox: Sandbox
    network: Network
    registry: Registry
    image: Path
    inventory: Path


@contextmanager
def running_cluster(build: Path, sandbox: Sandbox) -> Iterator[MachineCluster]:
    """Run it; everything is made anew but what is cached. ``build`` is a folder for what machines change."""
    with ExitStack() as stack:
        programs = machine_programs()
        image = stack.enter_context(machine_image(CHECKOUT / ".build" / "machine-image.log"))
        network = stack.enter_context(own_network())
        sandbox.bring("absent")
        sandbox.bring("started", **SIMULATED)
        stack.callback(sandbox.bring, "absent")
        build.mkdir(parents=True, exist_ok=True)
        registry = stack.enter_context(running_registry(build))
        _pass_on(stack, network, sandbox, registry)
        registry.push_files("pause", "3.10", busybox(image), ["/bin/busybox", "sleep", "2147483647"])
        publish_api_server(sandbox.kubectl, network)
        given = {name: node(sandbox, network, number, name, programs) for number, name in enumerate(NAMES, 1)}
        machines = stack.enter_context(running_machines(image, network, build / "machines", list(NAMES), given))
        inventory = write_inventory(build / "inventory.json", machines, sandbox)
        wait_until_ready(sandbox, machines)
        yield MachineCluster(machines, sandbox, network, registry, image, inventory)


def busybox(image: Path) -> dict[str, bytes]:
    """The files of a container that has a shell and nothing else, from Debian's package in the root of machines."""
    applets = ("sh", "cat", "id", "ls", "sleep", "wget", "sha256sum", "stat", "touch", "dd", "nc")
    links = {f"bin/{name}": b"link:/bin/busybox" for name in applets}
    return {"bin/busybox": (image / "bin" / "busybox").read_bytes(), **links}


def write_inventory(path: Path, machines: Sequence[Machine], sandbox: Sandbox) -> Path:
    """An inventory of the machines as their users write one."""
    hosts = {
        machine.name: {
            "ansible_host": machine.address,
            "ansible_user": USER,
            "ansible_become": True,
            "ansible_ssh_private_key_file": str(machine.folder.parent / "key"),
            "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={machine.folder.parent / 'known_hosts'}",
            "gpu_host_cluster": "sandbox",
        }
        for machine in machines
    }
    clusters = {"sandbox": {"gpu_cluster_kubeconfig": str(sandbox.kubeconfig), "ansible_connection": "local"}}
    groups = {"gpu_hosts": {"hosts": hosts}, "gpu_clusters": {"hosts": clusters}}
    path.write_text(json.dumps(groups, indent=2) + "\n", encoding="utf-8")
    return path


def wait_until_ready(sandbox: Sandbox, machines: Sequence[Machine]) -> None:
    """Wait until each machine's kubelet says that it is Ready."""

    def is_ready(machine: Machine) -> bool:
        found = sandbox.kubectl.get("node", machine.name)
        conditions = found["status"]["conditions"] if found else []
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    for machine in machines:
        wait_for(
            lambda machine=machine: is_ready(machine),
            lambda machine=machine: machine.run("journalctl --no-pager -n 60 -u kubelet -u containerd"),
            seconds=120,
        )


def _pass_on(stack: ExitStack, network: Network, sandbox: Sandbox, registry: Registry) -> None:
    """Let machines reach two servers of this machine's loopback address, and no others."""
    kubeconfig = json.loads(sandbox.kubeconfig.read_text(encoding="utf-8"))
    server = urlsplit(kubeconfig["clusters"][0]["cluster"]["server"])
    for port, there in ((API_PORT, server.port), (REGISTRY_PORT, int(registry.name.rpartition(":")[2]))):
        assert there
        stack.enter_context(relay((network.gateway, port), ("127.0.0.1", there)))
