# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds names that are defined twice, and files that need another engine."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.definition_digest import definition_digest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Findings, Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import (
    DEFINE,
    EngineVersionItem,
    Item,
    ListItem,
    MacroItem,
    RuleFile,
    RuleItem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import SYSCALL, RuleSet
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.versions import (
    Version,
    read_engine_version,
    satisfies,
)

_KINDS: Mapping[type[Item], str] = {RuleItem: "rule", MacroItem: "macro", ListItem: "list"}
_FIRST = ("desc", "condition", "output", "priority")
_NOT_OVERRIDDEN = ("source",)


def check_definitions(rule_set: RuleSet, findings: Findings) -> None:
    """Note definitions that silently take the place of earlier ones."""
    defined: dict[tuple[str, str], tuple[Place, str]] = {}
    stock = {"rule": rule_set.stock.rules, "macro": rule_set.stock.macros, "list": rule_set.stock.lists}
    for file in rule_set.files:
        for item in file.items:
            if not isinstance(item, RuleItem | MacroItem | ListItem) or item.change != DEFINE:
                continue
            kind, digest = _KINDS[type(item)], definition_digest(item)
            if item.name in stock[kind] and digest not in rule_set.stock.digests:
                findings.error(
                    "redefines-stock",
                    item.place,
                    f"{kind} {item.name!r} takes the place of the one in Falco's own rules; choose another name, or say"
                    f" that you mean it with {_change(item)}",
                    item.name,
                )
            earlier, written = defined.setdefault((kind, item.name), (item.place, digest))
            if earlier is not item.place and written != digest:
                findings.error(
                    f"duplicate-{kind}",
                    item.place,
                    f"{kind} {item.name!r} is defined in {earlier.file}:{earlier.line} already, and this one takes its"
                    f" place; rename one, or say that you mean it with {_change(item)}",
                    item.name,
                )


def check_sources(rule_set: RuleSet, plugins: frozenset[str], findings: Findings) -> None:
    """Note rules for events that Falco alone does not have, if no file asks for a plugin: Falco skips them."""
    for rule in rule_set.rules.values():
        if rule.source != SYSCALL and not plugins:
            findings.warning(
                "unknown-source",
                rule.place,
                f"rule {rule.name!r} is for events of {rule.source!r}, which only a plugin has; without it Falco skips"
                " the rule. Ask for the plugin with required_plugin_versions",
                rule.name,
            )


def _change(item: RuleItem | MacroItem | ListItem) -> str:
    """The override with which Falco takes the item as it is: one that names all its keys."""
    if isinstance(item, ListItem):
        return "override: {items: replace}"
    if isinstance(item, MacroItem):
        return "override: {condition: replace}"
    given = [*item.texts, *item.flags]
    given += [key for key, value in (("tags", item.tags), ("exceptions", item.exceptions)) if value is not None]
    keys = sorted(set(given) - set(_NOT_OVERRIDDEN), key=lambda key: (key not in _FIRST, given.index(key)))
    hint = f"override: {{{', '.join(f'{key}: replace' for key in keys)}}}"
    new = ", or give only the exceptions, with override: {exceptions: append}" if item.exceptions else ""
    dropped = "; drop source, which cannot be overridden" if "source" in given else ""
    return f"{hint}{new}{dropped}"


def check_versions(rule_set: RuleSet, engine: Version, findings: Findings) -> None:
    """Note files that do not say which engine they need, or need another one than there is."""
    for file in rule_set.files:
        wanted = [item.version for item in file.items if isinstance(item, EngineVersionItem)]
        if not wanted and any(isinstance(item, RuleItem) and item.change == DEFINE for item in file.items):
            _note_missing(file, engine, findings)
        for text in wanted:
            version = read_engine_version(text.value)
            if not version:
                findings.error(
                    "invalid-version",
                    text.place,
                    f"required_engine_version {text.value!r} is no version; write it as {_spell(engine)}",
                )
            elif not satisfies(engine, version):
                findings.error(
                    "engine-too-old",
                    text.place,
                    f"the file needs engine {text.value}, but Falco has {_spell(engine)}; take a newer Falco",
                )


def _note_missing(file: RuleFile, engine: Version, findings: Findings) -> None:
    findings.warning(
        "missing-version",
        Place(file.name, 1),
        f"the file does not say which engine its rules need; add 'required_engine_version: {_spell(engine)}'",
    )


def _spell(version: Version) -> str:
    return ".".join(map(str, version))
