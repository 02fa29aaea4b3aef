# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a value of an event with a value in a condition, by the type of the field.

Source: userspace/libsinsp/filter_compare.cpp and prefix_search.h of falcosecurity/libs. Of the shell's patterns, only
``*``, ``?``, ``[...]`` and backslashes are known, not the extended ones in parentheses.
"""

from __future__ import annotations

import ipaddress
import re
import warnings
from collections.abc import Callable
from functools import lru_cache

_INTEGERS = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "PORT", "RELTIME", "ABSTIME")
_POSIX_CLASSES = {
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:space:]": r"\s",
    "[:xdigit:]": "0-9a-fA-F",
    "[:punct:]": r"!-/:-@\[-`{-~",
    "[:word:]": r"\w",
}


def is_number(kind: str) -> bool:
    """Whether fields of a type have numbers as values."""
    return kind in _INTEGERS or kind == "DOUBLE"


def read_number(text: str) -> float | None:
    """A number as a condition may spell it, or None."""
    try:
        return int(text, 16) if text[:2].lower() == "0x" else float(text) if _is_decimal(text) else int(text)
    except ValueError:
        return None


def compare(operator: str, actual: object, wanted: str, kind: str) -> bool:
    """Whether a check with one value is true.

    Args:
        operator: of the check; ``in`` and ``intersects`` are equality here.
        actual: the value in the event.
        wanted: the value in the condition.
        kind: the type of the field, in Falco's words.

    Raises:
        KeyError: Falco does not compare values of this type in this way.
        re.error: the value in the condition is no regular expression.
    """
    if operator in ("in", "intersects"):
        operator = "="
    if kind in ("IPADDR", "IPNET"):
        return _same_network(actual, wanted) is _EQUAL[operator]
    if kind == "BOOL":
        return (_spelled(actual) == wanted.lower()) is _EQUAL[operator]
    if is_number(kind):
        left, right = read_number(_spelled(actual)), read_number(wanted)
        return left is not None and right is not None and _ORDER[operator](left, right)
    return _STRINGS[operator](_spelled(actual), wanted)


def is_path_below(path: str, prefix: str) -> bool:
    """Whether a path is a prefix's own or below it, part by part; parts of the prefix may be patterns."""
    parts, wanted = (list(filter(None, text.split("/"))) for text in (path, prefix))
    return len(parts) >= len(wanted) and all(
        matches_pattern(part, pattern) for part, pattern in zip(parts, wanted, strict=False)
    )


def matches_pattern(text: str, pattern: str) -> bool:
    """Whether a pattern of the shell matches all of a text; ``*`` also matches a slash."""
    return _compiled_pattern(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def compile_regex(pattern: str) -> re.Pattern[str]:
    """A regular expression of Falco, which has POSIX's classes.

    Raises:
        re.error: it is none.
    """
    for name, characters in _POSIX_CLASSES.items():
        pattern = pattern.replace(name, characters)
    return _compiled(pattern)


@lru_cache(maxsize=1024)
def _compiled_pattern(pattern: str) -> re.Pattern[str]:
    found, position = [], 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character in "*?":
            found.append(".*" if character == "*" else ".")
        elif character == "[" and (end := pattern.find("]", position + 1)) > 0:
            inside = pattern[position:end].replace("\\", "\\\\").replace("[", "\\[")
            found.append(f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]")
            position = end + 1
        elif character == "\\" and position < len(pattern):
            found.append(re.escape(pattern[position]))
            position += 1
        else:
            found.append(re.escape(character))
    try:
        return _compiled("".join(found))
    except re.error:  # such as [z-a], which matches nothing but itself
        return re.compile(re.escape(pattern))


def _compiled(pattern: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        # Python warns of brackets in brackets, which may mean something else one day; a module must not print it.
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(pattern, re.DOTALL)


def _is_decimal(text: str) -> bool:
    return any(character in text for character in ".eE")


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same_network(actual: object, wanted: str) -> bool:
    try:
        address = ipaddress.ip_address(str(actual))
        network = ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False
    return address.version == network.version and address in network


def _bytes_of(text: str, wanted: str) -> tuple[bytes, bytes] | None:
    try:
        return text.encode("utf-8", "surrogateescape"), bytes.fromhex(wanted)
    except ValueError:
        return None


def _buffer_contains(text: str, wanted: str) -> bool:
    both = _bytes_of(text, wanted)
    return both is not None and both[1] in both[0]


def _buffer_startswith(text: str, wanted: str) -> bool:
    both = _bytes_of(text, wanted)
    return both is not None and both[0].startswith(both[1])


_EQUAL = {"=": True, "!=": False}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_STRINGS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "contains": lambda left, right: right in left,
    "icontains": lambda left, right: right.lower() in left.lower(),
    "startswith": lambda left, right: left.startswith(right),
    "endswith": lambda left, right: left.endswith(right),
    "glob": matches_pattern,
    "iglob": lambda left, right: matches_pattern(left.lower(), right.lower()),
    "regex": lambda left, right: compile_regex(right).fullmatch(left) is not None,
    "pmatch": is_path_below,
    "bcontains": _buffer_contains,
    "bstartswith": _buffer_startswith,
}
