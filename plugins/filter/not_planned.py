# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that leaves out what earlier layers of a run would make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

MADE_FROM = {"ExternalSecret": "Secret"}
"""What an operator makes of an object, in its namespace and with its name."""


def not_planned(requires: Iterable[Mapping[str, Any]], results: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """See plugins/filter/not_planned.yml."""
    planned = {
        (kind, item.get("namespace") or "", item["name"])
        for result in results
        for item in result.get("objects") or ()
        if item["action"] not in ("deleted", "released")
        for kind in (item["kind"], MADE_FROM.get(item["kind"], item["kind"]))
    }
    return [entry for entry in requires if (entry["kind"], entry.get("namespace") or "", entry["name"]) not in planned]


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., list[Mapping[str, Any]]]]:
        """The filters by name."""
        return {"not_planned": not_planned}
