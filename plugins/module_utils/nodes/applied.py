# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we set on each node and what was there before, so that giving it up brings that back. Pure.

It is kept with the layer and not on the node: a kubelet may write annotations of its own node, and what was there
before is set again by whoever gives the layer up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Was: TypeAlias = "tuple[str, str | None]"
"""The value that we set, and the one before; None if there was none."""


@dataclass(frozen=True)
class Applied:
    """What we set on one node.

    Attributes:
        labels: by key.
        taints: values by slot, ``key:effect``.
    """

    labels: Mapping[str, Was] = field(default_factory=dict)
    taints: Mapping[str, Was] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.labels or self.taints)


NOTHING = Applied()


def read_applied(document: object) -> dict[str, Applied]:
    """By node, as :func:`write_applied` wrote it. What is malformed counts as nothing."""
    nodes = document if isinstance(document, Mapping) else {}
    return {
        str(name): Applied(_read(entry.get("labels")), _read(entry.get("taints")))
        for name, entry in nodes.items()
        if isinstance(entry, Mapping)
    }


def write_applied(nodes: Mapping[str, Applied]) -> dict[str, Any]:
    """For JSON; nodes on which nothing is ours are left out."""
    return {
        name: {
            "labels": {key: list(was) for key, was in applied.labels.items()},
            "taints": {slot: list(was) for slot, was in applied.taints.items()},
        }
        for name, applied in sorted(nodes.items())
        if applied
    }


def _read(values: object) -> dict[str, Was]:
    if not isinstance(values, Mapping):
        return {}
    return {
        str(key): (str(was[0]), None if was[1] is None else str(was[1]))
        for key, was in values.items()
        if isinstance(was, list) and len(was) == 2
    }
