# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of users in PromQL: each matches itself and nothing else."""

from __future__ import annotations

import re

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts import promql


@pytest.mark.parametrize(
    ("text", "written"),
    [("plain", '"plain"'), ('a"b', r'"a\"b"'), ("a\\b", r'"a\\b"'), ("a\nb", r'"a\nb"')],
)
def test_a_string_stays_in_its_quotes(text: str, written: str) -> None:
    assert promql.string(text) == written


@pytest.mark.parametrize("text", ["ml.trainer", "a|b", "(x)", "a+b*c?", "[a-z]{5}", "^$", "\\d"])
def test_an_escaped_name_matches_only_itself(text: str) -> None:
    assert re.fullmatch(promql.escape(text), text)
    assert not re.fullmatch(promql.escape("ml.trainer"), "mlxtrainer")


@pytest.mark.parametrize(
    ("names", "written"),
    [
        ([], '""'),
        (["b", "a", "b"], '"a|b"'),
        (["a.b"], r'"a\\.b"'),
        (['x"} or vector(1) #'], r'"x\"\\} or vector\\(1\\) #"'),
    ],
)
def test_any_of(names: list[str], written: str) -> None:
    assert promql.any_of(names) == written


def test_matchers() -> None:
    assert promql.matchers({"namespace": "falco", "name": 'a"b'}) == r'namespace="falco", name="a\"b"'


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("node-type", "label_node_type"),
        ("node-restriction.kubernetes.io/node-type", "label_node_restriction_kubernetes_io_node_type"),
        ("gpuType", "label_gpu_type"),
        ("GPU", "label_gpu"),
    ],
)
def test_a_label_is_named_as_kube_state_metrics_names_it(key: str, label: str) -> None:
    assert promql.kube_label(key) == label


@pytest.mark.parametrize("text", ["0", "0s", "5m", "1h30m", "1d", "90s", "500ms", "1y2w3d4h5m6s7ms"])
def test_durations(text: str) -> None:
    assert promql.duration_problem(text) is None


@pytest.mark.parametrize("text", ["", "5", "5 m", "m5", "30m1h", "-5m", "5min", "1.5h", "5m\n"])
def test_what_is_no_duration(text: str) -> None:
    assert "is no duration" in str(promql.duration_problem(text))


@pytest.mark.parametrize("text", ["0", "0s", "0h0m"])
def test_a_duration_that_must_be_positive(text: str) -> None:
    assert "longer than nothing" in str(promql.duration_problem(text, positive=True))
