# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One variable of an inventory that is to be written, or a remark, and a group of them. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

WIDTH = 116
"""Of a line, without the mark of a comment."""


@dataclass(frozen=True)
class Entry:
    """A variable.

    Attributes:
        comment: lines before it.
        variable: its name; empty for a comment alone.
        value: what it is set to, or an example.
        known: whether it is set; else it is written as a comment.
    """

    comment: tuple[str, ...]
    variable: str = ""
    value: Any = None
    known: bool = True


@dataclass(frozen=True)
class Section:
    """Entries under a title."""

    title: str
    entries: tuple[Entry, ...]

    def facts(self) -> dict[str, Any]:
        """As the module returns it."""
        return {"title": self.title, "entries": [{**asdict(one), "comment": _wrapped(one)} for one in self.entries]}


def _wrapped(entry: Entry) -> list[str]:
    """Its lines, none too long; commands are indented and stay whole, so that they can be copied."""
    wrap = partial(textwrap.wrap, width=WIDTH, break_long_words=False, break_on_hyphens=False)
    return [part for line in entry.comment for part in ([line] if line.startswith("  ") else wrap(line))]
