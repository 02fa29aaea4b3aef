# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conditions of a rule set, parsed, each with the places of its parts in the rule files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.conditions import (
    parse_condition,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.exceptions import (
    exception_condition,
    exception_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Findings, Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import RuleException
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import ResolvedRule, RuleSet
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import Condition, ConditionError


@dataclass(frozen=True)
class Passage:
    """A condition in the files.

    Attributes:
        owner: name of the rule or macro.
        condition: parsed.
        locate: gives the place of an offset in the condition.
        rule: the rule, None for a macro.
        exception: the exception whose condition it is, None for the condition of the rule or macro itself.
    """

    owner: str
    condition: Condition
    locate: Callable[[int], Place]
    rule: ResolvedRule | None = None
    exception: RuleException | None = None


def read_passages(rule_set: RuleSet, findings: Findings) -> list[Passage]:
    """All conditions of a rule set; notes those that Falco cannot read."""
    return [*_macros(rule_set, findings), *_rules(rule_set, findings)]


def _macros(rule_set: RuleSet, findings: Findings) -> Iterator[Passage]:
    for macro in rule_set.macros.values():
        condition = _parsed(
            macro.condition.value, macro.condition.locate, f"macro {macro.name!r}", macro.name, findings
        )
        if condition:
            yield Passage(macro.name, condition, macro.condition.locate)


def _rules(rule_set: RuleSet, findings: Findings) -> Iterator[Passage]:
    for rule in rule_set.rules.values():
        condition = _parsed(rule.condition.value, rule.condition.locate, f"rule {rule.name!r}", rule.name, findings)
        if condition:
            yield Passage(rule.name, condition, rule.condition.locate, rule)
        for exception in rule.exceptions.values():
            yield from _exception(rule, exception, findings)


def _exception(rule: ResolvedRule, exception: RuleException, findings: Findings) -> Iterator[Passage]:
    what = f"exception {exception.name!r} of rule {rule.name!r}"
    problem = exception_problem(exception)
    if problem:
        findings.error("invalid-exception", exception.place, f"{what}: {problem}", rule.name)
        return
    text = exception_condition(exception)
    condition = _parsed(text, lambda _offset: exception.place, what, rule.name, findings) if text else None
    if condition:
        yield Passage(rule.name, condition, lambda _offset: exception.place, rule, exception)


def _parsed(text: str, locate: Callable[[int], Place], what: str, owner: str, findings: Findings) -> Condition | None:
    try:
        return parse_condition(text)
    except ConditionError as error:
        findings.error("invalid-condition", locate(error.offset), f"{what}: {error.message}", owner)
        return None
