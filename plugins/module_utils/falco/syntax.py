# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a condition of a Falco rule, as the parser finds them.

Every part knows the ``offset`` in the text at which it begins, so that a message can point at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


class ConditionError(ValueError):
    """A text that is no condition.

    Args:
        message: what was expected there.
        offset: where in the text.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True)
class Value:
    """A word or a quoted string to compare with. An unquoted word may be the name of a list."""

    text: str
    quoted: bool
    offset: int


@dataclass(frozen=True)
class Field:
    """A field of an event, with what is done to its value before it is compared.

    Attributes:
        name: such as ``proc.aname``.
        argument: what stands in brackets after it, or None.
        transformers: such as ``tolower``, in the order in which they are applied.
        offset: where its name, or its outermost transformer, begins.
    """

    name: str
    argument: str | None
    transformers: tuple[str, ...]
    offset: int

    @property
    def key(self) -> str:
        """Name and argument, as they are the key of an event."""
        return self.name if self.argument is None else f"{self.name}[{self.argument}]"


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes:
        field: the left side.
        operator: such as ``startswith``; ``==`` is spelled ``=``.
        offset: where the check begins.
        values: the right side: one value, those of a list, or none.
        listed: whether the values stand in parentheses.
        other: a field on the right side, in place of values.
        modifier: ``oneof``, ``anyof``, ``allof`` behind the operator, or an empty string.
    """

    field: Field
    operator: str
    offset: int
    values: tuple[Value, ...] = ()
    listed: bool = False
    other: Field | None = None
    modifier: str = ""


@dataclass(frozen=True)
class MacroReference:
    """The name of a macro that stands for its condition."""

    name: str
    offset: int


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    operand: Condition
    offset: int


@dataclass(frozen=True)
class And:
    """Conditions that must all be true."""

    operands: tuple[Condition, ...]
    offset: int


@dataclass(frozen=True)
class Or:
    """Conditions of which one must be true."""

    operands: tuple[Condition, ...]
    offset: int


Condition: TypeAlias = "And | Or | Not | Check | MacroReference"


def leaves(condition: Condition) -> Iterator[Check | MacroReference]:
    """All checks and references to macros, from left to right."""
    if isinstance(condition, And | Or):
        for operand in condition.operands:
            yield from leaves(operand)
    elif isinstance(condition, Not):
        yield from leaves(condition.operand)
    else:
        yield condition


def checks(condition: Condition) -> Iterator[Check]:
    """All comparisons, from left to right."""
    return (leaf for leaf in leaves(condition) if isinstance(leaf, Check))


def fields(condition: Condition) -> Iterator[Field]:
    """All fields, those on right sides, too."""
    for check in checks(condition):
        yield check.field
        if check.other:
            yield check.other
