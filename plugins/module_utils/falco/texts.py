# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts from rule files that know where each of their characters stands in the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Place


@dataclass(frozen=True)
class Text:
    """A scalar of a YAML file.

    Attributes:
        value: as YAML reads it.
        place: where it begins.
        raw: as it is written, from its first character on; empty if its characters cannot be told from ``value``,
            as in a quoted scalar.
    """

    value: str
    place: Place
    raw: str = ""

    @cached_property
    def _marks(self) -> Sequence[int]:
        """Where the characters are that are no blanks. Asked for with each word of a condition."""
        return [match.start() for match in re.finditer(r"\S", self.raw)]

    def locate(self, offset: int) -> Place:
        """Where the character at an offset in the value stands in the file."""
        if not self.raw:
            return self.place
        # Folding changes only blanks, so the n-th other character is the n-th other one of both spellings.
        wanted = len("".join(self.value[:offset].split()))
        last = len(self._marks) - 1
        before = self.raw[: self._marks[min(wanted, last)] if last >= 0 else 0]
        lines = before.count("\n")
        column = len(before) - before.rfind("\n") if lines else self.place.column + len(before)
        return Place(self.place.file, self.place.line + lines, column)


@dataclass(frozen=True)
class JoinedText:
    """What Falco makes of a text that later items append to: all parts with a blank between them."""

    parts: tuple[Text, ...]

    @property
    def value(self) -> str:
        """The whole text."""
        return " ".join(part.value for part in self.parts)

    @property
    def place(self) -> Place:
        """Where the first part begins."""
        return self.parts[0].place

    def locate(self, offset: int) -> Place:
        """Where the character at an offset in the value stands in its file."""
        for part in self.parts[:-1]:
            if offset <= len(part.value):
                return part.locate(offset)
            offset -= len(part.value) + 1
        return self.parts[-1].locate(offset)
