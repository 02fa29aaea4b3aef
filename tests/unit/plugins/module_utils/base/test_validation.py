# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which values count as numbers."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry


@pytest.mark.parametrize(
    ("value", "number", "whole"),
    [
        (3, 3, 3),
        (2.5, 2.5, None),
        ("3", 3, 3),  # what Ansible before 2.19 makes of a number in a template
        ("-1", -1, -1),
        ("2.5", 2.5, None),
        ("", None, None),
        ("3 ", None, None),
        ("1e3", None, None),
        ("٣", None, None),
        (True, None, None),
        (None, None, None),
        ([3], None, None),
    ],
)
def test_a_number_is_one_also_where_a_template_made_text_of_it(
    value: object, number: float | None, whole: int | None
) -> None:
    entry = Entry("x", value)
    assert (entry.number(), entry.whole_number(), entry.problems) == (number, whole, [])
