# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amounts are read as the API server reads them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("8", 8),
        ("0", 0),
        ("500m", "0.5"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("2.", 2),
        ("1Ki", 1024),
        ("32Gi", 32 * 1024**3),
        ("1k", 1000),
        ("1M", 10**6),
        ("1E", 10**18),
        ("1Ei", 1024**6),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", "1.2"),
        ("100n", "1e-7"),
    ],
)
def test_an_amount(text: str, amount: int | str) -> None:
    assert parse_quantity(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "-1", "Gi", "1GiB", "1 Gi", "1gb", "1ki", "1K", "0x1", "1e", "1e100", "1,5", "٣"])
def test_what_is_no_amount(text: str) -> None:
    assert parse_quantity(text) is None
