# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups alerts and proposes exceptions for them, for people to accept or not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.alerts import (
    Alert,
    before_secret,
    without_secrets,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.exceptions import operators
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import RuleException
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import ResolvedRule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import Text

CERTAIN = "ml_certain"
"""The tag of rules for which no exception is proposed: what they see is to be looked at."""
MOST_ROWS = 10
"""A proposal with more cases than these would be accepted unread."""
_BY_BEGINNING = "startswith"
_LONGEST = 300
_QUOTING = ("\\", '"')
"""What Falco takes for its own in a value."""


@dataclass(frozen=True)
class Group:
    """Alerts of one rule on one program of one image, below one parent.

    Attributes:
        rule: name of the rule.
        image: repository; empty where Falco did not know it.
        process: name of the program.
        parent: name of its parent.
        count: how many alerts.
        first: time of the first.
        last: time of the last.
        example: a command line, without secrets.
        exception: name of the proposed exception; empty if none is proposed.
        values: one list for each case, in the order of the exception's fields.
        reason: why none is proposed; empty if one is.
    """

    rule: str
    image: str
    process: str
    parent: str
    count: int
    first: str
    last: str
    example: str
    exception: str = ""
    values: tuple[tuple[str, ...], ...] = ()
    reason: str = ""

    def as_dict(self) -> dict[str, object]:
        """As a module returns it."""
        return {**self.__dict__, "values": [list(row) for row in self.values]}


@dataclass
class _Collected:
    alerts: list[Alert] = field(default_factory=list)


def group_alerts(alerts: Iterable[Alert], rules: Mapping[str, ResolvedRule]) -> list[Group]:
    """Group alerts and propose an exception for each group.

    Args:
        alerts: in any order.
        rules: by name, with the exceptions that they have.

    Returns:
        The groups, the one with the most alerts first.
    """
    collected: dict[tuple[str, str, str, str], _Collected] = {}
    for alert in alerts:
        key = (
            alert.rule,
            alert.text("container.image.repository"),
            alert.text("proc.name"),
            alert.text("proc.pname"),
        )
        collected.setdefault(key, _Collected()).alerts.append(alert)
    groups = [_group(*key, found.alerts, rules.get(key[0])) for key, found in collected.items()]
    return sorted(groups, key=lambda group: (-group.count, group.rule, group.image, group.process, group.parent))


def falco_exceptions(groups: Iterable[Group]) -> list[dict[str, object]]:
    """What is proposed, in the form of the role's variable ``falco_exceptions``; each case once."""
    merged: dict[tuple[str, str], dict[tuple[str, ...], None]] = {}
    for group in groups:
        if group.exception:
            merged.setdefault((group.rule, group.exception), {}).update(dict.fromkeys(group.values))
    return [
        {"rule": rule, "name": name, "values": [list(row) for row in rows]} for (rule, name), rows in merged.items()
    ]


def _group(
    rule_name: str, image: str, process: str, parent: str, alerts: Sequence[Alert], rule: ResolvedRule | None
) -> Group:
    times = sorted(alert.time for alert in alerts)
    example = without_secrets(alerts[0].text("proc.cmdline"))[:_LONGEST]
    name, rows, reason = _proposal(alerts, rule)
    return Group(
        rule_name, image, process, parent, len(alerts), times[0], times[-1], example, name, tuple(rows), reason
    )


def _proposal(alerts: Sequence[Alert], rule: ResolvedRule | None) -> tuple[str, list[tuple[str, ...]], str]:
    """Name and rows of the narrowest exception that all alerts have the fields of; or why there is none."""
    if any(CERTAIN in alert.tags for alert in alerts) or (rule and CERTAIN in rule.tags):
        return "", [], "what this rule sees is certain: look at it, and switch the rule off if it must be"
    if rule is None:
        return "", [], "the rule is not among those that were given, so its exceptions are not known"
    for exception in sorted(rule.exceptions.values(), key=lambda one: -len(_names(one))):
        rows = _rows(alerts, exception)
        if rows and len(rows) <= MOST_ROWS:
            return exception.name, rows, ""
    return "", [], f"no exception of the rule holds all of these in {MOST_ROWS} cases; write one by hand"


def _names(exception: RuleException) -> tuple[str, ...]:
    entries = exception.fields if isinstance(exception.fields, tuple) else ()
    return tuple(entry.value for entry in entries if isinstance(entry, Text))


def _rows(alerts: Sequence[Alert], exception: RuleException) -> list[tuple[str, ...]]:
    """The cases of an exception that hold all alerts; none if a field is missing or would say nothing."""
    names = _names(exception)
    compared = operators(exception) if names else ()
    if not names or any(operator not in ("=", _BY_BEGINNING) for operator in compared):
        return []
    alike: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for alert in alerts:
        row = tuple(alert.text(name) for name in names)
        exact = tuple(cell for cell, operator in zip(row, compared, strict=True) if operator == "=")
        if not all(row) or any(character in cell for cell in row for character in _QUOTING):
            return []
        if any(before_secret(cell) != cell for cell in exact):
            return []
        alike.setdefault(exact, []).append(row)
    found: dict[tuple[str, ...], None] = {}
    for rows in alike.values():
        cases = _cases(rows, names, compared)
        if not cases:
            return []
        found.update(dict.fromkeys(cases))
    return list(found)


def _cases(rows: Sequence[tuple[str, ...]], names: Sequence[str], compared: Sequence[str]) -> list[tuple[str, ...]]:
    """One case for all rows, if what they begin with says enough; otherwise one for each."""
    together = tuple(
        _beginning([row[column] for row in rows], names[column]) if operator == _BY_BEGINNING else rows[0][column]
        for column, operator in enumerate(compared)
    )
    if all(together):
        return [together]
    each = [
        tuple(
            _beginning([cell], name) if operator == _BY_BEGINNING else cell
            for cell, name, operator in zip(row, names, compared, strict=True)
        )
        for row in rows
    ]
    return sorted(set(each)) if all(all(case) for case in each) else []


def _beginning(values: Sequence[str], name: str) -> str:
    """What texts begin with, up to a whole word or folder, without secrets; empty if it says too little."""
    shown = [before_secret(value) if name.endswith("cmdline") else value for value in values]
    if shown == list(values) and len(set(shown)) == 1:
        return shown[0]
    length = next(
        (at for at, letters in enumerate(zip(*shown, strict=False)) if len(set(letters)) > 1), min(map(len, shown))
    )
    separator = " " if name.endswith("cmdline") else "/"
    cut = shown[0][:length]
    cut = cut[: cut.rfind(separator) + 1]
    return cut if len(cut.strip(separator).split(separator)) > 1 else ""
