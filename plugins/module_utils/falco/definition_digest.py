# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells whether two definitions of a rule, macro or list are the same, whatever their blanks."""

from __future__ import annotations

import hashlib

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import (
    Entry,
    ListItem,
    MacroItem,
    RuleItem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import Text

_LENGTH = 10
"""Hexadecimal digits that are kept: two of a thousand definitions are alike by chance once in a billion times."""


def definition_digest(item: RuleItem | MacroItem | ListItem) -> str:
    """A short digest of what an item defines, its kind and its name included."""
    if isinstance(item, ListItem):
        parts: list[object] = ["list", item.name, [text.value for text in item.items]]
    elif isinstance(item, MacroItem):
        parts = ["macro", item.name, _words(item.condition.value)]
    else:
        exceptions = [
            (one.name, _plain(one.fields), _plain(one.comps), [_plain(value) for value in one.values])
            for one in item.exceptions or ()
        ]
        texts = {key: _words(text.value) for key, text in sorted(item.texts.items())}
        tags = [tag.value for tag in item.tags or ()]
        parts = ["rule", item.name, texts, sorted(item.flags.items()), tags, exceptions]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:_LENGTH]


def _words(text: str) -> str:
    return " ".join(text.split())


def _plain(entry: Entry | None) -> object:
    if entry is None:
        return None
    return entry.value if isinstance(entry, Text) else [_plain(one) for one in entry]
