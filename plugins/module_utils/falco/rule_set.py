# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules, macros and lists as Falco has them after it has read all files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Finding, Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import RuleException, RuleFile
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import JoinedText, Text

SYSCALL = "syscall"
"""The source of events that Falco has without any plugin."""
STOCK_CONDITION = "condition_of_a_stock_rule"
"""Stands for a condition that is not here, as it is in Falco's own rules, which a file changes."""


@dataclass(frozen=True)
class KnownNames:
    """Names that are defined although their files are not here: those of Falco's own rules.

    Attributes:
        rules: names of rules.
        macros: conditions of macros by name; one that is not known is empty.
        lists: names of lists.
        digests: what is defined word for word, see ``definition_digest``.
    """

    rules: frozenset[str] = frozenset()
    macros: Mapping[str, str] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()


NOTHING_KNOWN = KnownNames()


@dataclass(frozen=True)
class ResolvedList:
    """A list with all that was appended to it.

    Attributes:
        name: of the list.
        place: where it was last defined.
        items: as written; they may be names of other lists.
        index: its position among everything that was defined; a new definition keeps it.
        visibility: position of its last change; it can only use lists with a lower ``index``.
        complete: false if its first items are in Falco's own rules.
    """

    name: str
    place: Place
    items: tuple[Text, ...]
    index: int
    visibility: int
    complete: bool = True


@dataclass(frozen=True)
class ResolvedMacro:
    """A macro with all that was appended to it; ``index`` and ``visibility`` are as for a list."""

    name: str
    place: Place
    condition: JoinedText
    index: int
    visibility: int


@dataclass(frozen=True)
class ResolvedRule:
    """A rule with all changes that later items made to it.

    Attributes:
        name: of the rule.
        place: where it was last defined.
        condition: without the exceptions.
        output: the message.
        priority: as written; empty if it is in Falco's own rules.
        source: of its events; ``syscall`` if it names none.
        tags: all of them.
        exceptions: by name.
        enabled: whether it is switched on.
        warn_evttypes: whether to warn if it looks at events of every type.
        skip_if_unknown_filter: whether Falco leaves it out, without an error, if it does not know a field.
        complete: false if its definition is in Falco's own rules.
    """

    name: str
    place: Place
    condition: JoinedText
    output: JoinedText
    priority: str = ""
    source: str = SYSCALL
    tags: tuple[str, ...] = ()
    exceptions: Mapping[str, RuleException] = field(default_factory=dict, hash=False)
    enabled: bool = True
    warn_evttypes: bool = True
    skip_if_unknown_filter: bool = False
    complete: bool = True


@dataclass(frozen=True, eq=False)
class RuleSet:
    """What Falco knows after it has read some files. Each one is equal only to itself, so that it can be a key.

    Attributes:
        rules: by name, in the order in which Falco tries them.
        macros: by name.
        lists: by name.
        files: as they are written.
        stock: what is defined elsewhere.
        findings: what is wrong with the form of the files.
    """

    rules: Mapping[str, ResolvedRule]
    macros: Mapping[str, ResolvedMacro]
    lists: Mapping[str, ResolvedList]
    files: tuple[RuleFile, ...]
    stock: KnownNames
    findings: tuple[Finding, ...]
