# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds references to macros that Falco would refuse, and macros that nothing uses."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import did_you_mean
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.conditions import (
    parse_condition,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import loaded_until
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import (
    STOCK_CONDITION,
    ResolvedMacro,
    ResolvedRule,
    RuleSet,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (
    ConditionError,
    MacroReference,
    leaves,
)


def check_macros(rule_set: RuleSet, findings: Findings) -> None:
    """Note references to macros that are not there, come too late, or lead back to where they began.

    Falco checks all it knows each time it has read a file, so a macro must be in the same file or an earlier one.
    """
    for count in range(1, len(rule_set.files) + 1):
        _References(loaded_until(rule_set, count), rule_set, findings).check()
    _check_loops(rule_set, findings)
    _check_unused(rule_set, findings)


class _References:
    """Looks at the references in all that is loaded so far."""

    def __init__(self, loaded: RuleSet, everything: RuleSet, findings: Findings) -> None:
        self._loaded = loaded
        self._everything = everything
        self._findings = findings

    def check(self) -> None:
        for macro in self._loaded.macros.values():
            for reference in _references(macro):
                self._check_in_macro(macro, reference)
        for rule in self._loaded.rules.values():
            for reference in _references(rule):
                if not self._is_known(reference.name):
                    self._refuse(rule, f"rule {rule.name!r}", reference)

    def _check_in_macro(self, macro: ResolvedMacro, reference: MacroReference) -> None:
        used = self._loaded.macros.get(reference.name)
        if not self._is_known(reference.name):
            self._refuse(macro, f"macro {macro.name!r}", reference)
        elif used and used.index >= macro.visibility and used.name != macro.name:
            self._findings.error(
                "macro-defined-later",
                macro.condition.locate(reference.offset),
                f"macro {macro.name!r} uses macro {used.name!r}, which is defined after it in line {used.place.line};"
                " move it before",
                macro.name,
            )

    def _refuse(self, user: ResolvedMacro | ResolvedRule, what: str, reference: MacroReference) -> None:
        place = user.condition.locate(reference.offset)
        later = self._everything.macros.get(reference.name)
        if later:
            self._findings.error(
                "macro-defined-later",
                place,
                f"{what} uses macro {reference.name!r}, which only a later file defines ({later.place.file}); "
                "load that file first, or define the macro here",
                user.name,
            )
            return
        known = [*self._everything.macros, *self._everything.stock.macros]
        meant = _is_a_list(self._everything, reference.name) or did_you_mean(reference.name, known)
        self._findings.error(
            "undefined-macro",
            place,
            f"{what} uses macro {reference.name!r}, which nothing defines{meant}; define it here or in an earlier file",
            user.name,
        )

    def _is_known(self, name: str) -> bool:
        return name in self._loaded.macros or name in self._loaded.stock.macros or name == STOCK_CONDITION


def _is_a_list(rule_set: RuleSet, name: str) -> str:
    is_list = name in rule_set.lists or name in rule_set.stock.lists
    return f" (there is a list {name}: use it as in ({name}), behind a field)" if is_list else ""


def _references(user: ResolvedMacro | ResolvedRule) -> list[MacroReference]:
    try:
        condition = parse_condition(user.condition.value)
    except ConditionError:
        return []  # noted elsewhere
    return [leaf for leaf in leaves(condition) if isinstance(leaf, MacroReference)]


def _check_loops(rule_set: RuleSet, findings: Findings) -> None:
    for macro in rule_set.macros.values():
        for reference in _references(macro):
            if _leads_to(rule_set, reference.name, macro.name, set()):
                through = "" if reference.name == macro.name else f" through {reference.name!r}"
                findings.error(
                    "macro-loop",
                    macro.condition.locate(reference.offset),
                    f"macro {macro.name!r} uses itself{through}; break the loop",
                    macro.name,
                )


def _leads_to(rule_set: RuleSet, name: str, wanted: str, seen: set[str]) -> bool:
    if name == wanted:
        return True
    if name in seen or name not in rule_set.macros:
        return False
    seen.add(name)
    return any(_leads_to(rule_set, one.name, wanted, seen) for one in _references(rule_set.macros[name]))


def _check_unused(rule_set: RuleSet, findings: Findings) -> None:
    users: list[ResolvedMacro | ResolvedRule] = [*rule_set.macros.values(), *rule_set.rules.values()]
    used = {reference.name for user in users for reference in _references(user) if reference.name != user.name}
    for macro in rule_set.macros.values():
        if macro.name not in used and macro.name not in rule_set.stock.macros:
            findings.warning(
                "unused-macro", macro.place, f"no rule or macro uses macro {macro.name!r}; drop it", macro.name
            )
