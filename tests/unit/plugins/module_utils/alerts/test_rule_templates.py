# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which templates of labels and annotations are refused. tests/integration/alerts asks promtool, too."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.rule_templates import template_problem
from template_samples import RIGHT, WRONG


@pytest.mark.parametrize("text", RIGHT)
def test_what_prometheus_takes_is_taken(text: str) -> None:
    assert template_problem(text) is None


@pytest.mark.parametrize(("text", "problem"), WRONG.items())
def test_what_prometheus_refuses_is_refused(text: str, problem: str) -> None:
    assert template_problem(text) == problem
