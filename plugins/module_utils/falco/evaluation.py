# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says which rules fire on a recorded event, as Falco would.

A check of a field that is missing is false, whatever the operator, so that ``a != b`` and ``not a = b`` differ.
"""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.comparison import compare
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.events import (
    Event,
    is_about_sides,
    values_of,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.fields import LISTS, field_type
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.resolution import resolved_condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import RuleSet
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (
    And,
    Check,
    Condition,
    Field,
    MacroReference,
    Not,
    Or,
)


def fires(rule_set: RuleSet, rule_name: str, event: Event) -> bool:
    """Whether a rule fires on an event.

    Args:
        rule_set: with the rule and all that it uses.
        rule_name: of the rule. One that is switched off never fires.
        event: fields and their values.

    Raises:
        HardeningError: there is no such rule, or Falco would refuse it.
    """
    rule = rule_set.rules.get(rule_name)
    if not rule:
        raise HardeningError(f"there is no rule {rule_name!r}")
    return rule.enabled and holds(_condition(rule_set, rule_name), event)


def rules_that_fire(rule_set: RuleSet, event: Event) -> tuple[str, ...]:
    """The names of all rules that fire on an event, as with ``rule_matching: all``, in the order of their definition.

    Raises:
        HardeningError: Falco would refuse a rule.
    """
    return tuple(name for name in rule_set.rules if fires(rule_set, name, event))


def holds(condition: Condition, event: Event) -> bool:
    """Whether a condition without macros and names of lists is true of an event."""
    if isinstance(condition, And):
        return all(holds(operand, event) for operand in condition.operands)
    if isinstance(condition, Or):
        return any(holds(operand, event) for operand in condition.operands)
    if isinstance(condition, Not):
        return not holds(condition.operand, event)
    if isinstance(condition, MacroReference):
        raise HardeningError(f"macro {condition.name!r} is not resolved")
    return _check_holds(condition, event)


@lru_cache(maxsize=1024)
def _condition(rule_set: RuleSet, rule_name: str) -> Condition:
    return resolved_condition(rule_set, rule_set.rules[rule_name])


def _check_holds(check: Check, event: Event) -> bool:
    kind = field_type(check.field)
    found = _transformed(values_of(event, check.field), check.field)
    if not found:
        return False
    if check.operator == "exists":
        return True
    wanted = [value.text for value in check.values]
    if check.other:
        wanted = [str(value) for value in _transformed(values_of(event, check.other), check.other)]
        if not wanted:
            return False
    if check.field.name in LISTS and check.operator == "in":
        return all(_matches(check, value, wanted, kind) for value in found)
    # "fd.ip != X" is about both ends of the connection; everything else asks for one value that is as wanted.
    every = is_about_sides(check.field) and check.operator == "!="
    return (all if every else any)(_matches(check, value, wanted, kind) for value in found)


def _matches(check: Check, value: object, wanted: Sequence[str], kind: str) -> bool:
    try:
        results = [compare(check.operator, value, one, kind) for one in wanted]
    except KeyError:
        raise HardeningError(
            f"Falco cannot use {check.operator!r} with {check.field.key}, whose values are {_KINDS.get(kind, 'texts')}"
        ) from None
    except re.error as error:
        raise HardeningError(f"{wanted[0]!r} is no regular expression: {error}") from error
    if check.modifier == "oneof":
        return results.count(True) == 1
    if check.modifier == "allof":
        return bool(results) and all(results)
    return any(results)


def _transformed(values: list[object], field: Field) -> list[object]:
    for name in field.transformers:
        transform = _TRANSFORMERS[name]
        values = [result for value in values if (result := transform(str(value))) is not None]
    return values


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return None


_TRANSFORMERS: dict[str, Callable[[str], object]] = {
    "tolower": str.lower,
    "toupper": str.upper,
    "basename": posixpath.basename,
    "b64": _decoded,
    "len": len,
}
_KINDS = {"BOOL": "true or false", "IPADDR": "addresses", "IPNET": "networks"}
