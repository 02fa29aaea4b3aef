# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with rule files, and where."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

ERROR = "error"
"""Falco refuses the file, or a rule does not do what it says."""
WARNING = "warning"
"""Falco loads the file, and somebody should look at it."""


@dataclass(frozen=True, order=True)
class Place:
    """A place in a rule file; line and column count from one."""

    file: str
    line: int
    column: int = 1


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        severity: ``error`` or ``warning``.
        code: its kind, for a machine.
        place: where.
        rule: name of the rule, macro or list that it is about, or an empty string.
        message: what is wrong and what to do.
    """

    severity: str
    code: str
    place: Place
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line}: {self.message}"

    def as_dict(self) -> dict[str, object]:
        """As a module returns it."""
        flat = asdict(self)
        return {**flat.pop("place"), **flat}


@dataclass
class Findings:
    """Collects what is wrong; the same thing once."""

    _found: dict[Finding, None] = field(default_factory=dict)

    def error(self, code: str, place: Place, message: str, rule: str = "") -> None:
        """Note something that must be put right."""
        self._found[Finding(ERROR, code, place, rule, message)] = None

    def warning(self, code: str, place: Place, message: str, rule: str = "") -> None:
        """Note something to look at."""
        self._found[Finding(WARNING, code, place, rule, message)] = None

    def add(self, *findings: Finding) -> None:
        """Take over what was found elsewhere."""
        self._found.update(dict.fromkeys(findings))

    def in_order(self) -> tuple[Finding, ...]:
        """All of them; those of a place together, in the order in which they were found."""
        return tuple(self._found)
