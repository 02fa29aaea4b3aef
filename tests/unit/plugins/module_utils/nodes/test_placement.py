# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves where pods of a DaemonSet are said to run, and which places are refused."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.placement import (
    read_node_selector,
    read_tolerations,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import untolerated


def test_each_taint_is_tolerated_and_no_other() -> None:
    taints = [
        {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"},
        {"key": "dedicated", "effect": "NoExecute"},
        {"key": "short"},
    ]
    tolerations = read_tolerations(Entry("taints", taints))
    assert tolerations == [
        {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"},
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"},
        {"key": "short", "operator": "Exists", "effect": "NoSchedule"},
    ]
    full = [*taints[:2], {"key": "short", "effect": "NoSchedule"}]
    foreign = {"key": "maintenance", "effect": "NoSchedule"}
    assert untolerated({"tolerations": tolerations}, [*full, foreign]) == [foreign]


@pytest.mark.parametrize(
    ("taints", "problem"),
    [
        ("nvidia.com/gpu", "taints: must be a list"),
        ([{"value": "x"}], "taints[0]: key is missing"),
        ([{"key": "a", "effect": "NoRun"}], "taints[0].effect: 'NoRun' is not one of NoSchedule"),
        ([{"key": "a b"}], "taints[0]: key 'a b'"),
        ([{"key": "a", "value": True}], "taints[0]: value of 'a' is True, not a string; quote it"),
    ],
)
def test_a_taint_that_cannot_be_is_refused(taints: object, problem: str) -> None:
    entry = Entry("taints", taints)
    read_tolerations(entry)
    assert problem in "\n".join(entry.problems)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({}, "selector: must not be empty, as that selects every node"),
        ({"a b": "c"}, "selector: key 'a b'"),
        ({"gpu": True}, "selector.gpu: must be a string, not true; quote it"),
        (["gpu"], "selector: must be a mapping"),
    ],
)
def test_labels_that_select_no_nodes_or_all_are_refused(labels: object, problem: str) -> None:
    entry = Entry("selector", labels)
    read_node_selector(entry)
    assert [text for text in entry.problems if text.startswith(problem)] == entry.problems[:1]


def test_labels_are_taken_as_they_are() -> None:
    entry = Entry("selector", {"node-type": "gpu"})
    assert read_node_selector(entry) == {"node-type": "gpu"}
    assert entry.problems == []
