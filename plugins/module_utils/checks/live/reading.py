# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod of a stage says of its connections, and what follows for probes and matrix. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.script import (
    CLOSED,
    OPEN,
    SILENT,
    UNREACHABLE,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.targets import Target

Json = Mapping[str, Any]
PREFIX = "connection "
"""What probes of connections begin with."""
_MEANING = {
    OPEN: ("allowed", "it connects"),
    CLOSED: ("allowed", "the machine answers that nobody listens"),
    SILENT: ("refused", "nobody answers"),
    UNREACHABLE: ("error", "there is no way to that address"),
}


@dataclass(frozen=True)
class Outcome:
    """What came of one connection: ``allowed``, ``refused`` or ``error``."""

    target: Target
    got: str
    message: str


def read_outcomes(pod: Json, wanted: Sequence[Target]) -> list[Outcome]:
    """Of a pod that has finished.

    Raises:
        ValueError: with what is wrong, where the pod does not say it.
    """
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    ended = (statuses[0].get("state") or {}).get("terminated") or {}
    message = str(ended.get("message") or "")
    try:
        letters = str(json.loads(message)["results"])
    except (ValueError, KeyError, TypeError):
        why = message or str(ended.get("reason") or (pod.get("status") or {}).get("reason") or "it says nothing")
        raise ValueError(f"the pod does not say what came of it: {why[:300]}") from None
    if len(letters) != len(wanted) or not set(letters) <= set(_MEANING):
        raise ValueError(f"the pod tells of {len(letters)} connections in another form than it was asked for")
    return [Outcome(one, *_MEANING[letter]) for one, letter in zip(wanted, letters, strict=True)]


def probes(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """As the report has them."""
    return [
        {
            "what": f"{PREFIX}from {one.target.source} to {one.target.destination}, TCP {one.target.port}",
            "object": None,
            "expected": "allowed" if one.target.allowed else "refused",
            "got": one.got,
            "message": f"{one.target.address}: {one.message}",
        }
        for one in outcomes
    ]


def overridden(matrix: Json, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """The matrix, with what was tried in place of what was computed. Pairs that had no cell get one."""
    cells = {(cell["from"], cell["to"]): dict(cell) for cell in matrix["cells"]}
    for one in outcomes:
        key = (one.target.source, one.target.destination)
        blank = {"from": key[0], "to": key[1], "ports": [], "allowed": False, "egress_by": [], "ingress_by": []}
        cell = cells.get(key, blank)
        if one.got == "allowed" and not one.target.allowed:
            cells[key] = _with(cell, [*cell["ports"], _port(one.target.port)])
        elif one.got == "refused" and one.target.allowed:
            parts = [part for entry in cell["ports"] for part in _without(entry, one.target.port)]
            cells[key] = _with(cell, parts)
    return {**matrix, "cells": list(cells.values())}


def _with(cell: Json, ports: Sequence[Json]) -> dict[str, Any]:
    order = sorted(ports, key=lambda port: (port["protocol"] != "TCP", str(port["protocol"]), _first(port)))
    return {**cell, "ports": order, "allowed": bool(order)}


def _without(entry: Json, port: int) -> list[Json]:
    """A range without one of its ports."""
    first, last = _first(entry), 65535 if entry["port"] == "*" else int(entry["end_port"] or entry["port"])
    if entry["protocol"] != "TCP" or not first <= port <= last:
        return [entry]
    return [_port(low, high) for low, high in ((first, port - 1), (port + 1, last)) if low <= high]


def _first(entry: Json) -> int:
    return 1 if entry["port"] == "*" else int(entry["port"])


def _port(first: int, last: int | None = None) -> dict[str, Any]:
    return {"port": first, "end_port": last if last is not None and last != first else None, "protocol": "TCP"}
