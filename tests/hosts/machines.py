# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that boot: systemd of their own, a network of their own, SSH, and this machine's kernel.

A machine ends with the process that started it, however that ends, and with it its mounts, processes and network.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from control_groups import make_groups, remove_groups
from machine_image import USER, remove
from machine_network import MACHINES, Network, ip
from waiting import wait_for

OWN_FILE_SYSTEMS = ("var/lib/containerd", "var/lib/kubelet")
"""Folders that are none of the overlay: containerd lays overlays over its own, and a kubelet measures its disk."""

# Whoever starts systemd-nspawn so gives it a group, a root, and an end.
START = """
for group in $GROUPS_OF_MACHINE; do echo $$ > "$group/cgroup.procs"; done
mount -t overlay overlay -o "lowerdir=$IMAGE,upperdir=$FOLDER/changes,workdir=$FOLDER/work" "$FOLDER/root"
exec systemd-nspawn "$@"
"""


@dataclass(frozen=True)
class Given:
    """What a machine is before it boots.

    Attributes:
        files: content and mode by path.
        programs: programs of this machine that it has, too, by the path there.
    """

    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    programs: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """One that runs, and how its administrator logs in."""

    name: str
    address: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def ssh_options(self) -> tuple[str, ...]:
        """Options of ssh(1) that know the machine and its key, and nothing of the user's."""
        return (
            *("-F", "none", "-i", str(self.folder.parent / "key"), "-o", "IdentitiesOnly=yes"),
            *("-o", f"UserKnownHostsFile={self.folder.parent / 'known_hosts'}", "-o", "ConnectTimeout=5"),
            *("-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath={self.folder.parent}/ssh-%C"),
        )

    def attempt(self, command: str, stdin: str = "", seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command of the shell as root over SSH; it may fail."""
        return subprocess.run(
            ["ssh", *self.ssh_options, f"{USER}@{self.address}", "sudo", "sh", "-c", f"'{quoted(command)}'"],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def run(self, command: str, stdin: str = "", seconds: float = 60) -> str:
        """The output of a command of the shell as root that must succeed."""
        done = self.attempt(command, stdin, seconds)
        assert done.returncode == 0, f"{self.name}: {command}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def console(self) -> str:
        """What it said while it booted."""
        return (self.folder / "console.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End it at once; there is nothing to keep."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_machines(
    image: Path, network: Network, folder: Path, names: list[str], given: Mapping[str, Given]
) -> Iterator[list[Machine]]:
    """Boot machines side by side from one root, each with what it is given; wait until they are up."""
    remove(folder)
    folder.mkdir(mode=0o700, parents=True)
    _make_key(folder, image, [network.address(number) for number in range(1, len(names) + 1)])
    machines: list[Machine] = []
    try:
        for number, name in enumerate(names, 1):
            machines.append(_boot(image, network, folder, number, name, given.get(name, Given())))
            ip("route", "replace", network.pods(number), "via", network.address(number), "dev", network.bridge)
        for machine in machines:
            _wait_until_up(machine)
        yield machines
    finally:
        for machine in machines:
            machine.stop()
        remove_groups(f"{network.bridge}-")


def quoted(command: str) -> str:
    """For use in single quotes."""
    return command.replace("'", "'\\''")


def _make_key(folder: Path, image: Path, addresses: list[str]) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True, timeout=60)
    known = (image / "etc/ssh/ssh_host_ed25519_key.pub").read_text(encoding="utf-8")
    (folder / "known_hosts").write_text("".join(f"{address} {known}" for address in addresses), encoding="utf-8")


def _boot(image: Path, network: Network, folder: Path, number: int, name: str, given: Given) -> Machine:
    own = folder / name
    for part in ("root", "changes", "work", *OWN_FILE_SYSTEMS):
        (own / part).mkdir(mode=0o755, parents=True)
    key = (folder / "key.pub").read_text(encoding="utf-8")
    others = [other for other in range(1, MACHINES + 1) if other != number]
    routes = "\n".join(f"{network.pods(other)} {network.address(other)}" for other in others)
    environment = f"ADDRESS={network.address(number)}\nROUTES='{routes}'\n"
    files = {
        "/etc/machine.env": (environment, 0o644),
        "/etc/hostname": (f"{name}\n", 0o644),
        "/etc/hosts": (f"127.0.0.1 localhost\n127.0.1.1 {name}\n", 0o644),
        f"/etc/ssh/authorized_keys.d/{USER}": (key, 0o644),
        **given.files,
    }
    for path, (content, mode) in files.items():
        _write(own, path, content, mode)
    groups = make_groups(f"{network.bridge}-{number}")
    nspawn = [
        *("--quiet", "--boot", "--register=no", "--keep-unit", f"--machine={name}", f"--directory={own / 'root'}"),
        *(f"--network-bridge={network.bridge}", "--capability=all", "--system-call-filter=@keyring bpf"),
        *("--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off"),
        *(f"--bind={own / path}:/{path}" for path in OWN_FILE_SYSTEMS),
        *(f"--bind-ro={source}:{path}" for path, source in given.programs.items()),
    ]
    with (own / "console.log").open("wb") as console:
        process = subprocess.Popen(
            # The last process of a namespace takes all others with it; systemd-nspawn alone would leave some behind.
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"),
                *("--mount-proc", "sh", "-euc", START, "start", *nspawn),
            ],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "GROUPS_OF_MACHINE": " ".join(map(str, groups)),
                "IMAGE": str(image),
                "FOLDER": str(own),
            },
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,  # Ctrl-C is for who started it, who still needs it to clean up
        )
    return Machine(name, network.address(number), own, process)


def _write(own: Path, path: str, content: str, mode: int) -> None:
    """Lay a file over the image, or into a folder that is beside it."""
    relative = path.lstrip("/")
    beside = any(relative.startswith(f"{folder}/") for folder in OWN_FILE_SYSTEMS)
    target = own / relative if beside else own / "changes" / relative
    for parent in reversed(target.relative_to(own).parents):
        (own / parent).mkdir(mode=0o755, exist_ok=True)
    target.write_text(content, encoding="utf-8")
    target.chmod(mode)


def _wait_until_up(machine: Machine) -> None:
    def up() -> bool:
        assert machine.process.poll() is None, f"{machine.name} ended: {machine.console}"
        return machine.attempt("systemctl is-system-running --wait || true").returncode == 0

    wait_for(up, lambda: f"{machine.name} does not come up: {machine.console}", seconds=120)
