# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds names of lists that Falco would silently take for words, and words that it would take for lists.

Falco never refuses the name of a list: one that is not defined is a word like any other, so that
``not image in (aproved_images)`` is always true.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.conditions import (
    parse_values,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.event_types import EVENT_TYPES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.exceptions import quoted_if_needed
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.passages import Passage
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.resolution import (
    lists_in_order,
    replace_list_names,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import ResolvedList, RuleSet
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (
    Check,
    ConditionError,
    MacroReference,
    Value,
    checks,
    leaves,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import Text

_NAME = re.compile(r"[a-zA-Z]\w*")
_BLANKS_AND_SIGNS = re.compile(r"[ \t\r\n(),=]")
_CLOSE = 0.8
_CLOSE_WITHOUT_UNDERSCORE = 0.9
_SHORTEST_WITHOUT_UNDERSCORE = 8
_HAS_NAMES_WITH_UNDERSCORES = ("proc.", "user.", "group.", "evt.")
_WORDS_OF_LISTS = re.compile(
    "(addresses|binaries|commands|containers|devices|dirs|directories|domains|extensions|files|hosts|images|items|lists?"
    "|names|namespaces|networks|paths|pods|pools|ports|processes|procs|programs|registries|repositories|servers|tools"
    "|types|users)"
)


def check_lists(rule_set: RuleSet, passages: list[Passage], findings: Findings) -> None:
    """Note everything that is wrong with lists and with the use of their names."""
    _Lists(rule_set, passages, findings).check()


class _Lists:
    def __init__(self, rule_set: RuleSet, passages: list[Passage], findings: Findings) -> None:
        self._rule_set = rule_set
        self._passages = passages
        self._findings = findings
        self._known = frozenset(rule_set.lists) | rule_set.stock.lists

    def check(self) -> None:
        for one in self._rule_set.lists.values():
            for item in one.items:
                self._check_item(one, item)
        for passage in self._passages:
            for leaf in leaves(passage.condition):
                if isinstance(leaf, MacroReference):
                    self._check_macro_name(passage, leaf)
                else:
                    self._check_values(passage, leaf)
        self._check_nesting()
        self._check_unused()

    def _check_item(self, one: ResolvedList, item: Text) -> None:
        try:
            values = parse_values(quoted_if_needed(item.value))
        except ConditionError:
            values = ()
        if len(values) != 1:
            quote = "'" if '"' in item.value else '"'
            self._findings.error(
                "unquoted-item",
                item.place,
                f"Falco puts item {item.value!r} of list {one.name!r} into conditions as it is, and there it is not one"
                f" value; give it quotes of its own: '{quote}{item.value}{quote}'",
                one.name,
            )
        elif (
            "_" in item.value
            and not values[0].quoted
            and self._meant(item.value, _CLOSE)
            and not self._is_list(item.value)
        ):
            self._findings.warning(
                "undefined-list",
                item.place,
                f"item {item.value!r} of list {one.name!r} is no list, but a word like any other"
                f" (did you mean {self._meant(item.value, _CLOSE)}?)",
                one.name,
            )

    def _check_macro_name(self, passage: Passage, reference: MacroReference) -> None:
        if reference.name in self._rule_set.lists and reference.name in self._rule_set.macros:
            self._findings.error(
                "list-replaces-word",
                passage.locate(reference.offset),
                f"{reference.name!r} is a list and a macro; Falco puts the items of the list here. Rename one of them",
                passage.owner,
            )

    def _check_values(self, passage: Passage, check: Check) -> None:
        for value in check.values:
            if value.quoted:
                self._check_quoted(passage, value)
            elif not check.listed:
                self._check_single(passage, check, value)
            elif not self._is_list(value.text):
                self._check_undefined(passage, check, value)

    def _check_quoted(self, passage: Passage, value: Value) -> None:
        inside = _BLANKS_AND_SIGNS.split(value.text)[1:-1]
        for name in sorted(self._known.intersection(inside)):
            self._findings.warning(
                "list-replaces-word",
                passage.locate(value.offset),
                f"Falco puts the items of list {name!r} into the text {value.text!r}, quotes or not; rename the list",
                passage.owner,
            )

    def _check_single(self, passage: Passage, check: Check, value: Value) -> None:
        """Where one value stands without parentheses, a list can stand only if it has one item."""
        if not self._is_list(value.text):
            if check.operator in ("in", "intersects", "pmatch"):
                self._check_undefined(passage, check, value)
            return
        one = self._rule_set.lists.get(value.text)
        if one and len(self._items(value)) != 1:
            self._findings.error(
                "list-without-parentheses",
                passage.locate(value.offset),
                f"list {value.text!r} has {len(one.items)} items, which Falco cannot put here without parentheses;"
                f" write {check.field.key} in ({value.text})",
                passage.owner,
            )
        elif check.operator not in ("in", "intersects", "pmatch"):
            self._findings.warning(
                "list-replaces-word",
                passage.locate(value.offset),
                f"{value.text!r} is the name of a list, so Falco puts its items here, not the word; write"
                f" in ({value.text}) if you mean the list, and quotes if you mean the word",
                passage.owner,
            )

    def _check_undefined(self, passage: Passage, check: Check, value: Value) -> None:
        word, alone = value.text, len(check.values) == 1
        if not _NAME.fullmatch(word) or (check.field.name in ("evt.type", "syscall.type") and word in EVENT_TYPES):
            return
        if "_" not in word:
            close = self._meant(word, _CLOSE_WITHOUT_UNDERSCORE) if len(word) >= _SHORTEST_WITHOUT_UNDERSCORE else ""
            suspicious, severe = bool(close) and alone, False
        else:
            close = self._meant(word, _CLOSE)
            looks_like_a_list = any(map(_WORDS_OF_LISTS.fullmatch, word.lower().split("_")))
            is_no_name = not check.field.name.startswith(_HAS_NAMES_WITH_UNDERSCORES)
            suspicious = bool(close) or alone or looks_like_a_list
            severe = bool(close) or (alone and (looks_like_a_list or is_no_name))
        if suspicious:
            note = self._findings.error if severe else self._findings.warning
            meant = f" (did you mean {close}?)" if close else ""
            note(
                "undefined-list",
                passage.locate(value.offset),
                f"nothing defines a list {word!r}{meant}, so Falco compares with the word {word!r}; define the list,"
                " or put the word in quotes if you mean it",
                passage.owner,
            )

    def _check_nesting(self) -> None:
        ordered = lists_in_order(self._rule_set)
        for name, passage, value in self._uses():
            left = [item.text for item in self._items(value) if not item.quoted and item.text in self._rule_set.lists]
            for inner in sorted(set(left) - {name}):
                outer = next(one for one in ordered if one.name == name)
                self._findings.error(
                    "list-not-replaced",
                    outer.place,
                    f"{passage.owner!r} uses list {name!r}, but Falco does not look into list {inner!r} then: it is a"
                    " list in a list in a list. Put its items into the list that uses it",
                    name,
                )

    def _check_unused(self) -> None:
        used = {name for name, _passage, _value in self._uses()}
        used |= {item.value for one in self._rule_set.lists.values() for item in one.items}
        for one in self._rule_set.lists.values():
            if one.name not in used and one.name not in self._rule_set.stock.lists:
                self._findings.warning(
                    "unused-list",
                    one.place,
                    f"no condition or list uses list {one.name!r}; drop it, or look for a misspelt name",
                    one.name,
                )

    def _uses(self) -> Iterator[tuple[str, Passage, Value]]:
        for passage in self._passages:
            for check in checks(passage.condition):
                for value in check.values:
                    if not value.quoted and value.text in self._rule_set.lists:
                        yield value.text, passage, value

    def _items(self, value: Value) -> list[Value]:
        try:
            return replace_list_names([value], lists_in_order(self._rule_set), self._rule_set)
        except ConditionError:
            return [value]  # noted with the item

    def _is_list(self, word: str) -> bool:
        return word in self._known

    def _meant(self, word: str, cutoff: float) -> str:
        close = difflib.get_close_matches(word, self._known, n=1, cutoff=cutoff)
        return close[0] if close else ""
