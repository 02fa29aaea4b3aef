# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for secret values where they must never be: in command lines while something runs, and in files afterwards."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

Seen = set[str]


@contextmanager
def command_lines(seen: Seen) -> Iterator[None]:
    """Collect the command line of every process of this machine until the end of the block."""
    ends = threading.Event()

    def look() -> None:
        while not ends.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has ended

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        ends.set()
        watcher.join()


def written_as(value: str) -> list[bytes]:
    """How a value could stand somewhere: as it is, or in base64 with what comes before and after it."""
    raw = value.encode()
    shifted = [base64.b64encode(b"\0" * shift + raw)[shift + 1 : -4] for shift in range(3)]
    return [raw, base64.b64encode(raw), *shifted]


def tellers(values: Iterable[str], texts: dict[str, bytes]) -> list[str]:
    """Names of the texts in which one of the values stands."""
    wanted = [form for value in values for form in written_as(value)]
    return [name for name, text in texts.items() if any(form in text for form in wanted)]
