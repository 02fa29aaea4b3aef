# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that durations become what a Go program writes back."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.durations import canonical


# What Go 1.26 prints for time.ParseDuration of each.
@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("1h", "1h0m0s"),
        ("15m", "15m0s"),
        ("90m", "1h30m0s"),
        ("1h30m", "1h30m0s"),
        ("1.5h", "1h30m0s"),
        ("100h", "100h0m0s"),
        ("3600s", "1h0m0s"),
        ("2s", "2s"),
        ("2s500ms", "2.5s"),
        ("0.5s", "500ms"),
        ("500ms", "500ms"),
        ("0", "0s"),
        ("0s", "0s"),
    ],
)
def test_a_duration_is_spelled_as_go_does(text: str, printed: str) -> None:
    assert canonical(text) == printed
    assert canonical(printed) == printed
