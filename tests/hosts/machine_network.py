# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of a set of machines: a bridge that leads to this machine and no further."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import cache_folder
from control_groups import remove_groups

NETWORKS = 16
MACHINES = 15


@dataclass(frozen=True)
class Network:
    """One of those that can be on a machine side by side. Machines are counted from 1."""

    number: int

    @property
    def bridge(self) -> str:
        """Name of the link."""
        return f"gpu-hosts-{self.number}"

    @property
    def gateway(self) -> str:
        """Address of this machine in it."""
        return f"10.98.{self.number}.1"

    def address(self, machine: int) -> str:
        """Address of a machine."""
        return f"10.98.{self.number}.{10 + machine}"

    def pods(self, machine: int) -> str:
        """Range of the pods of a machine."""
        return f"10.99.{16 * self.number + machine}.0/24"


@contextmanager
def own_network() -> Iterator[Network]:
    """A network that nobody else uses, cleared of what one who was killed may have left."""
    folder = cache_folder(os.environ, "machines")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(NETWORKS):
        with (folder / f"network-{number}.lock").open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            network = Network(number)
            clear(network)
            try:
                link("add", network.bridge, "type", "bridge")
                ip("address", "add", f"{network.gateway}/24", "dev", network.bridge)
                link("set", network.bridge, "up")
                yield network
            finally:
                clear(network)
            return
    raise AssertionError(f"all {NETWORKS} networks of machines are in use")


def clear(network: Network) -> None:
    """Take away the bridge and the control groups of the machines on it; machines end with whoever started them."""
    subprocess.run(["ip", "link", "delete", network.bridge], capture_output=True, check=False, timeout=30)
    remove_groups(f"{network.bridge}-")


def link(*arguments: str) -> None:
    """Change a link of this machine."""
    ip("link", *arguments)


def ip(*arguments: str) -> None:
    """Run ip(8)."""
    subprocess.run(["ip", *arguments], check=True, timeout=30)
