# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control group of its own for each machine, in every hierarchy that this machine has."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def hierarchies() -> list[Path]:
    """Where they are mounted, of version 1 and 2."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return [Path(words[1]) for words in map(str.split, lines) if words[2] in ("cgroup", "cgroup2")]


def make_groups(name: str) -> list[Path]:
    """Make a group of this name in each; the folders."""
    groups = [hierarchy / name for hierarchy in hierarchies()]
    for group in groups:
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # those of version 1 begin empty, and can hold no process then
            if (group / setting).is_file() and not (group / setting).read_text(encoding="utf-8").strip():
                (group / setting).write_text((group.parent / setting).read_text(encoding="utf-8"), encoding="utf-8")
    return groups


def remove_groups(prefix: str) -> None:
    """End the processes in groups whose names begin so, and remove the groups."""
    for hierarchy in hierarchies():
        for group in hierarchy.glob(f"{prefix}*"):
            _remove(group)


def _remove(group: Path) -> None:
    ends = time.monotonic() + 20
    while group.is_dir():
        for file in group.rglob("cgroup.procs"):
            _kill(file)
        folders = sorted((path for path in group.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts))
        for folder in (*folders, group):
            with suppress(OSError):
                folder.rmdir()
        assert time.monotonic() < ends, f"{group} still has processes"
        time.sleep(0.05)


def _kill(processes: Path) -> None:
    with suppress(OSError):
        for number in processes.read_text(encoding="utf-8").split():
            os.kill(int(number), signal.SIGKILL)
