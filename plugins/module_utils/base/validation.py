# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a user wrote, piece by piece, and remembers every problem with its path."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

REQUIRED = object()
"""In place of a default: the key must be given."""
OPTIONAL = object()
"""In place of a default: the key may be left out, and then its entry is not ``given``."""
_NOT_GIVEN = object()
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


@dataclass(frozen=True)
class Entry:
    """A value from the user, and where it stands.

    Readers return an empty value of their type after a problem, so that one run finds all problems.

    Attributes:
        path: such as ``stages[1].egress[0]``.
        value: as given.
        problems: one line for each problem found so far; shared by all entries below the same root.
    """

    path: str
    value: object
    problems: list[str] = field(default_factory=list)

    @property
    def given(self) -> bool:
        """Whether there is a value that can be read."""
        return self.value is not _NOT_GIVEN

    def refuse(self, problem: str | None) -> bool:
        """Note a problem, if there is one. Returns whether there was."""
        if problem:
            self.problems.append(f"{self.path}: {problem}")
        return bool(problem)

    def keys(self, known: Mapping[str, object]) -> dict[str, Entry]:
        """The entries of a mapping.

        Args:
            known: the keys it may have, with the default, ``REQUIRED`` or ``OPTIONAL``.
                A key set to null counts as left out.

        Returns:
            An entry for every known key.
        """
        given = self._mapping()
        if given is not None:
            for key in given:
                if key not in known:
                    self.refuse(f"no key {key!r} is known here{suggest(key, known)}")
        return {key: self._key(given, key, default) for key, default in known.items()}

    def named(self) -> dict[str, Entry]:
        """The entries of a mapping whose keys the user chooses."""
        return {
            str(key): Entry(f"{self.path}.{key}", value, self.problems)
            for key, value in (self._mapping() or {}).items()
        }

    def items(self) -> list[Entry]:
        """The entries of a list."""
        if not self.given:
            return []
        if not isinstance(self.value, list | tuple):
            self.refuse(f"must be a list, not {describe(self.value)}")
            return []
        return [Entry(f"{self.path}[{index}]", value, self.problems) for index, value in enumerate(self.value)]

    def texts(self) -> list[str]:
        """A list of strings."""
        return [item.text() for item in self.items()]

    def text(self) -> str:
        """A string."""
        if self.given and not isinstance(self.value, str):
            self.refuse(f"must be a string, not {describe(self.value)}; quote it")
        return str(self.value) if isinstance(self.value, str) else ""

    def filled_text(self) -> str:
        """A string that is not empty."""
        text = self.text()
        if not text:
            self.refuse("must not be empty")
        return text

    def choice(self, choices: Iterable[str]) -> str:
        """One of some strings."""
        text = self.text()
        if isinstance(self.value, str) and text not in (known := list(choices)):
            self.refuse(f"{text!r} is not one of {', '.join(known)}{did_you_mean(text, known)}")
        return text

    def flag(self) -> bool:
        """True or false."""
        if self.given and not isinstance(self.value, bool):
            self.refuse(f"must be true or false, not {describe(self.value)}")
        return self.value is True

    def number(self) -> float | None:
        """A number; None, without a word about it, if it is none.

        Before 2.19, Ansible makes text of a number that comes out of a template.
        """
        if isinstance(self.value, str) and _NUMBER.fullmatch(self.value):
            return float(self.value) if "." in self.value else int(self.value)
        return self.value if isinstance(self.value, int | float) and not isinstance(self.value, bool) else None

    def whole_number(self) -> int | None:
        """The same, if it is a whole number."""
        number = self.number()
        return number if isinstance(number, int) else None

    def strings(self) -> dict[str, str]:
        """A mapping of strings to strings."""
        return {key: value.text() for key, value in self.named().items()}

    def _key(self, given: Mapping[object, object] | None, key: str, default: object) -> Entry:
        value = None if given is None else given.get(key)
        if value is None:
            value = _NOT_GIVEN if default in (REQUIRED, OPTIONAL) or given is None else default
            if default is REQUIRED and given is not None:
                self.refuse(f"{key} is missing")
        return Entry(f"{self.path}.{key}", value, self.problems)

    def _mapping(self) -> Mapping[object, object] | None:
        if isinstance(self.value, Mapping):
            return self.value
        if self.given:
            self.refuse(f"must be a mapping, not {describe(self.value)}")
        return None


def describe(value: object) -> str:
    """A value in a message: its kind if it is a collection or null, or else itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else repr(value)


def suggest(word: object, known: Iterable[str]) -> str:
    """What the user may have meant, or all that is known: the end of a message about an unknown word."""
    words = sorted(known)
    return did_you_mean(word, words) or (f" (known: {', '.join(words)})" if words else "")


def did_you_mean(word: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The known word that is closest, or nothing; case does not count."""
    folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(str(word).casefold(), folded, n=1, cutoff=cutoff)
    return f" (did you mean {folded[close[0]]}?)" if close else ""
