# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what asked for the work of this process is still there. A run whose end nobody will see writes no more.

The parent alone does not tell: when ansible-playbook is killed, its workers live on, and so do the modules below them.
So the whole line of processes is watched up to the one that forked the worker.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

POLL_SECONDS = 0.2
MOST_GENERATIONS = 12


class Lineage:
    """The processes that this one works for, as they were when this was made. Safe to use from several threads."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._line = [*watched(_ancestors()), *_fork(multiprocessing.parent_process())]
        self._checked = time.monotonic()
        self._broken = False

    @property
    def is_broken(self) -> bool:
        """Whether one of them has ended. Looks at most five times a second."""
        if not self._broken and time.monotonic() - self._checked >= POLL_SECONDS:
            self._checked = time.monotonic()
            # A fork of the process that made this has a line of its own.
            same = os.getpid() == self._process
            self._broken = same and any(parent_of(child) != parent for child, parent in self._line)
        return self._broken

    def end_if_broken(self) -> None:
        """End this process, with all its threads, if nobody will see what it does.

        There is no result: nobody is left to take it.

        Raises:
            HardeningError: the process has a way of its own to take SIGTERM.
        """
        if self.is_broken:
            os.kill(os.getpid(), signal.SIGTERM)
            raise HardeningError("The process that this run worked for has ended. Run again to finish.")


def watched(line: Sequence[tuple[int, bytes]]) -> list[tuple[int, int]]:
    """Pairs of child and parent to watch, in a line of (process, command line) from this process upwards. Pure.

    A worker has the very command line of the process that forked it. What is above that one started it and may end
    before it, as a shell does that is left with nohup. Where there is no such pair, nothing is known of who may end
    before whom, and nothing is watched; without /proc it is the parent.
    """
    for place in range(len(line) - 1):
        if line[place][1] and line[place][1] == line[place + 1][1]:
            return [(child[0], parent[0]) for child, parent in itertools.pairwise(line[: place + 2])]
    return [(line[0][0], line[1][0])] if len(line) > 1 and not line[0][1] else []


def _fork(parent: multiprocessing.process.BaseProcess | None) -> list[tuple[int, int]]:
    """The pair of this process and the one that forked it, where Python knows it: that one may have ended already."""
    return [(os.getpid(), parent.pid)] if parent is not None and parent.pid is not None else []


def parent_of(process: int) -> int:
    """The parent of a process; 0 where it cannot be told because the process has ended."""
    if process == os.getpid():
        return os.getppid()
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        return int(text.rpartition(")")[2].split()[1])  # the name, in parentheses, may hold anything
    except (OSError, ValueError, IndexError):
        return 0


def _ancestors() -> list[tuple[int, bytes]]:
    """This process and those above it; without /proc only its parent."""
    line: list[tuple[int, bytes]] = []
    process = os.getpid()
    while process > 1 and len(line) < MOST_GENERATIONS:
        try:
            command = Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            command = b""
        line.append((process, command))
        process = parent_of(process)
    if len(line) == 1:
        line.append((os.getppid(), b""))
    return line
