# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads rule files in their order, as Falco does: later items define, append to, replace or switch what came earlier.

Source: userspace/engine/rule_loader_collector.cpp of falcosecurity/falco.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import did_you_mean
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Findings, Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.helm_values import custom_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.item_reader import read_rule_file
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import (
    APPEND,
    DEFINE,
    ENABLE,
    REPLACE,
    ListItem,
    MacroItem,
    RuleException,
    RuleFile,
    RuleItem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import (
    NOTHING_KNOWN,
    STOCK_CONDITION,
    SYSCALL,
    KnownNames,
    ResolvedList,
    ResolvedMacro,
    ResolvedRule,
    RuleSet,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import JoinedText, Text


def load_rules(files: Sequence[tuple[str, str]], stock: KnownNames = NOTHING_KNOWN) -> RuleSet:
    """Load rule files.

    Args:
        files: name and text of each file, in the order in which Falco reads them; a file of Helm values stands for
            those of its ``customRules``.
        stock: what is defined in files that are not here.

    Returns:
        All that could be read. What could not is in its findings.
    """
    findings = Findings()
    unpacked = [part for name, content in files for part in custom_rules(name, content)]
    return _merge([read_rule_file(name, content, findings) for name, content in unpacked], stock, findings)


def loaded_until(rule_set: RuleSet, count: int) -> RuleSet:
    """What Falco knew after the first files of a set: it checks everything each time it has read one."""
    return _merge(rule_set.files[:count], rule_set.stock, Findings())


def _merge(files: Sequence[RuleFile], stock: KnownNames, findings: Findings) -> RuleSet:
    loader = _Loader(stock, findings)
    for file in files:
        for item in file.items:
            if isinstance(item, ListItem):
                loader.list(item)
            elif isinstance(item, MacroItem):
                loader.macro(item)
            elif isinstance(item, RuleItem):
                loader.rule(item)
    return RuleSet(loader.rules, loader.macros, loader.lists, tuple(files), stock, findings.in_order())


class _Loader:
    """Takes item after item."""

    def __init__(self, stock: KnownNames, findings: Findings) -> None:
        self.rules: dict[str, ResolvedRule] = {}
        self.macros: dict[str, ResolvedMacro] = {}
        self.lists: dict[str, ResolvedList] = {}
        self._stock = stock
        self._findings = findings
        self._count = 0

    def list(self, item: ListItem) -> None:
        earlier, position = self.lists.get(item.name), self._next()
        if item.change == APPEND:
            if earlier:
                items = (*earlier.items, *item.items)
                self.lists[item.name] = replace(earlier, items=items, visibility=position)
            elif item.name in self._stock.lists:
                self.lists[item.name] = ResolvedList(item.name, item.place, item.items, position, position, False)
            else:
                self._nothing_to_change("list", item.name, item.place, [*self.lists, *self._stock.lists])
            return
        if item.change == REPLACE and not earlier and item.name not in self._stock.lists:
            self._nothing_to_replace("list", item.name, item.place, [*self.lists, *self._stock.lists])
        index = earlier.index if earlier else position
        self.lists[item.name] = ResolvedList(item.name, item.place, item.items, index, position)

    def macro(self, item: MacroItem) -> None:
        earlier, position = self.macros.get(item.name), self._next()
        condition = JoinedText((item.condition,))
        if item.change == APPEND:
            if earlier:
                condition = JoinedText((*earlier.condition.parts, item.condition))
                self.macros[item.name] = replace(earlier, condition=condition, visibility=position)
            elif item.name in self._stock.macros:
                condition = JoinedText((Text(STOCK_CONDITION, item.place), item.condition))
                self.macros[item.name] = ResolvedMacro(item.name, item.place, condition, position, position)
            else:
                self._nothing_to_change("macro", item.name, item.place, [*self.macros, *self._stock.macros])
            return
        if item.change == REPLACE and not earlier and item.name not in self._stock.macros:
            self._nothing_to_replace("macro", item.name, item.place, [*self.macros, *self._stock.macros])
        index = earlier.index if earlier else position
        self.macros[item.name] = ResolvedMacro(item.name, item.place, condition, index, position)

    def rule(self, item: RuleItem) -> None:
        self._next()
        if item.change == DEFINE:
            self._define(item)
            return
        rule = self.rules.get(item.name)
        if not rule and item.name in self._stock.rules:
            rule = _stock_rule(item)
        if not rule:
            self._nothing_to_change("rule", item.name, item.place, [*self.rules, *self._stock.rules])
            return
        if item.change == ENABLE:
            self.rules[item.name] = replace(rule, enabled=item.flags.get("enabled", rule.enabled))
            return
        overrides = item.overrides if item.change == REPLACE else {"condition": APPEND, "exceptions": APPEND}
        for key, operation in overrides.items():
            rule = self._changed(rule, item, key, operation)
        self.rules[item.name] = rule

    def _define(self, item: RuleItem) -> None:
        if "condition" not in item.texts or "output" not in item.texts:
            return  # a finding already
        earlier = self.rules.get(item.name)
        source = item.texts["source"].value if "source" in item.texts else SYSCALL
        if earlier and earlier.source != source:
            self._findings.error(
                "other-source",
                item.place,
                f"rule {item.name!r} was for events of {earlier.source} before; give this one another name",
                item.name,
            )
        self.rules[item.name] = ResolvedRule(
            name=item.name,
            place=item.place,
            condition=JoinedText((item.texts["condition"],)),
            output=JoinedText((item.texts["output"],)),
            priority=item.texts["priority"].value if "priority" in item.texts else "",
            source=source,
            tags=tuple(tag.value for tag in item.tags or ()),
            exceptions=_by_name(item.exceptions),
            enabled=item.flags.get("enabled", True),
            warn_evttypes=item.flags.get("warn_evttypes", True),
            skip_if_unknown_filter=item.flags.get("skip-if-unknown-filter", False),
        )

    def _changed(self, rule: ResolvedRule, item: RuleItem, key: str, operation: str) -> ResolvedRule:
        """The rule after one key of an item has been appended to it or has replaced its own."""
        if key == "exceptions" and item.exceptions is not None:
            exceptions = self._appended(rule, item) if operation == APPEND else _by_name(item.exceptions)
            return replace(rule, exceptions=exceptions)
        if key == "tags" and item.tags is not None:
            tags = tuple(tag.value for tag in item.tags)
            return replace(rule, tags=(*rule.tags, *tags) if operation == APPEND else tags)
        if key in item.flags:
            return _switched(rule, key, item.flags[key])
        if key not in item.texts:
            return rule
        text = item.texts[key]
        if key == "condition":
            return replace(rule, condition=JoinedText((*(rule.condition.parts if operation == APPEND else ()), text)))
        if key == "output":
            return replace(rule, output=JoinedText((*(rule.output.parts if operation == APPEND else ()), text)))
        return replace(rule, priority=text.value) if key == "priority" else rule

    def _appended(self, rule: ResolvedRule, item: RuleItem) -> Mapping[str, RuleException]:
        exceptions = dict(rule.exceptions)
        for added in item.exceptions or ():
            earlier = exceptions.get(added.name)
            if earlier:
                if added.fields is not None or added.comps is not None:
                    self._findings.error(
                        "invalid-exception",
                        added.place,
                        f"rule {rule.name!r} has an exception {added.name!r} already, so only values can be appended"
                        " to it; drop fields and comps, or choose another name",
                        rule.name,
                    )
                exceptions[added.name] = replace(earlier, values=(*earlier.values, *added.values), has_values=True)
            elif added.fields is None and not rule.complete:
                exceptions[added.name] = added  # values for an exception of Falco's own rule
            else:
                self._check_new(added, rule.name)
                exceptions[added.name] = added
        return exceptions

    def _check_new(self, added: RuleException, rule: str) -> None:
        for key, given in (("fields", added.fields is not None), ("values", bool(added.values))):
            if not given:
                self._findings.error(
                    "invalid-exception",
                    added.place,
                    f"{key} of exception {added.name!r} are missing; rule {rule!r} has no exception of this name yet",
                    rule,
                )

    def _nothing_to_change(self, kind: str, name: str, place: Place, known: Iterable[str]) -> None:
        meant = did_you_mean(name, known)
        self._findings.error(
            "nothing-to-change",
            place,
            f"there is no earlier {kind} {name!r} to change{meant}; define it before, in this file or an earlier one",
            name,
        )

    def _nothing_to_replace(self, kind: str, name: str, place: Place, known: Iterable[str]) -> None:
        meant = did_you_mean(name, known)
        self._findings.warning(
            "nothing-to-replace", place, f"override: replace, but there is no earlier {kind} {name!r}{meant}", name
        )

    def _next(self) -> int:
        self._count += 1
        return self._count


def _stock_rule(item: RuleItem) -> ResolvedRule:
    unknown = JoinedText((Text(STOCK_CONDITION, item.place),))
    return ResolvedRule(item.name, item.place, unknown, JoinedText((Text("", item.place),)), complete=False)


def _by_name(exceptions: Iterable[RuleException] | None) -> dict[str, RuleException]:
    return {exception.name: exception for exception in exceptions or ()}


def _switched(rule: ResolvedRule, key: str, flag: bool) -> ResolvedRule:
    if key == "enabled":
        return replace(rule, enabled=flag)
    if key == "warn_evttypes":
        return replace(rule, warn_evttypes=flag)
    return replace(rule, skip_if_unknown_filter=flag) if key == "skip-if-unknown-filter" else rule
