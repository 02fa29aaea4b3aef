# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a text is PromQL that a rule can have: its grammar, its functions, and what they take. Pure.

Prometheus does not load a file with one wrong expression, nor any other rule in it.

Source: promql/parser/generated_parser.y and parse.go of prometheus/prometheus v3.13.
"""

from __future__ import annotations

import re

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.promql_functions import (
    AGGREGATIONS,
    COMPARISONS,
    FUNCTIONS,
    RANGE,
    SCALAR,
    SETS,
    TEXT,
    VECTOR,
    binary_kind,
    check_arguments,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.promql_lexer import (
    DURATION,
    END,
    NAME,
    NUMBER,
    SIGN,
    STRING,
    PromqlError,
    Word,
    words,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import did_you_mean

_LEVELS = (("or",), ("and", "unless"), COMPARISONS, ("+", "-"), ("*", "/", "%", "atan2"), ("^",))
"""Operators, the ones that bind least first."""
_GROUPINGS = ("group_left", "group_right")
_FILLS = ("fill", "fill_left", "fill_right")
_MATCHES = ("=", "!=", "=~", "!~")
_DEEPEST = 40
_NOT_OF_GO = re.compile(r"\(\?<?[=!]")
"""What looks ahead or back, which Python's regular expressions have and those of Go have not."""
_WRONG_IN_BOTH = ("missing", "unterminated", "unbalanced", "nothing to repeat", "multiple repeat")


def expression_problem(text: str) -> str | None:
    """What is wrong with an expression of a rule, or None."""
    try:
        parser = _Parser(words(text))
        kind = parser.expression()
        parser.expect_end()
    except PromqlError as problem:
        return str(problem)
    return None if kind in (SCALAR, VECTOR) else f"it gives {kind}, and a rule needs an instant vector or a number"


class _Parser:
    """Reads an expression from the left. Each method reads one thing and says what kind it gives."""

    def __init__(self, found: list[Word]) -> None:
        self._words = found
        self._at = 0
        self._depth = 0
        # Whether what was read last is a metric with its labels, and nothing behind.
        self._selected = False

    def expression(self, level: int = 0) -> str:
        self._depth += 1
        if self._depth > _DEEPEST * len(_LEVELS):
            raise PromqlError("it is nested too deeply")
        try:
            return self._unary() if level == len(_LEVELS) else self._binary(level)
        finally:
            self._depth -= 1

    def expect_end(self) -> None:
        if self._word.kind != END:
            raise PromqlError(f"{self._word.text!r} is not expected here")

    def _binary(self, level: int) -> str:
        left = self.expression(level + 1)
        while self._word.text in _LEVELS[level] and self._word.kind in (SIGN, NAME):
            operator = self._take().text
            compares_to_bool, matched = self._binary_modifiers(operator)
            # ^ binds to the right.
            right = self.expression(level if operator == "^" else level + 1)
            if matched and SCALAR in (left, right):
                raise PromqlError(f"on and ignoring are for two instant vectors, and {operator} has a number")
            left = binary_kind(left, operator, right, compares_to_bool)
        return left

    def _binary_modifiers(self, operator: str) -> tuple[bool, bool]:
        """Whether it compares to a bool, and whether it says which labels must be the same."""
        found = self._skip("bool")
        if found and operator not in COMPARISONS:
            raise PromqlError("bool is for comparisons only")
        matched = self._word.text in ("on", "ignoring")
        if matched:
            self._take()
            self._names()
            if self._word.text in _GROUPINGS:
                if operator in SETS:
                    raise PromqlError(f"no grouping is allowed for {operator}")
                self._take()
                if self._word.text == "(":
                    self._names()
        while self._word.text in _FILLS:
            self._take()
            self._arguments()
        return found, matched

    def _unary(self) -> str:
        if self._word.text in ("+", "-") and self._word.kind == SIGN:
            self._take()
            # It binds less than ^ and more than *.
            kind = self.expression(len(_LEVELS) - 1)
            if kind not in (SCALAR, VECTOR):
                raise PromqlError(f"a sign before {kind} is not possible")
            return kind
        self._selected = False
        return self._suffixes(self._primary())

    def _primary(self) -> str:
        word = self._take()
        if word.kind in (NUMBER, DURATION):
            return SCALAR
        if word.kind == STRING:
            return TEXT
        if word.text == "(":
            kind = self.expression()
            self._expect(")")
            self._selected = False
            return kind
        if word.text == "{":
            self._matchers(named=False)
            self._selected = True
            return VECTOR
        if word.kind != NAME:
            raise PromqlError(f"{word.text!r} is not expected here" if word.text else "it ends too early")
        return self._named(word.text)

    def _named(self, name: str) -> str:
        if name.lower() in ("inf", "nan"):
            return SCALAR
        if name.lower() in AGGREGATIONS and self._word.text in ("(", "by", "without"):
            return self._aggregation(name.lower())
        if self._word.text == "(":
            return self._call(name)
        if name in SETS:
            raise PromqlError(f"{name!r} is not expected here")
        if self._skip("{"):
            self._matchers(named=True)
        self._selected = True
        return VECTOR

    def _aggregation(self, name: str) -> str:
        grouped = self._word.text in ("by", "without")
        if grouped:
            self._take()
            self._names()
        kinds = self._arguments()
        if self._word.text in ("by", "without"):
            if grouped:
                raise PromqlError(f"{name} has by or without twice")
            self._take()
            self._names()
        wanted = [*filter(None, [AGGREGATIONS[name]]), VECTOR]
        check_arguments(name, kinds, wanted, len(wanted))
        self._selected = False
        return VECTOR

    def _call(self, name: str) -> str:
        function = FUNCTIONS.get(name)
        if function is None:
            raise PromqlError(f"there is no function {name}{did_you_mean(name, [*FUNCTIONS, *AGGREGATIONS])}")
        kinds = self._arguments()
        wanted = list(function.takes)
        if function.more:
            wanted += [wanted[-1]] * max(0, len(kinds) - len(wanted))
        check_arguments(name, kinds, wanted, function.least)
        self._selected = False
        return function.gives

    def _arguments(self) -> list[str]:
        self._expect("(")
        kinds: list[str] = []
        while not self._skip(")"):
            if kinds:
                self._expect(",")
            kinds.append(self.expression())
        return kinds

    def _names(self) -> None:
        """Labels in parentheses; the last may have a comma behind it."""
        self._expect("(")
        while not self._skip(")"):
            word = self._take()
            if word.kind not in (NAME, STRING) or (":" in word.text and word.kind == NAME):
                raise PromqlError(f"{word.text!r} is no name of a label")
            if self._word.text != ")":
                self._expect(",")

    def _matchers(self, named: bool) -> None:
        """What is in braces. Without a metric before them, one must ask for more than the empty text."""
        tells = before = named
        while not self._skip("}"):
            label = self._take()
            if label.kind == STRING and self._word.text not in _MATCHES:
                if named:
                    raise PromqlError("the metric is named twice")
                tells = named = True
            elif before and label.text == "__name__" and self._word.text == "=":
                raise PromqlError("the metric is named twice")
            elif label.kind not in (NAME, STRING) or (label.kind == NAME and ":" in label.text):
                raise PromqlError(f"{label.text!r} is no name of a label" if label.text else "a brace is not closed")
            else:
                tells |= self._matcher()
            if self._word.text != "}":
                self._expect(",")
        if not tells:
            raise PromqlError("braces without a metric must have a matcher that the empty text does not match")

    def _matcher(self) -> bool:
        """Whether it asks for something."""
        operator, value = self._take(), self._take()
        if operator.text not in _MATCHES:
            raise PromqlError(f"{operator.text!r} is no comparison of a label; use =, !=, =~ or !~")
        if value.kind != STRING:
            raise PromqlError(f"{value.text!r} is no string in quotes")
        text = value.text[1:-1]
        if operator.text in ("=", "!="):
            return (operator.text == "=") == bool(text)
        return _matches_empty(text.replace("\\\\", "\\")) == (operator.text == "!~")

    def _suffixes(self, kind: str) -> str:
        """Ranges, subqueries, offset and @."""
        while True:
            if self._skip("["):
                kind = self._range(kind)
            elif self._word.text in ("offset", "@", "anchored", "smoothed"):
                self._moved(self._take().text, kind)
            else:
                return kind

    def _range(self, kind: str) -> str:
        if kind != VECTOR:
            raise PromqlError(f"a range of {kind} is not possible")
        selected = self._selected
        self._duration()
        if self._skip(":"):
            if self._word.text != "]":
                self._duration()
        elif not selected:
            raise PromqlError("a range such as [5m] follows a metric; behind an expression write [5m:]")
        self._expect("]")
        return RANGE

    def _moved(self, by: str, kind: str) -> None:
        if kind != RANGE and not (kind == VECTOR and self._selected):
            raise PromqlError(f"{by} must follow a metric or a range")
        if by == "offset":
            # Only what stands right behind it, so that "a offset 5m + b" adds b.
            self._skip("-") or self._skip("+")
            if self._primary() != SCALAR:
                raise PromqlError("offset needs a duration such as 5m")
            self._selected = True
        elif by == "@":
            if self._word.text in ("start", "end"):
                self._take()
                self._arguments()
            else:
                self._skip("-") or self._skip("+")
                if self._take().kind not in (NUMBER, DURATION):
                    raise PromqlError("@ needs a time stamp, start() or end()")

    def _duration(self) -> None:
        """One, or a computation of them."""
        if self.expression(3) != SCALAR:
            raise PromqlError("a duration such as 5m is expected")

    @property
    def _word(self) -> Word:
        return self._words[self._at]

    def _take(self) -> Word:
        word = self._word
        self._at += word.kind != END
        return word

    def _skip(self, text: str) -> bool:
        found = self._word.text == text and self._word.kind in (SIGN, NAME)
        self._at += found
        return found

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            there = f"not {self._word.text!r}" if self._word.text else "and it ends"
            raise PromqlError(f"{text!r} is expected, {there}")


def _matches_empty(pattern: str) -> bool:
    """Whether a regular expression matches the empty text. What only Go can read counts as one that does not."""
    if _NOT_OF_GO.search(pattern):
        raise PromqlError(f"the regular expression {pattern!r} looks ahead or back, which Prometheus cannot")
    try:
        return re.fullmatch(pattern, "") is not None
    except re.error as error:
        if str(error).startswith(_WRONG_IN_BOTH):
            raise PromqlError(f"the regular expression {pattern!r} is wrong: {error}") from None
        return False
