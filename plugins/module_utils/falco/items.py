# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of Falco rule files as they are written, before later items change earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import Text

Entry: TypeAlias = "Text | tuple[Entry, ...]"
"""A text, or a list of entries."""

DEFINE = "define"
APPEND = "append"
REPLACE = "replace"
ENABLE = "enable"


@dataclass(frozen=True)
class ListItem:
    """A list of values. ``change`` is what it does to an earlier list of its name."""

    name: str
    place: Place
    items: tuple[Text, ...]
    change: str


@dataclass(frozen=True)
class MacroItem:
    """A condition with a name. ``change`` is what it does to an earlier macro of its name."""

    name: str
    place: Place
    condition: Text
    change: str


@dataclass(frozen=True)
class RuleException:
    """An exception of a rule: the fields to look at, how to compare them, and the values that are excepted.

    Attributes:
        name: of the exception.
        place: where it is.
        fields: one field, or a list of fields; None when it adds values to an earlier exception.
        comps: an operator, or one for each field; None for the default.
        values: with one field its values, with a list of fields a list of as many values each.
        has_values: whether the key is there at all.
    """

    name: str
    place: Place
    fields: Entry | None
    comps: Entry | None
    values: tuple[Entry, ...]
    has_values: bool


@dataclass(frozen=True)
class RuleItem:
    """A rule, or a change of an earlier rule.

    Attributes:
        name: of the rule.
        place: where the item is.
        change: ``define``, ``append`` (the old key ``append: true``), ``enable`` (nothing but ``enabled``),
            or ``replace`` for what ``override`` says.
        overrides: of each changed key, whether it is appended to or replaced.
        texts: its keys that are texts: condition, output, desc, priority, source.
        flags: its keys that are true or false: enabled, warn_evttypes, skip-if-unknown-filter.
        tags: None if the key is not there.
        exceptions: None if the key is not there.
    """

    name: str
    place: Place
    change: str
    overrides: Mapping[str, str] = field(default_factory=dict, hash=False)
    texts: Mapping[str, Text] = field(default_factory=dict, hash=False)
    flags: Mapping[str, bool] = field(default_factory=dict, hash=False)
    tags: tuple[Text, ...] | None = None
    exceptions: tuple[RuleException, ...] | None = None


@dataclass(frozen=True)
class EngineVersionItem:
    """The engine that a file asks for."""

    version: Text


@dataclass(frozen=True)
class PluginVersionsItem:
    """The plugins that a file asks for: names of alternatives, any one of which will do."""

    alternatives: tuple[tuple[str, ...], ...]
    place: Place


Item: TypeAlias = "ListItem | MacroItem | RuleItem | EngineVersionItem | PluginVersionsItem"


@dataclass(frozen=True)
class RuleFile:
    """A file and its items."""

    name: str
    items: tuple[Item, ...]
