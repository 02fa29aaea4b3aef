# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts PromQL into words. Pure.

Source: promql/parser/lex.go of prometheus/prometheus v3.13.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBER, DURATION, STRING, NAME, SIGN, END = "number", "duration", "string", "name", "sign", "end"
_WORDS = re.compile(
    r"""(?P<space>[\s]+|\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
    |(?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?![A-Za-z0-9_.]))
    |(?P<number>(?:0[xX][0-9A-Fa-f_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?![A-Za-z0-9_.]))
    |(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<sign>==|!=|<=|>=|=~|!~|</|>/|[-+*/%^<>=(){}\[\],:@])""",
    re.VERBOSE,
)


_IN_BRACKETS = re.compile(_WORDS.pattern.replace("[A-Za-z_:][A-Za-z0-9_:]*", "[A-Za-z_][A-Za-z0-9_]*"), re.VERBOSE)
"""Where a colon stands between a range and its step."""
_ESCAPES = re.compile(r"""\\(?:[abfnrtv\\'"]|[0-7]{3}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})""")
_KEYWORDS = """
and or unless atan2 bool on ignoring group_left group_right fill fill_left fill_right by without offset anchored
smoothed
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""Read in any case; so are the names of aggregations."""


class PromqlError(Exception):
    """What is wrong, for a message."""


@dataclass(frozen=True)
class Word:
    """A word of PromQL: its kind, and its text as it stands there."""

    kind: str
    text: str


def words(text: str) -> list[Word]:
    """All words of an expression, and one that says it ends.

    Raises:
        PromqlError: a sign that PromQL does not have, or a string that does not end.
    """
    found: list[Word] = []
    position = brackets = 0
    while position < len(text):
        match = (_IN_BRACKETS if brackets else _WORDS).match(text, position)
        if match is None:
            rest = text[position:].split("\n", 1)[0][:20]
            quote = text[position] in "\"'`"
            raise PromqlError(f"the string {rest!r} does not end" if quote else f"{rest!r} is not understood")
        position = match.end()
        brackets += {"[": 1, "]": -1}.get(match[0], 0)
        if match.lastgroup != "space":
            found.append(_word(str(match.lastgroup), match[0]))
    return [*found, Word(END, "")]


def _word(kind: str, text: str) -> Word:
    if kind == STRING and text[0] != "`" and "\\" in _ESCAPES.sub("", text):
        wrong = _ESCAPES.sub("", text)
        sign = wrong[wrong.index("\\") + 1]
        raise PromqlError(f"{text} has the unknown escape \\{sign}; a backslash itself is written twice")
    return Word(kind, text.lower() if kind == NAME and text.lower() in KEYWORDS else text)
