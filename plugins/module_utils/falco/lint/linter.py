# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what is wrong with Falco rules before Falco does, and what Falco does not tell."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.fields import ENGINE_VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Finding, Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import PluginVersionsItem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.comparisons import check_comparisons
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.definitions import (
    check_definitions,
    check_sources,
    check_versions,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.fields import (
    check_condition_fields,
    check_exception_fields,
    check_output_fields,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.lists import check_lists
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.macros import check_macros
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.passages import Passage, read_passages
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.reachability import (
    contradiction,
    event_types,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.resolution import known_part
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import (
    SYSCALL,
    ResolvedRule,
    RuleSet,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (
    And,
    Condition,
    MacroReference,
    leaves,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.versions import read_version

_TOO_MANY_TYPES = 100


def lint(rule_set: RuleSet, engine_version: str = ENGINE_VERSION) -> tuple[Finding, ...]:
    """Everything that is wrong with rules, in the order of the files.

    Args:
        rule_set: all files that Falco loads, or the others in its ``stock``.
        engine_version: of the Falco that will load them.

    Raises:
        HardeningError: ``engine_version`` is no version.
    """
    engine = read_version(engine_version)
    if not engine:
        raise HardeningError(f"{engine_version!r} is no version of Falco's engine; write it as {ENGINE_VERSION}")
    findings = Findings()
    findings.add(*rule_set.findings)
    check_versions(rule_set, engine, findings)
    check_definitions(rule_set, findings)
    check_sources(rule_set, _plugins(rule_set), findings)
    passages = read_passages(rule_set, findings)
    check_macros(rule_set, findings)
    check_lists(rule_set, passages, findings)
    _check_fields(rule_set, passages, findings)
    for rule in rule_set.rules.values():
        _check_reach(rule_set, rule, [passage for passage in passages if passage.rule is rule], findings)
    order = {file.name: position for position, file in enumerate(rule_set.files)}
    return tuple(sorted(findings.in_order(), key=lambda found: (order.get(found.place.file, 0), found.place)))


def _check_fields(rule_set: RuleSet, passages: list[Passage], findings: Findings) -> None:
    plugins = _plugins(rule_set)
    foreign = _macros_of_other_sources(rule_set, passages)
    for passage in passages:
        if passage.rule.source == SYSCALL if passage.rule else passage.owner not in foreign:
            check_condition_fields(passage, plugins, findings)
            check_comparisons(passage, rule_set, findings)
    for rule in rule_set.rules.values():
        if rule.source == SYSCALL:
            check_output_fields(rule, plugins, findings)
            for exception in rule.exceptions.values():
                if not exception.values:
                    check_exception_fields(rule, exception, plugins, findings)


def _plugins(rule_set: RuleSet) -> frozenset[str]:
    """The plugins that files ask for and whose fields are not in the tables."""
    return frozenset(
        name
        for file in rule_set.files
        for item in file.items
        if isinstance(item, PluginVersionsItem)
        for alternatives in item.alternatives
        for name in alternatives
        if name != "container"
    )


def _macros_of_other_sources(rule_set: RuleSet, passages: list[Passage]) -> set[str]:
    """Macros that only rules for events of other sources use."""
    users: dict[bool, set[str]] = {True: set(), False: set()}
    for passage in passages:
        if passage.rule:
            _collect(rule_set, passage.condition, passages, users[passage.rule.source == SYSCALL])
    return users[False] - users[True]


def _collect(rule_set: RuleSet, condition: Condition, passages: list[Passage], found: set[str]) -> None:
    for leaf in leaves(condition):
        if isinstance(leaf, MacroReference) and leaf.name not in found:
            found.add(leaf.name)
            for passage in passages:
                if passage.rule is None and passage.owner == leaf.name:
                    _collect(rule_set, passage.condition, passages, found)


def _check_reach(rule_set: RuleSet, rule: ResolvedRule, passages: list[Passage], findings: Findings) -> None:
    """Note a rule that is true of no event or of too many, and exceptions that never apply."""
    own = next((passage for passage in passages if passage.exception is None), None)
    condition = known_part(rule_set, own.condition) if own else None
    if own is None or condition is None or rule.source != SYSCALL:
        return
    place, types = own.locate(0), event_types(condition)
    never = contradiction(condition)
    if not types:
        never = never or "it asks for several types of events at once"
    if never:
        findings.error("never-fires", place, f"rule {rule.name!r} never fires: {never}", rule.name)
        return
    complete = not any(isinstance(leaf, MacroReference) for leaf in leaves(condition))
    if len(types) > _TOO_MANY_TYPES and complete and rule.warn_evttypes:
        findings.warning(
            "no-event-type",
            place,
            f"rule {rule.name!r} looks at events of every type, which costs much time; begin it with evt.type"
            " or a macro such as spawned_process",
            rule.name,
        )
    for passage in passages:
        excepted = known_part(rule_set, passage.condition) if passage.exception else None
        never = contradiction(And((condition, excepted), 0)) if excepted else None
        if passage.exception and never:
            findings.warning(
                "unreachable-exception",
                passage.exception.place,
                f"exception {passage.exception.name!r} of rule {rule.name!r} never applies: {never}",
                rule.name,
            )
