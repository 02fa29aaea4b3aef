# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of ports by protocol, as sorted ranges that do not touch. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import Any

Range = tuple[int, int]
Ports = Mapping[str, tuple[Range, ...]]
"""By protocol, the ranges, both ends included. A protocol without ports is left out."""

PROTOCOLS = ("TCP", "UDP", "SCTP")
EVERY: Range = (1, 65535)
ALL: Ports = MappingProxyType(dict.fromkeys(PROTOCOLS, (EVERY,)))
NONE: Ports = {}


def union(parts: Iterable[Ports]) -> Ports:
    """What is in any of them."""
    ranges = sorted((protocol, one) for part in parts for protocol, some in part.items() for one in some)
    return {
        protocol: _joined(one for _protocol, one in group) for protocol, group in groupby(ranges, lambda pair: pair[0])
    }


def intersection(left: Ports, right: Ports) -> Ports:
    """What is in both."""
    found = {
        protocol: tuple(
            (max(a[0], b[0]), min(a[1], b[1]))
            for a in left[protocol]
            for b in right[protocol]
            if max(a[0], b[0]) <= min(a[1], b[1])
        )
        for protocol in left.keys() & right.keys()
    }
    return {protocol: tuple(sorted(ranges)) for protocol, ranges in found.items() if ranges}


def listed(ports: Ports) -> list[dict[str, Any]]:
    """For a report: ``{port, end_port, protocol}`` each; the port is ``*`` where it is any."""
    return [
        {
            "port": "*" if (first, last) == EVERY else first,
            "end_port": None if last == first or (first, last) == EVERY else last,
            "protocol": protocol,
        }
        for protocol in PROTOCOLS
        for first, last in ports.get(protocol, ())
    ]


def _joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Sorted ranges, those that overlap or touch as one."""
    result: list[Range] = []
    for first, last in ranges:
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return tuple(result)
