# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a condition can be true of: the types of its events, and whether there is any event at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.comparison import (
    compare,
    is_number,
    read_number,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.event_types import EVENT_TYPES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.fields import ANCESTORS, LISTS, field_type
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (
    And,
    Check,
    Condition,
    MacroReference,
    Not,
    Or,
)


def event_types(condition: Condition, negated: bool = False) -> frozenset[str]:
    """The types of events of which a condition may be true; what looks at other fields may be true of any type.

    Source: userspace/libsinsp/filter/ppm_codes.cpp of falcosecurity/libs.
    """
    if isinstance(condition, Not):
        return event_types(condition.operand, not negated)
    if isinstance(condition, And | Or):
        found = [event_types(operand, negated) for operand in condition.operands]
        all_must_hold = isinstance(condition, And) is not negated
        return frozenset.intersection(*found) if all_must_hold else frozenset.union(*found)
    if isinstance(condition, MacroReference) or not _is_about_type(condition):
        return EVENT_TYPES
    wanted = [value.text for value in condition.values]
    universe = EVENT_TYPES.union(wanted)
    if condition.operator in ("=", "in"):
        matched = frozenset(wanted)
    else:
        matched = frozenset(
            name for name in universe if any(compare(condition.operator, name, value, "CHARBUF") for value in wanted)
        )
    return universe - matched if negated else matched


def contradiction(condition: Condition) -> str | None:
    """Why a condition is never true, as far as comparisons of one field with values tell; None if it may be."""
    if isinstance(condition, Or):
        found = [contradiction(operand) for operand in condition.operands]
        return found[0] if all(found) else None
    if not isinstance(condition, And):
        return None
    allowed: dict[str, frozenset[str]] = {}
    for operand in _flat(condition.operands):
        inner = contradiction(operand)
        if inner:
            return inner
        for key, values in _allowed_values(operand).items():
            both = allowed.get(key, values) & values
            if not both:
                return (
                    f"{key} cannot be {_spell(allowed[key])} and {_spell(values)} at once" if key in allowed else None
                )
            allowed[key] = both
    return None


def _is_about_type(check: Check) -> bool:
    plain = not check.field.transformers and not check.other and not check.modifier
    return check.field.name == "evt.type" and plain and check.operator != "exists"


def _flat(operands: Sequence[Condition]) -> Iterator[Condition]:
    for operand in operands:
        if isinstance(operand, And):
            yield from _flat(operand.operands)
        else:
            yield operand


def _allowed_values(condition: Condition) -> dict[str, frozenset[str]]:
    """The values of fields with which a condition can be true; a field that is not there may have any."""
    if isinstance(condition, Or):
        found = [_allowed_values(operand) for operand in condition.operands]
        shared = set(found[0]).intersection(*found[1:])
        return {key: frozenset.union(*(values[key] for values in found)) for key in shared}
    if not isinstance(condition, Check) or condition.operator not in ("=", "in") or condition.modifier:
        return {}
    if not condition.values:
        return {}  # an empty list, which somebody may fill
    field, kind = condition.field, field_type(condition.field)
    if condition.other or field.transformers or kind in ("IPADDR", "IPNET", "DYN") or field.name in LISTS:
        return {}
    if (field.name in ANCESTORS and field.argument is None) or field.name in ("fd.port", "fd.proto"):
        return {}  # of several values one must match
    values = (value.text for value in condition.values)
    return {field.key: frozenset(str(read_number(value)) if is_number(kind) else value for value in values)}


def _spell(values: frozenset[str]) -> str:
    shown = sorted(values)[:3]
    return " or ".join(map(repr, shown)) + (" ..." if len(values) > len(shown) else "")
