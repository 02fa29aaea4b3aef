# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a sandbox keeps what it has: one directory, and nothing outside it but the cached binary."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

OWN_ENTRIES = (
    "bin",
    "pki",
    "etcd",
    "kubeconfigs",
    "config",
    "home",
    "async",
    "kubeconfig",
    "state.json",
    "logs",
    "lock",
)
"""Everything that a sandbox makes in its directory. Only these are ever deleted."""


@dataclass(frozen=True)
class SandboxPaths:
    """The files of the sandbox in ``directory``, an absolute path."""

    directory: Path

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator, for people and for the playbooks."""
        return self.directory / "kubeconfig"

    @property
    def state(self) -> Path:
        """Ports and processes, see sandbox_state."""
        return self.directory / "state.json"

    @property
    def lock(self) -> Path:
        """Held by the run that changes the sandbox."""
        return self.directory / "lock"

    @property
    def etcd_data(self) -> Path:
        """The data of etcd."""
        return self.directory / "etcd"

    @property
    def home(self) -> Path:
        """Home folder of the components, so that none reads the user's files."""
        return self.directory / "home"

    @property
    def audit_log(self) -> Path:
        """One line of JSON for each request."""
        return self.directory / "logs" / "audit.log"

    @property
    def build_log(self) -> Path:
        """What the Go build prints."""
        return self.directory / "logs" / "build.log"

    def program(self, name: str) -> Path:
        """The symlink by which a component of the binary is called."""
        return self.directory / "bin" / name

    def log(self, component: str) -> Path:
        """What a component prints."""
        return self.directory / "logs" / f"{component}.log"

    def certificate(self, name: str) -> Path:
        """A certificate, PEM."""
        return self.directory / "pki" / f"{name}.crt"

    def key(self, name: str) -> Path:
        """A private key, PEM."""
        return self.directory / "pki" / f"{name}.key"

    def component_kubeconfig(self, name: str) -> Path:
        """Kubeconfig of a component."""
        return self.directory / "kubeconfigs" / name

    def config(self, name: str) -> Path:
        """A configuration file of a component."""
        return self.directory / "config" / name

    def make(self) -> None:
        """Make the directories. Keys live in them, so only the user may look in."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("bin", "pki", "kubeconfigs", "config", "home", "logs"):
            (self.directory / name).mkdir(mode=0o700, exist_ok=True)

    def entries(self) -> list[Path]:
        """What a sandbox made that is there."""
        return [path for name in OWN_ENTRIES if os.path.lexists(path := self.directory / name)]

    def remove(self) -> None:
        """Delete what a sandbox made, and the directory if nothing else is in it."""
        for entry in self.entries():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
        with suppress(OSError):
            self.directory.rmdir()


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader finds the old text or the new, also if this process is killed."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def link_atomically(path: Path, target: Path) -> None:
    """Make a symlink, or point an existing one elsewhere."""
    if path.is_symlink() and path.readlink() == target:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file: one run at a time. The kernel gives it up when the process ends, however it ends."""
    while True:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_same_file(file.fileno(), path):
                continue  # its holder deleted the directory while this run waited
            yield
            return


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
