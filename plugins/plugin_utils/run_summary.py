# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did on one cluster, in a few lines: a table of its layers, and what to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = {
    "CREATED": ("created",),
    "CHANGED": ("configured", "replaced"),
    "REMOVED": ("deleted", "released"),
    "UNCHANGED": ("unchanged", "kept"),
}
LONGEST = 160
"""Most characters of a warning or failure, which stand in full above."""


@dataclass(frozen=True)
class LayerRun:
    """What the tasks of one layer gave.

    Attributes:
        name: of the layer.
        done: the result of the task that applies it; None if that was not reached.
        looked: results of those that only look.
    """

    name: str
    done: Mapping[str, Any] | None
    looked: Sequence[Mapping[str, Any]] = ()

    @property
    def failed(self) -> bool:
        """Whether one of its tasks failed."""
        return any(result.get("failed") for result in self._results)

    @property
    def skipped(self) -> bool:
        """Whether there was nothing to apply."""
        return self.done is not None and bool(self.done.get("skipped"))

    @property
    def counts(self) -> Counter[str]:
        """Objects, or nodes, by what was done with them."""
        done = self.done or {}
        return Counter(done.get("counts") or Counter(node["action"] for node in done.get("nodes") or ()))

    @property
    def off(self) -> bool:
        """Whether the layer is, and was before, the empty set."""
        done = self.done or {}
        return self.skipped or not (self.counts or done.get("changed") or done.get("files") or self.failed)

    @property
    def warnings(self) -> list[str]:
        """Of all its tasks, each once."""
        return list(dict.fromkeys(text for result in self._results for text in result.get("warnings") or ()))

    @property
    def message(self) -> str:
        """Why it failed."""
        return next((str(result.get("msg", "")) for result in self._results if result.get("failed")), "")

    @property
    def _results(self) -> list[Mapping[str, Any]]:
        return [*self.looked, *([] if self.done is None else [self.done])]


def summarise(cluster: str, runs: Sequence[LayerRun], check: bool, remarks: Iterable[str] = ()) -> list[str]:
    """The lines.

    Args:
        cluster: its name.
        runs: of the layers that were asked for, in order.
        check: whether it was check mode.
        remarks: on the cluster as a whole.
    """
    done = [run for run in runs if run.done is not None and not run.failed]
    undone = [run for run in runs if run not in done]
    if not done and undone and not undone[0].failed:
        return [f"{cluster}: no layer was reached, and nothing was changed."]
    shown = [run for run in runs if run.done is not None and not run.off]
    lines = [f"{cluster}: {'what a run would do' if check else 'what this run did'}", *_table(shown)]
    if off := [run.name for run in done if run.off]:
        lines.append(f"Off: {', '.join(off)}")
    if undone:
        stopped, *later = undone
        lines.append(f"Stopped at {stopped.name}: {_short(stopped.message) or 'see above.'}")
        lines += [f"Not reached: {', '.join(run.name for run in later)}"] if later else []
    lines += [f"Look at the cluster: {_short(text)}" for text in remarks]
    texts = dict.fromkeys(text for run in runs for text in run.warnings)
    return lines + [
        f"Look at {', '.join(run.name for run in runs if text in run.warnings)}: {_short(text)}" for text in texts
    ]


def asked_for(roles: Iterable[str], tags: Collection[str], skipped: Collection[str]) -> list[str]:
    """Of roles that have their names as tags, those that ``--tags`` and ``--skip-tags`` leave."""
    everything = not {"all", "tagged"}.isdisjoint(tags)
    return [role for role in roles if (everything or role in tags) and role not in skipped]


def runs_of(roles: Iterable[str], variables: Mapping[str, Any], template: Callable[[Any], Any]) -> list[LayerRun]:
    """What roles registered: ``__<role>_done``, and of looking around ``__<role>_found``.

    Args:
        roles: their names.
        variables: of the task.
        template: evaluates a value; from 2.19 on Ansible's warnings are text only then.
    """

    def read(name: str) -> Mapping[str, Any] | None:
        result = variables.get(name)
        if not result or "include" in result:  # of a role whose tasks are included, and then register their own
            return None
        return {**result, "warnings": template(result.get("warnings") or [])}

    return [
        LayerRun(role, read(f"__{role}_done"), [found] if (found := read(f"__{role}_found")) else []) for role in roles
    ]


def _table(runs: Sequence[LayerRun]) -> list[str]:
    if not runs:
        return []
    width = max(len(run.name) for run in runs)
    return [f"{'LAYER':{width}}  {'  '.join(COLUMNS)}  WARNINGS", *(_row(run, width) for run in runs)]


def _row(run: LayerRun, width: int) -> str:
    numbers = [f"{sum(run.counts[action] for action in actions):>{len(column)}}" for column, actions in COLUMNS.items()]
    files = (run.done or {}).get("files")
    remark = "  failed" if run.failed else f"  written to {files}" if files else ""
    return f"{run.name:{width}}  {'  '.join(numbers)}  {len(run.warnings):>8}{remark}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 4]} ..."
