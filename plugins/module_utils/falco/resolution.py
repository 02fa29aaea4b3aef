# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts lists, macros and exceptions into the condition of a rule, as Falco does before it compiles it.

Falco replaces the names of lists in the text, list after list in the order of their definition. So a list within a list
within a list is found only if the innermost one was defined last; these functions find what Falco finds.
Source: userspace/engine/rule_loader_compiler.cpp of falcosecurity/falco.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.conditions import (
    parse_condition,
    parse_values,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.exceptions import (
    exception_condition,
    exception_problem,
    quoted_if_needed,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import (
    STOCK_CONDITION,
    ResolvedList,
    ResolvedRule,
    RuleSet,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (
    And,
    Check,
    Condition,
    ConditionError,
    MacroReference,
    Not,
    Or,
    Value,
)


def resolved_condition(rule_set: RuleSet, rule: ResolvedRule) -> Condition:
    """The whole condition of a rule, without macros and names of lists.

    Raises:
        HardeningError: Falco would refuse it, or a part of it is in a file that is not here.
    """
    resolver = _Resolver(rule_set, f"rule {rule.name!r}")
    parts = [resolver.condition(rule.condition.value)]
    for exception in rule.exceptions.values():
        problem = exception_problem(exception)
        if problem:
            raise HardeningError(f"rule {rule.name!r}, exception {exception.name!r}: {problem}")
        text = exception_condition(exception)
        if text:
            parts.append(Not(resolver.condition(text), 0))
    return And(tuple(parts), 0) if len(parts) > 1 else parts[0]


def known_part(rule_set: RuleSet, condition: Condition) -> Condition | None:
    """A condition with the macros and lists that are known, the others left as references to macros.

    Returns:
        None if a macro or list in it is no condition.
    """
    try:
        return _Resolver(rule_set, "", strict=False).resolve(condition, ())
    except ConditionError:
        return None


def replace_list_names(values: Sequence[Value], lists: Sequence[ResolvedList], rule_set: RuleSet) -> list[Value]:
    """Replace names of lists by their items.

    Args:
        values: of a check.
        lists: those of the rule set, in the order of their index.
        rule_set: what is defined.

    Raises:
        ConditionError: an item cannot stand in a condition.
    """
    found = list(values)
    for one in lists:
        if any(value.text == one.name and not value.quoted for value in found):
            items = [item for text in _item_texts(one, rule_set) for item in parse_values(quoted_if_needed(text))]
            found = [
                item for value in found for item in (items if value.text == one.name and not value.quoted else [value])
            ]
    return found


def lists_in_order(rule_set: RuleSet) -> list[ResolvedList]:
    """The lists in the order in which Falco replaces their names."""
    return sorted(rule_set.lists.values(), key=lambda one: one.index)


def _item_texts(one: ResolvedList, rule_set: RuleSet) -> list[str]:
    found: list[str] = []
    for item in one.items:
        inner = rule_set.lists.get(item.value)
        if inner and inner.index < one.visibility:
            found.extend(text.value for text in inner.items)
        else:
            found.append(item.value)
    return found


class _Resolver:
    """Resolves the conditions of one rule; what is not known is an error, or stays as the name of a macro."""

    def __init__(self, rule_set: RuleSet, what: str, strict: bool = True) -> None:
        self._rule_set = rule_set
        self._lists = lists_in_order(rule_set)
        incomplete = {name for name, one in rule_set.lists.items() if not one.complete}
        self._incomplete = incomplete | (rule_set.stock.lists - set(rule_set.lists))
        self._what = what
        self._strict = strict

    def condition(self, text: str) -> Condition:
        try:
            return self.resolve(parse_condition(text), ())
        except ConditionError as error:
            raise HardeningError(f"{self._what}: {error.message}") from error

    def resolve(self, condition: Condition, within: tuple[str, ...]) -> Condition:
        if isinstance(condition, And | Or):
            operands = tuple(self.resolve(operand, within) for operand in condition.operands)
            return replace(condition, operands=operands)
        if isinstance(condition, Not):
            return replace(condition, operand=self.resolve(condition.operand, within))
        if isinstance(condition, MacroReference):
            return self._macro(condition.name, within)
        return self._check(condition)

    def _macro(self, name: str, within: tuple[str, ...]) -> Condition:
        macro = self._rule_set.macros.get(name)
        text = macro.condition.value if macro else self._rule_set.stock.macros.get(name)
        if name in within:
            return self._unknown(name, f"macro {name!r} uses itself")
        if not text:
            what = "a condition of Falco's own rules" if name == STOCK_CONDITION else f"macro {name!r}"
            return self._unknown(name, f"{what} is not in these files; give the file that defines it, too")
        return self.resolve(parse_condition(text), (*within, name))

    def _check(self, check: Check) -> Condition:
        values = tuple(replace_list_names(check.values, self._lists, self._rule_set))
        for value in (*check.values, *values):
            if not value.quoted and value.text in self._incomplete:
                problem = f"list {value.text!r} is not, or not all, in these files; give the file that defines it, too"
                return self._unknown(value.text, problem)
        takes_one = not check.listed and check.operator != "exists" and not check.other
        if takes_one and len(values) != 1:
            name = check.values[0].text
            problem = (
                f"list {name!r} stands for {len(values)} values, but {check.operator!r} takes one; use in ({name})"
            )
            return self._unknown(name, problem)
        return replace(check, values=values)

    def _unknown(self, name: str, problem: str) -> Condition:
        if self._strict:
            raise HardeningError(f"{self._what}: {problem}")
        return MacroReference(name, 0)
