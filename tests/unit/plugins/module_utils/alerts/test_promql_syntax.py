# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which expressions are refused, and why. tests/integration/alerts asks promtool about the same ones."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.promql_syntax import expression_problem
from promql_samples import RIGHT, WRONG


@pytest.mark.parametrize("text", RIGHT)
def test_what_prometheus_takes_is_taken(text: str) -> None:
    assert expression_problem(text) is None


@pytest.mark.parametrize(("text", "problem"), WRONG.items())
def test_what_prometheus_refuses_is_refused(text: str, problem: str) -> None:
    assert problem in str(expression_problem(text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("up[5m]", "it gives a range vector, and a rule needs an instant vector or a number"),
        ('"up"', "it gives a string"),
    ],
)
def test_what_is_no_result_of_a_rule_is_refused(text: str, problem: str) -> None:
    assert problem in str(expression_problem(text))


@pytest.mark.parametrize("text", ["(" * 5000, "-" * 5000 + "1", "up + " * 5000 + "up", "sum(" * 5000])
def test_no_text_is_too_long_to_be_judged(text: str) -> None:
    expression_problem(text)
