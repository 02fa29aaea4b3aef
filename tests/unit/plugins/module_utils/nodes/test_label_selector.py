# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that selectors are read as the server reads them: test_node_claims.py asks it the same of the same table."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.label_selector import matches, parse_selector
from label_tables import LABELS, SELECTORS


@pytest.mark.parametrize(("selector", "expected"), {"": True, **SELECTORS}.items())
def test_what_a_selector_selects(selector: str, expected: bool) -> None:
    assert matches(parse_selector(selector), LABELS) is expected


@pytest.mark.parametrize("wrong", ["=gpu", "pool=a b", "pool in gpu", "pool in (gpu", "po ol", "-a=b", "a=not valid!"])
def test_what_is_no_selector_is_refused(wrong: str) -> None:
    with pytest.raises(HardeningError, match="no label selector"):
        parse_selector(wrong)
