# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopwatch and scales: medians of runs in turn, peak memory of a process, and a line of progress for each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RUNS = 3
BEGAN = time.monotonic()

Row = dict[str, Any]


def say(text: str) -> None:
    """Tell whoever waits that it goes on."""
    minutes, seconds = divmod(int(time.monotonic() - BEGAN), 60)
    print(f"[{minutes:2}:{seconds:02}] {text}", flush=True)


def nothing() -> None:
    """Nothing to undo between runs."""


def seconds_of(run: Callable[[], object]) -> float:
    """Wall time of one run."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


@dataclass(frozen=True)
class Comparison:
    """What we do and what the peer does, in turn, on the same machine and server.

    Attributes:
        reset: undoes either of them; its time does not count.
        goal: the ratio of our time to the peer's that must be reached; None if it is only shown.
        scaled: turns the seconds of a peer that is measured on a part of the work into those of the whole.
    """

    case: str
    peer: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    goal: float | None
    reset: Callable[[], object] = nothing
    scaled: Callable[[float], float] = float

    def measure(self) -> Row:
        """Medians in seconds."""
        ours: list[float] = []
        theirs: list[float] = []
        for number in range(1, RUNS + 1):
            self.reset()
            ours.append(seconds_of(self.ours))
            self.reset()
            theirs.append(self.scaled(seconds_of(self.theirs)))
            say(f"{self.case}, run {number} of {RUNS}: {ours[-1]:.2f} s, {self.peer} {theirs[-1]:.2f} s")
        mine, other = statistics.median(ours), statistics.median(theirs)
        return {
            "case": self.case,
            "ours_s": round(mine, 2),
            "peer": self.peer,
            "peer_s": round(other, 2),
            "ratio": round(mine / other, 4),
            "goal": None if self.goal is None else round(self.goal, 4),
        }


def median(case: str, run: Callable[[], float], reset: Callable[[], object] = nothing) -> float:
    """Median of what several runs return."""
    values: list[float] = []
    for number in range(1, RUNS + 1):
        reset()
        values.append(run())
        say(f"{case}, run {number} of {RUNS}: {values[-1]:.2f}")
    return statistics.median(values)


def value(case: str, measured: float, goal: float) -> Row:
    """A figure that stands for itself: requests, megabytes, a quotient. The goal is the most it may be."""
    say(f"{case}: {measured:g}")
    return {"case": case, "value": measured, "goal": goal}
