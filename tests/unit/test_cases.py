# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the tests exist that tests/cases/README.md names."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_case_names_tests_that_exist() -> None:
    named = TEST.findall((CHECKOUT / "tests/cases/README.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    texts = {path: (CHECKOUT / path).read_text(encoding="utf-8") for path, _name in named}
    assert [f"{path}::{name}" for path, name in named if f"def {name}(" not in texts[path]] == []
