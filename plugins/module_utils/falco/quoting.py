# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the quoted strings in conditions of Falco rules.

Source: userspace/libsinsp/filter/escaping.cpp of falcosecurity/libs.
"""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import ConditionError

QUOTES = ("'", '"')

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", " ": "\\", "\\": "\\", "/": "/"}


def read_quoted(text: str, start: int) -> tuple[str, int]:
    """Read a quoted string.

    Args:
        text: of the condition.
        start: where the opening quote is.

    Returns:
        What the string stands for, and where it ends.

    Raises:
        ConditionError: it does not end, or has an escape that Falco does not know.
    """
    quote, end = text[start], start + 1
    # As in Falco, a quote behind a backslash never ends the string, even if the backslash itself is escaped.
    while text[end : end + 1] != quote or text[end - 1] == "\\":
        if end >= len(text):
            raise ConditionError(f"expected a closing {quote}, but the condition ends", start)
        end += 1
    return _unescaped(text, start + 1, end), end + 1


def _unescaped(text: str, start: int, end: int) -> str:
    found, position = [], start
    while position < end:
        character = text[position]
        if character == "\\":
            position += 1
            escaped = text[position]
            if escaped not in _ESCAPES and escaped != text[start - 1]:
                raise ConditionError(f"Falco knows no escape '\\{escaped}' in this string", position - 1)
            character = _ESCAPES.get(escaped, escaped)
        found.append(character)
        position += 1
    return "".join(found)
