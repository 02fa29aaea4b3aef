# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that outlive the module: started, recognised again later, and stopped, each for certain.

A process is known by its id together with its start time and the boot it belongs to. A recycled id never matches.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")
GATE = 'read -r _ && exec "$0" "$@" </dev/null'
"""The child waits for a line before it becomes the component. If its parent dies first, it ends."""
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, told apart from every other that had or will have its id."""

    pid: int
    start_ticks: int
    boot_id: str

    def as_dict(self) -> dict[str, Any]:
        """For the state file."""
        return asdict(self)


def identity_from(document: Mapping[str, Any] | None) -> ProcessIdentity | None:
    """Read an identity back from the state file."""
    if not document:
        return None
    return ProcessIdentity(int(document["pid"]), int(document["start_ticks"]), str(document["boot_id"]))


def parse_stat(text: str) -> tuple[str, int]:
    """State letter and start time (clock ticks since boot) in a line of /proc/PID/stat, see proc_pid_stat(5).

    The second field is the command in parentheses and may itself hold spaces and parentheses.
    """
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def identify(pid: int) -> ProcessIdentity | None:
    """The process that has this id now; None if there is none, or only its remains (a zombie)."""
    try:
        state, start_ticks = parse_stat((PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace"))
        boot_id = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else ProcessIdentity(pid, start_ticks, boot_id)


def is_running(process: ProcessIdentity | None) -> bool:
    """Whether exactly this process still runs."""
    return process is not None and identify(process.pid) == process


def spawn(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    remember: Callable[[ProcessIdentity], None],
) -> ProcessIdentity:
    """Start a process in a session of its own, so that neither Ctrl-C nor Ansible's end reaches it.

    ``remember`` is called before the program runs: there is no moment at which a component runs that nobody knows of.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            ["/bin/sh", "-c", GATE, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )
    process = identify(child.pid)
    if process is None or child.stdin is None:
        raise ProcessLookupError(f"{command[0]} ended before it began")
    remember(process)
    with suppress(BrokenPipeError), child.stdin as gate:
        gate.write(b"go\n")
    child.returncode = 0  # it is not ours to wait for
    return process


def stop(processes: Iterable[ProcessIdentity], patience: float) -> None:
    """End processes: SIGTERM to all, and SIGKILL to those that still run ``patience`` seconds later."""
    alive = [process for process in processes if is_running(process)]
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for process in alive:
            _send(process, number)
        alive = _wait_for_end(alive, seconds)


def _wait_for_end(processes: Sequence[ProcessIdentity], seconds: float) -> list[ProcessIdentity]:
    deadline = time.monotonic() + seconds
    alive = [process for process in processes if is_running(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        alive = [process for process in alive if is_running(process)]
    return alive


def _send(process: ProcessIdentity, number: signal.Signals) -> None:
    """Signal by pidfd: it cannot reach a process that takes over the id between the check and the signal."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if is_running(process):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)
