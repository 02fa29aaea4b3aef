# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spells an exception of a rule as the condition that Falco makes of it.

Source: build_rule_exception_infos in userspace/engine/rule_loader_compiler.cpp of falcosecurity/falco.
"""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.conditions import (
    EQUALITY_OPERATORS,
    LIST_OPERATORS,
    MODIFIERS,
    NUMBER_OPERATORS,
    STRING_OPERATORS,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import Entry, RuleException
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import Text

_FOR_LISTS = (
    *LIST_OPERATORS,
    *(f"{operator} {modifier}" for operator in (*EQUALITY_OPERATORS, *STRING_OPERATORS) for modifier in MODIFIERS),
)
_FOR_VALUES = (*EQUALITY_OPERATORS, *NUMBER_OPERATORS, *STRING_OPERATORS)


def exception_problem(exception: RuleException) -> str | None:
    """Why Falco would refuse the exception for its form; None if it would not."""
    fields, comps = exception.fields, exception.comps
    if fields is None:
        return None  # values for an exception of a stock rule
    if isinstance(fields, Text):
        return _problem_of_one_field(exception)
    if not all(isinstance(field, Text) for field in fields):
        return "fields must be a field or a list of fields"
    if isinstance(comps, Text):
        return f"fields is a list, so comps must be a list of {len(fields)} operators"
    if comps is not None and len(comps) != len(fields):
        return f"there are {len(fields)} fields but {len(comps)} comps; give one operator for each field"
    unknown = [operator for operator in operators(exception) if operator not in (*_FOR_LISTS, *_FOR_VALUES)]
    if unknown:
        return f"{unknown[0]!r} is no operator of Falco; use one of {', '.join((*_FOR_VALUES, *LIST_OPERATORS))}"
    return _problem_of_rows(exception, len(fields))


def operators(exception: RuleException) -> tuple[str, ...]:
    """The operator for each field of a list of fields."""
    if exception.comps is None and isinstance(exception.fields, tuple):
        return ("=",) * len(exception.fields)
    comps = exception.comps if isinstance(exception.comps, tuple) else (exception.comps,)
    return tuple(comp.value if isinstance(comp, Text) else "" for comp in comps)


def exception_condition(exception: RuleException) -> str:
    """The condition under which a rule does not fire; empty if there are no values.

    Args:
        exception: one without an :func:`exception_problem`.
    """
    if exception.fields is None or not exception.values:
        return ""
    if isinstance(exception.fields, Text):
        operator = exception.comps.value if isinstance(exception.comps, Text) else "in"
        return f"{exception.fields.value} {operator} {_listed(exception.values)}"
    return " or ".join(f"({_row(exception, row)})" for row in exception.values)


def quoted_if_needed(text: str) -> str:
    """How Falco writes an item of a list into a condition: with quotes only if there is a blank in it."""
    return f'"{text}"' if " " in text and text[:1] not in ("'", '"') else text


def _row(exception: RuleException, row: Entry) -> str:
    fields = exception.fields if isinstance(exception.fields, tuple) else ()
    cells = row if isinstance(row, tuple) else (row,)
    parts = zip(fields, operators(exception), cells, strict=True)
    return " and ".join(f"{_text(field)} {operator} {_cell(operator, cell)}" for field, operator, cell in parts)


def _cell(operator: str, cell: Entry) -> str:
    if isinstance(cell, tuple):
        return _listed(cell)
    if operator in _FOR_LISTS:
        return cell.value if cell.value.startswith("(") else f"({cell.value})"
    return quoted_if_needed(cell.value)


def _listed(values: tuple[Entry, ...]) -> str:
    return f"({', '.join(quoted_if_needed(_text(value)) for value in values)})"


def _text(entry: Entry) -> str:
    return entry.value if isinstance(entry, Text) else ""


def _problem_of_one_field(exception: RuleException) -> str | None:
    if isinstance(exception.comps, tuple):
        return "fields is one field, so comps must be one operator"
    if exception.comps is not None and exception.comps.value not in _FOR_LISTS:
        return f"with one field comps must be one of {', '.join(LIST_OPERATORS)}, not {exception.comps.value!r}"
    if any(isinstance(value, tuple) for value in exception.values):
        return "fields is one field, so values must be a list of single values, not of lists"
    return None


def _problem_of_rows(exception: RuleException, width: int) -> str | None:
    for number, row in enumerate(exception.values, 1):
        cells = len(row) if isinstance(row, tuple) else 0
        if cells != width:
            given = f"has {cells}" if cells else "is a single value"
            return f"every entry of values must be a list of {width} values, one for each field; entry {number} {given}"
        if isinstance(row, tuple):
            for operator, cell in zip(operators(exception), row, strict=True):
                if isinstance(cell, tuple) and operator not in _FOR_LISTS:
                    return f"entry {number} of values has a list where {operator!r} compares with a single value"
    return None
