# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amounts of CPU and memory as Kubernetes spells them. Pure.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2}|[KMGTPE]i|[numkMGTPE])?")
_FACTORS = {
    "": Decimal(1),
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
    **{letter: Decimal(1000) ** -power for power, letter in enumerate("mun", start=1)},
}


def parse_quantity(text: str) -> Decimal | None:
    """The amount, such as 0.5 for ``500m`` and 1024 for ``1Ki``; None if it is none, or negative."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    suffix = match[2] or ""
    if suffix in _FACTORS:
        return Decimal(match[1]) * _FACTORS[suffix]
    return Decimal(match[1] + suffix)
