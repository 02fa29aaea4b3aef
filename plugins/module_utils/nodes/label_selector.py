# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label selectors as kubectl takes them, and the ones in pod specs. Pure, so that nodes are listed only once.

Source: k8s.io/apimachinery/pkg/labels and the operators of NodeSelectorRequirement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    label_key_problem,
    label_value_problem,
)

_KEY = r"(?P<key>[^\s!=<>(),]+)"
_PART = re.compile(
    rf"\s*(?:!\s*(?P<absent>[^\s!=<>(),]+)|{_KEY}(?:"
    r"\s*(?P<sign>==|=|!=|>|<)\s*(?P<value>[^\s!=<>(),]*)"
    r"|\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)"
)
_SIGNS = {"=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt", "in": "In", "notin": "NotIn"}


@dataclass(frozen=True)
class Requirement:
    """One condition; the operators are those of the API: In, NotIn, Exists, DoesNotExist, Gt, Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it. One without the label meets NotIn."""
        value = labels.get(self.key)
        if self.operator in ("DoesNotExist", "NotIn"):
            return value is None or (self.operator == "NotIn" and value not in self.values)
        if value is None:
            return False
        if self.operator == "Exists":
            return True
        if self.operator in ("Gt", "Lt"):
            return _is_beyond(value, self.operator, self.values)
        return self.operator == "In" and value in self.values


def parse_selector(text: str) -> tuple[Requirement, ...]:
    """Read a selector such as ``pool in (gpu, big),!drained``; empty for none.

    Raises:
        HardeningError: it is no selector.
    """
    found: list[Requirement] = []
    place = 0
    while place < len(text):
        match = _PART.match(text, place)
        if match is None or match.end() == place:
            raise HardeningError(f"{text!r} is no label selector, such as pool=gpu or pool in (gpu, big),!drained.")
        found.append(_requirement(match, text))
        place = match.end()
    return tuple(found)


def read_expressions(items: Iterable[Mapping[str, Any]]) -> tuple[Requirement, ...]:
    """Read ``matchExpressions``, or what else of the API has their form."""
    return tuple(Requirement(item["key"], item["operator"], tuple(item.get("values") or ())) for item in items)


def read_label_selector(raw: Mapping[str, Any]) -> tuple[Requirement, ...]:
    """Read a LabelSelector of the API: ``matchLabels`` and ``matchExpressions``; an empty one is about everything."""
    equal = tuple(Requirement(key, "In", (value,)) for key, value in (raw.get("matchLabels") or {}).items())
    return equal + read_expressions(raw.get("matchExpressions") or ())


def matches(requirements: Sequence[Requirement], labels: Mapping[str, str]) -> bool:
    """Whether labels meet all of them."""
    return all(requirement.holds(labels) for requirement in requirements)


def _requirement(match: re.Match[str], text: str) -> Requirement:
    key = match["absent"] or match["key"]
    if match["absent"]:
        found = Requirement(key, "DoesNotExist")
    elif match["sign"] or match["word"]:
        raw = match["values"].split(",") if match["word"] else [match["value"]]
        found = Requirement(key, _SIGNS[match["sign"] or match["word"]], tuple(value.strip() for value in raw))
    else:
        found = Requirement(key, "Exists")
    problems = [label_key_problem(key), *(label_value_problem(key, value) for value in found.values)]
    for problem in filter(None, problems):
        raise HardeningError(f"{text!r} is no label selector: {problem}")
    return found


def _is_beyond(value: str, operator: str, bounds: Sequence[str]) -> bool:
    try:
        difference = int(value) - int(bounds[0])
    except (ValueError, IndexError):
        return False
    return difference > 0 if operator == "Gt" else difference < 0
