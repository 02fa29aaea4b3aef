# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopwatch and scales: medians of runs in turn, CPU of process trees, and a line of progress for each."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

RUNS = 3
BEGAN = time.monotonic()

Row = dict[str, Any]
Scale = Literal["wall", "cpu"]
SUFFIX: dict[Scale, str] = {"wall": "", "cpu": ": CPU"}


def say(text: str) -> None:
    """Tell whoever waits that it goes on."""
    minutes, seconds = divmod(int(time.monotonic() - BEGAN), 60)
    print(f"[{minutes:2}:{seconds:02}] {text}", flush=True)


def nothing() -> None:
    """Nothing to undo between runs."""


@dataclass(frozen=True)
class Cost:
    """What a run took, in seconds.

    Attributes:
        wall: from its begin to its end.
        cpu: user and system time of every process that it started, and of theirs; not of this one, nor of servers.
    """

    wall: float
    cpu: float

    def on(self, scale: Scale) -> float:
        """The seconds of one scale."""
        return self.wall if scale == "wall" else self.cpu


def cost_of(run: Callable[[], object]) -> Cost:
    """Wall and CPU time of one run."""
    cpu, wall = _cpu_of_children(), time.perf_counter()
    run()
    return Cost(time.perf_counter() - wall, _cpu_of_children() - cpu)


def seconds_of(run: Callable[[], object]) -> float:
    """Wall time of one run."""
    return cost_of(run).wall


def _cpu_of_children() -> float:
    """Of all that have ended so far, their own children included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Comparison:
    """What we do and what the peer does, in turn, on the same machine and server.

    Attributes:
        goals: on each scale that is shown, the ratio of ours to the peer's that must be reached; None for no goal.
        reset: undoes either of them; its time does not count.
        scaled: turns the seconds of a peer that is measured on a part of the work into those of the whole.
    """

    case: str
    peer: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    goals: Mapping[Scale, float | None]
    reset: Callable[[], object] = nothing
    scaled: Callable[[float], float] = float

    def measure(self) -> list[Row]:
        """A row for each scale, with medians in seconds."""
        ours: list[Cost] = []
        theirs: list[Cost] = []
        for number in range(1, RUNS + 1):
            self.reset()
            ours.append(cost_of(self.ours))
            self.reset()
            theirs.append(cost_of(self.theirs))
            texts = (f"{cost.wall:.2f} s, CPU {cost.cpu:.2f} s" for cost in (ours[-1], theirs[-1]))
            say(f"{self.case}, run {number} of {RUNS}: {f'; {self.peer} '.join(texts)}")
        return [self._row(scale, ours, theirs) for scale in self.goals]

    def _row(self, scale: Scale, ours: list[Cost], theirs: list[Cost]) -> Row:
        mine = statistics.median(cost.on(scale) for cost in ours)
        other = statistics.median(self.scaled(cost.on(scale)) for cost in theirs)
        goal = self.goals[scale]
        return {
            "case": self.case + SUFFIX[scale],
            "ours_s": round(mine, 2),
            "peer": self.peer,
            "peer_s": round(other, 2),
            "ratio": round(mine / other, 4),
            "goal": None if goal is None else round(goal, 4),
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
