# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Falco's alerts from its log: one JSON object a line, among other lines. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# A word that says that the next one is a secret, up to the end of that.
_SECRET = re.compile(
    r"(?i)((?:^|[ ?&;'\"-])[-_a-z0-9]*(?:password|passwd|token|secret|api[-_]?key|credential)s?[-_a-z0-9]*(?:[ =:]+))"
    r"([^ &'\"]+)"
)
_IN_URL = re.compile(r"(://[^/ :@]+:)([^@ ]+)(@)")
HIDDEN = "***"


@dataclass(frozen=True)
class Alert:
    """An alert.

    Attributes:
        rule: name of the rule.
        priority: such as ``Warning``.
        tags: of the rule.
        time: as Falco wrote it, in UTC; texts that sort.
        fields: those of its output, with their values.
    """

    rule: str
    priority: str
    tags: tuple[str, ...]
    time: str
    fields: Mapping[str, object]

    def text(self, field: str) -> str:
        """The value of a field; empty where it is missing."""
        value = self.fields.get(field)
        return "" if value is None or value == "<NA>" else str(value)


def read_alerts(lines: Iterable[str]) -> tuple[list[Alert], int]:
    """The alerts among the lines of a log.

    Args:
        lines: of the log. Other lines are what Falco says of itself.

    Returns:
        The alerts, in their order, and how many lines looked like alerts and could not be read.
    """
    found, broken = [], 0
    for line in lines:
        start = line.find("{")
        if start < 0 or '"rule"' not in line:
            continue
        alert = _alert(line[start:])
        if alert:
            found.append(alert)
        else:
            broken += 1
    return found, broken


def without_secrets(text: str) -> str:
    """A command line in which the values of passwords, tokens and keys are hidden."""
    hidden = _SECRET.sub(lambda match: match[1] + HIDDEN, text)
    return _IN_URL.sub(rf"\g<1>{HIDDEN}\g<3>", hidden)


def before_secret(text: str) -> str:
    """A command line up to where the first secret would begin."""
    shown = without_secrets(text)
    return text if shown == text else text[: shown.index(HIDDEN)]


def _alert(text: str) -> Alert | None:
    try:
        read = json.loads(text)
    except ValueError:
        return None
    if not isinstance(read, dict) or not isinstance(read.get("rule"), str):
        return None
    fields = read.get("output_fields")
    tags = read.get("tags")
    return Alert(
        rule=read["rule"],
        priority=str(read.get("priority") or ""),
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        time=str(read.get("time") or ""),
        fields=fields if isinstance(fields, dict) else {},
    )
