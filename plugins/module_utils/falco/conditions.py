# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the condition of a Falco rule, as narrowly as Falco does.

What Falco would refuse is refused: an operator without a space behind it, an unquoted ``=`` in a word, an escape that
it does not know. Source: userspace/libsinsp/filter/parser.h of falcosecurity/libs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NoReturn

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.quoting import QUOTES, read_quoted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (
    And,
    Check,
    Condition,
    ConditionError,
    Field,
    MacroReference,
    Not,
    Or,
    Value,
)

NUMBER_OPERATORS = ("<=", "<", ">=", ">")
EQUALITY_OPERATORS = ("=", "==", "!=")
STRING_OPERATORS = (
    "glob",
    "iglob",
    "contains",
    "icontains",
    "bcontains",
    "startswith",
    "bstartswith",
    "endswith",
    "regex",
)
LIST_OPERATORS = ("intersects", "in", "pmatch")
OPERATORS = ("exists", *NUMBER_OPERATORS, *EQUALITY_OPERATORS, *STRING_OPERATORS, *LIST_OPERATORS)
MODIFIERS = ("oneof", "anyof", "allof")
"""Behind an operator for one value, they compare with each value of a list."""
TRANSFORMERS = ("tolower", "toupper", "b64", "basename", "len")

MAX_DEPTH = 100
"""Parentheses within parentheses. Falco takes more, but the Python stack is not endless."""

_BLANK = re.compile(r"[ \t\b\r\n]+")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")
_FIELD = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_]*)+")
_ARGUMENT = re.compile(r"""[^\]\["'\s]+""")
_NUMBER = re.compile(r"0[xX][0-9a-zA-Z]+|[+-]?[0-9]+\.?[0-9]*(?:[eE][+-][0-9]+)?")
_WORD = re.compile(r"""[^()"'\s=,]+""")
_TRANSFORMER = re.compile(rf"(?:{'|'.join(TRANSFORMERS)})\(")
_MODIFIER = re.compile(rf"({'|'.join(MODIFIERS)})[ \t\b\r\n]*(?=\()")
_OPERATOR = re.compile(r"<=|<|>=|>|==|=|!=|[a-z0-9]+")
_KEYWORDS = {word: re.compile(rf"{word}(?=[\s(])") for word in ("or", "and", "not")}


@lru_cache(maxsize=2048)
def parse_condition(text: str) -> Condition:
    """Parse a condition.

    Raises:
        ConditionError: it is none.
    """
    parser = _Parser(text)
    parser.blank()
    if parser.at_end:
        raise ConditionError("the condition is empty", 0)
    condition = parser.alternatives()
    if not parser.at_end:
        parser.fail("expected 'and', 'or' or the end of the condition")
    return condition


@lru_cache(maxsize=8192)
def parse_values(text: str) -> tuple[Value, ...]:
    """Parse words and quoted strings between commas, as in the parentheses of ``in (...)``.

    Raises:
        ConditionError: they are none.
    """
    parser = _Parser(text)
    values = parser.values()
    if not parser.at_end:
        parser.fail("expected ',' or ')'")
    return values


class _Parser:
    """Recursive descent: a method reads its production at the current position."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._depth = 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._text)

    def fail(self, expected: str) -> NoReturn:
        rest = self._text[self._position :].split(maxsplit=1)
        found = f", not {rest[0][:40]!r}" if rest else ", but the condition ends"
        raise ConditionError(expected + found, self._position)

    def blank(self) -> bool:
        return self._take(_BLANK) is not None

    def alternatives(self) -> Condition:
        start, operands = self._joined("or", self._conjunction)
        return operands[0] if len(operands) == 1 else Or(tuple(operands), start)

    def values(self) -> tuple[Value, ...]:
        self.blank()
        found: list[Value] = []
        value = self._value()
        while value:
            found.append(value)
            self.blank()
            if not self._take_text(","):
                break
            self.blank()
            value = self._value() or self.fail("expected a value after ','")
        return tuple(found)

    def _conjunction(self) -> Condition:
        start, operands = self._joined("and", self._negation)
        return operands[0] if len(operands) == 1 else And(tuple(operands), start)

    def _joined(self, word: str, operand: Callable[[], Condition]) -> tuple[int, list[Condition]]:
        self.blank()
        start, found = self._position, [operand()]
        self.blank()
        while self._take(_KEYWORDS[word]):
            # "or(a) and b" is refused by Falco, too: without the blank, only the parentheses belong to the "or".
            found.append(operand() if self.blank() else self._parentheses())
            self.blank()
        return start, found

    def _negation(self) -> Condition:
        self.blank()
        start, negated = self._position, False
        while self._take(_KEYWORDS["not"]):
            negated = not negated
            self.blank()
        operand = self._primary()
        return Not(operand, start) if negated else operand

    def _primary(self) -> Condition:
        start = self._position
        if self._text.startswith("(", start):
            return self._parentheses()
        field = self._transformed() or self._field()
        if field:
            return self._check(field, start)
        name = self._take(_NAME)
        if not name or name in _KEYWORDS:
            self._position = start
            self.fail("expected '(', a field or a macro")
        return MacroReference(name, start)

    def _parentheses(self) -> Condition:
        self._expect("(")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(f"expected at most {MAX_DEPTH} parentheses within each other")
        condition = self.alternatives()
        self.blank()
        self._expect(")")
        self._depth -= 1
        return condition

    def _field(self) -> Field | None:
        start, name = self._position, self._take(_FIELD)
        if not name:
            return None
        argument = None
        if self._take_text("["):
            quoted = self._quoted()
            argument = quoted.text if quoted else self._take(_ARGUMENT)
            if argument is None:
                self.fail("expected an argument between '[' and ']'")
            self._expect("]")
        return Field(name, argument, (), start)

    def _transformed(self) -> Field | None:
        start, opening = self._position, self._take(_TRANSFORMER)
        if not opening:
            return None
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(f"expected at most {MAX_DEPTH} transformers within each other")
        self.blank()
        inner = self._transformed() or self._field()
        if not inner:
            self.fail("expected a field or another transformer")
        self.blank()
        self._expect(")")
        self._depth -= 1
        return Field(inner.name, inner.argument, (*inner.transformers, opening[:-1]), start)

    def _check(self, field: Field, start: int) -> Check:
        self.blank()
        operator = self._operator()
        if operator == "exists":
            return Check(field, operator, start)
        self.blank()
        other = self._other_field()
        if other:
            return Check(field, operator, start, other=other)
        modifier = self._modifier(operator)
        if modifier or operator in LIST_OPERATORS:
            values, listed = self._list()
            return Check(field, operator, start, values=values, listed=listed, modifier=modifier)
        value = self._number() if operator in NUMBER_OPERATORS else self._value()
        if not value:
            self.fail(f"expected a {'number' if operator in NUMBER_OPERATORS else 'value'} after {operator!r}")
        return Check(field, operator, start, values=(value,))

    def _modifier(self, operator: str) -> str:
        if operator in NUMBER_OPERATORS or operator in LIST_OPERATORS:
            return ""
        return (self._take(_MODIFIER) or "").strip()

    def _operator(self) -> str:
        start, operator = self._position, self._take(_OPERATOR)
        if operator not in OPERATORS:
            self._position = start
            self.fail(f"expected an operator ({' '.join(OPERATORS)})")
        if operator in STRING_OPERATORS and not self._text.startswith(" ", self._position):
            self.fail(f"expected a space after {operator!r}")
        return "=" if operator == "==" else operator

    def _list(self) -> tuple[tuple[Value, ...], bool]:
        if self._take_text("("):
            values = self.values()
            self._expect(")")
            return values, True
        start, name = self._position, self._take(_NAME)
        if not name:
            self.fail("expected '(' and a list of values")
        return (Value(name, False, start),), False

    def _other_field(self) -> Field | None:
        start = self._position
        if not self._take_text("val("):
            return self._transformed()
        self.blank()
        field = self._field()
        if not field:
            self.fail("expected a field in val()")
        self.blank()
        self._expect(")")
        return Field(field.name, field.argument, (), start)

    def _number(self) -> Value | None:
        start, number = self._position, self._take(_NUMBER)
        return Value(number, False, start) if number else None

    def _value(self) -> Value | None:
        quoted = self._quoted()
        if quoted:
            return quoted
        start, word = self._position, self._take(_WORD)
        return Value(word, False, start) if word else None

    def _quoted(self) -> Value | None:
        start = self._position
        if self._text[start : start + 1] not in QUOTES or self.at_end:
            return None
        text, self._position = read_quoted(self._text, start)
        return Value(text, True, start)

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self._text, self._position)
        if not match:
            return None
        self._position = match.end()
        return match.group()

    def _take_text(self, text: str) -> bool:
        found = self._text.startswith(text, self._position)
        if found:
            self._position += len(text)
        return found

    def _expect(self, text: str) -> None:
        if not self._take_text(text):
            self.fail(f"expected {text!r}")
