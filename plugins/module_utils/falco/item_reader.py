# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one rule file into its items, and notes every item that Falco would refuse.

Source: userspace/engine/rule_loader_reader.cpp of falcosecurity/falco.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import did_you_mean
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import (
    APPEND,
    DEFINE,
    ENABLE,
    REPLACE,
    EngineVersionItem,
    Entry,
    Item,
    ListItem,
    MacroItem,
    PluginVersionsItem,
    RuleException,
    RuleFile,
    RuleItem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_yaml import YamlValue, read_items
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import Text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.versions import read_version

Keys = Mapping[str, YamlValue]

PRIORITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "informational", "debug")

_TEXTS = ("condition", "output", "desc", "priority", "source")
_FLAGS = ("enabled", "warn_evttypes", "skip-if-unknown-filter", "capture")
_REQUIRED = ("desc", "condition", "output", "priority")
_APPENDABLE = ("condition", "output", "desc", "tags", "exceptions")
_REPLACEABLE = (*_APPENDABLE, "priority", *_FLAGS, "capture_duration")
_KNOWN = {
    "list": ("list", "items", "append", "override", "source"),
    "macro": ("macro", "condition", "append", "override", "source"),
    "rule": ("rule", *_TEXTS, *_FLAGS, "capture_duration", "tags", "exceptions", "append", "override"),
    "required_engine_version": ("required_engine_version",),
    "required_plugin_versions": ("required_plugin_versions",),
}
_OF_EXCEPTION = ("name", "fields", "comps", "values")
_MACRO_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")
_LIST_NAME = re.compile(r"""[^()"'\s=,]+""")
_MAX_NESTING = 3


def read_rule_file(name: str, content: str, findings: Findings) -> RuleFile:
    """Read a file; items that cannot be read are left out.

    Args:
        name: of the file, for messages.
        content: its text.
        findings: takes what is wrong.
    """
    items = (_Reader(findings).item(value) for value in read_items(name, content, findings) if not value.is_null)
    return RuleFile(name, tuple(item for item in items if item))


class _Reader:
    """Reads the items of one kind each."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def item(self, value: YamlValue) -> Item | None:
        keys = value.keys("a rule, macro or list")
        kind = next((kind for kind in _KNOWN if kind in keys), None)
        if kind is None:
            if keys:
                self._unknown_item(value, keys)
            return None
        for key in keys:
            if key not in _KNOWN[kind]:
                self._unknown_key(keys[key], key, f"a {kind}", _KNOWN[kind])
        if kind == "required_engine_version":
            version = keys[kind].text("required_engine_version")
            return EngineVersionItem(version) if version else None
        if kind == "required_plugin_versions":
            return PluginVersionsItem(self._plugins(keys[kind]), value.place)
        name = keys[kind].text(f"the name of a {kind}")
        if not name:
            return None
        if kind == "list":
            return self._list(value, keys, name.value)
        return (self._macro if kind == "macro" else self._rule)(value, keys, name.value)

    def _unknown_item(self, value: YamlValue, keys: Keys) -> None:
        words = ", ".join(repr(key) for key in keys)
        meant = next((hint for hint in (did_you_mean(key, _KNOWN, 0.75) for key in keys) if hint), "")
        self._findings.error(
            "unknown-item", value.place, f"no rule, macro or list: Falco ignores an item with the keys {words}{meant}"
        )

    def _unknown_key(self, value: YamlValue, key: str, what: str, known: tuple[str, ...]) -> None:
        meant = did_you_mean(key, known, 0.75)
        self._findings.warning("unknown-key", value.place, f"Falco ignores the key {key!r} of {what}{meant}")

    def _list(self, value: YamlValue, keys: Keys, name: str) -> ListItem | None:
        if not _LIST_NAME.fullmatch(name):
            self._findings.error(
                "invalid-name",
                value.place,
                f"{name!r} is no name of a list: no blank, quote, '(', ')', '=' or ','",
                name,
            )
        items = keys["items"].texts(f"items of list {name!r}") if self._has(value, keys, "items", name) else ()
        return ListItem(name, value.place, items, self._change(value, keys, "items", name))

    def _macro(self, value: YamlValue, keys: Keys, name: str) -> MacroItem | None:
        if not _MACRO_NAME.fullmatch(name):
            self._findings.error(
                "invalid-name", value.place, f"{name!r} is no name of a macro: use letters, digits and '_'", name
            )
        change = self._change(value, keys, "condition", name)
        if not self._has(value, keys, "condition", name):
            return None
        condition = keys["condition"].text(f"the condition of macro {name!r}")
        return MacroItem(name, value.place, condition, change) if condition else None

    def _rule(self, value: YamlValue, keys: Keys, name: str) -> RuleItem | None:
        appends = self._appends(value, keys, "condition", name)
        overrides = self._overrides(keys, _APPENDABLE, _REPLACEABLE, name)
        if overrides:
            self._check_overrides(value, keys, overrides, name)
            change = REPLACE
        elif appends:
            change = APPEND
            exceptions = keys.get("exceptions")
            if "condition" not in keys and not (exceptions and exceptions.is_filled_list):
                self._findings.error(
                    "nothing-to-append",
                    value.place,
                    f"append: true of rule {name!r} appends nothing, and Falco refuses to start: give a condition or"
                    " exceptions, or write override and name what you append",
                    name,
                )
        elif not any(key in keys for key in _REQUIRED):
            change = ENABLE
            if self._has(value, keys, "enabled", name):
                self._deprecated(keys["enabled"], "'enabled' alone", "enabled: replace", name)
        else:
            change = DEFINE
            for key in _REQUIRED:
                self._has(value, keys, key, name)
        texts = {key: keys[key].text(f"{key} of rule {name!r}") for key in _TEXTS if key in keys}
        flags = {key: keys[key].flag(f"{key} of rule {name!r}") for key in _FLAGS if key in keys}
        self._check_priority(texts, name)
        return RuleItem(
            name=name,
            place=value.place,
            change=change,
            overrides=overrides,
            texts={key: text for key, text in texts.items() if text},
            flags={key: flag for key, flag in flags.items() if flag is not None},
            tags=keys["tags"].texts(f"tags of rule {name!r}") if "tags" in keys else None,
            exceptions=self._exceptions(keys["exceptions"], name, change) if "exceptions" in keys else None,
        )

    def _check_priority(self, texts: Mapping[str, Text | None], name: str) -> None:
        priority = texts.get("priority")
        if priority and priority.value.lower() not in PRIORITIES:
            known = ", ".join(PRIORITIES).upper()
            meant = did_you_mean(priority.value, PRIORITIES)
            self._findings.error(
                "invalid-priority",
                priority.place,
                f"{priority.value!r} is no priority{meant}; use one of {known}",
                name,
            )

    def _exceptions(self, value: YamlValue, rule: str, change: str) -> tuple[RuleException, ...]:
        found: dict[str, RuleException] = {}
        for item in [] if value.is_null else value.items(f"exceptions of rule {rule!r}"):
            exception = self._exception(item, rule, change)
            if exception and exception.name in found:
                self._findings.warning(
                    "duplicate-exception",
                    item.place,
                    f"rule {rule!r} has two exceptions {exception.name!r}; rename one",
                    rule,
                )
            elif exception:
                found[exception.name] = exception
        return tuple(found.values())

    def _exception(self, value: YamlValue, rule: str, change: str) -> RuleException | None:
        keys = value.keys(f"an exception of rule {rule!r}")
        for key in keys:
            if key not in _OF_EXCEPTION:
                self._unknown_key(keys[key], key, "an exception", _OF_EXCEPTION)
        has_name = self._has(value, keys, "name", rule, "an exception of ")
        name = keys["name"].text("the name of an exception") if has_name else None
        if not name:
            return None
        what = f"of exception {name.value!r}"
        if change == DEFINE and not self._has(value, keys, "fields", rule, f"exception {name.value!r} of "):
            return None
        values = keys["values"].items(f"values {what}") if "values" in keys else []
        return RuleException(
            name=name.value,
            place=value.place,
            fields=self._entry(keys["fields"], f"fields {what}") if "fields" in keys else None,
            comps=self._entry(keys["comps"], f"comps {what}") if "comps" in keys else None,
            values=tuple(
                entry for entry in (self._entry(item, f"values {what}") for item in values) if entry is not None
            ),
            has_values="values" in keys,
        )

    def _entry(self, value: YamlValue, what: str, nesting: int = 0) -> Entry | None:
        if not value.is_list:
            return value.text(what)
        if nesting == _MAX_NESTING:
            self._findings.error("wrong-type", value.place, f"{what} are lists within too many lists")
            return None
        entries = (self._entry(item, what, nesting + 1) for item in value.items(what))
        return tuple(entry for entry in entries if entry is not None)

    def _appends(self, value: YamlValue, keys: Keys, key: str, name: str) -> bool:
        appends = "append" in keys and keys["append"].flag(f"append of {name!r}") is True
        if appends and "override" in keys:
            self._findings.error(
                "append-and-override", value.place, "append and override exclude each other; keep override", name
            )
        elif appends:
            self._deprecated(keys["append"], "'append: true'", f"{key}: append", name)
        return appends

    def _deprecated(self, value: YamlValue, what: str, override: str, name: str) -> None:
        text = f"{what} is deprecated; write override: {{{override}}}"
        self._findings.warning("deprecated-key", value.place, text, name)

    def _change(self, value: YamlValue, keys: Keys, key: str, name: str) -> str:
        appends = self._appends(value, keys, key, name)
        operation = self._overrides(keys, (key,), (key,), name).get(key)
        return operation or (APPEND if appends else DEFINE)

    def _overrides(
        self, keys: Keys, appendable: tuple[str, ...], replaceable: tuple[str, ...], name: str
    ) -> dict[str, str]:
        found = {}
        values = keys["override"].keys(f"override of {name!r}") if "override" in keys else {}
        for key, value in values.items():
            operation = value.text(f"override of {key}")
            if not operation:
                continue
            allowed = [word for word, known in ((APPEND, appendable), (REPLACE, replaceable)) if key in known]
            if operation.value in allowed:
                found[key] = operation.value
                continue
            reason = f"use {' or '.join(allowed)}" if allowed else f"only {', '.join(replaceable)} can be overridden"
            self._findings.error(
                "invalid-override", value.place, f"{key} cannot have the override {operation.value!r}; {reason}", name
            )
        return found

    def _check_overrides(self, value: YamlValue, keys: Keys, overrides: Mapping[str, str], name: str) -> None:
        for key in overrides:
            if key not in keys:
                self._findings.error(
                    "invalid-override", value.place, f"override names {key}, but the item has no {key}; add it", name
                )
        for key in keys:
            if key in _REPLACEABLE and key not in overrides:
                self._findings.error(
                    "invalid-override",
                    keys[key].place,
                    f"override does not name {key}; say append or replace for it, or drop it",
                    name,
                )

    def _has(self, value: YamlValue, keys: Keys, key: str, name: str, part: str = "") -> bool:
        if key not in keys:
            self._findings.error("missing-key", value.place, f"{key} of {part}{name!r} is missing", name)
        return key in keys

    def _plugins(self, value: YamlValue) -> tuple[tuple[str, ...], ...]:
        found = []
        for plugin in value.items("required_plugin_versions"):
            keys = plugin.keys("a required plugin")
            others = keys["alternatives"].items("alternatives") if "alternatives" in keys else []
            names = [self._plugin(plugin), *(self._plugin(other) for other in others)]
            found.append(tuple(name for name in names if name))
        return tuple(found)

    def _plugin(self, value: YamlValue) -> str:
        keys = value.keys("a required plugin")
        given = {key: keys[key].text(f"{key} of a required plugin") for key in ("name", "version") if key in keys}
        for key in ("name", "version"):
            if key not in keys:
                self._findings.error("missing-key", value.place, f"{key} of a required plugin is missing")
        version, name = given.get("version"), given.get("name")
        if version and not read_version(version.value):
            self._findings.error(
                "invalid-version", version.place, f"{version.value!r} is no version; write it as 0.7.0"
            )
        return name.value if name else ""
