# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Go's ``time.Duration`` reads and prints them. Pure.

Source: https://pkg.go.dev/time#ParseDuration and https://pkg.go.dev/time#Duration.String
"""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")


def canonical(text: str) -> str:
    """A duration such as ``90m`` the way Go prints it: ``1h30m0s``.

    What a Go program writes back is the same text then, and no change of ours.
    """
    total = sum(int(Decimal(number) * _UNITS[unit]) for number, unit in _PART.findall(text))
    if 0 < total < _UNITS["s"]:
        return f"{_plain(total, 'ms')}ms"
    minutes, rest = divmod(total, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_plain(rest, 's')}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _plain(nanoseconds: int, unit: str) -> str:
    number = Decimal(nanoseconds) / _UNITS[unit]
    return f"{number.normalize():f}"
