# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is asked of the server, which nodes a selector reaches, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.survey import (
    Question,
    coverage,
    parse_question,
    survey,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node

FakeClients = Callable[..., Any]
SELECTOR = {"node-type": "gpu"}


def node(name: str, gpu: bool, labelled: bool) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "resourceVersion": "1", "labels": SELECTOR if labelled else {}},
        "status": {"allocatable": {"nvidia.com/gpu": "8"} if gpu else {}},
    }


def nodes(*kinds: tuple[str, bool, bool]) -> list[GpuNode]:
    return [gpu_node(node(*kind), "") for kind in kinds]


def daemon_set(name: str, image: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "ns", "name": name},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
    }


def test_one_paged_list_of_daemon_sets_and_no_look_at_nodes_unless_asked(fake_client: FakeClients) -> None:
    falco = daemon_set("falco", "docker.io/falcosecurity/falco:0.44.1")
    pages = [
        (200, {"metadata": {"continue": "next"}, "items": [daemon_set("web", "nginx")]}, {}),
        (200, {"metadata": {}, "items": [falco, falco]}, {}),
    ]
    fake = fake_client(pages)
    answer = survey(fake.client, Question(("falco",), (), {}))
    assert [found.name for found in answer.found] == ["falco"]
    assert "nodes" not in answer.result()
    assert [url.partition("?")[0] for _method, url, _options in fake.pool.asked] == [
        "https://fake:6443/apis/apps/v1/daemonsets"
    ] * 2


def test_nodes_are_counted_where_there_is_a_selector(fake_client: FakeClients) -> None:
    empty = (200, {"metadata": {}, "items": []}, {})
    listed = (200, {"metadata": {}, "items": [node("a", True, True), node("b", True, False)]}, {})
    answer = survey(fake_client([empty, listed]).client, Question(("falco",), (), SELECTOR))
    assert answer.result()["nodes"] == {"selected": 1, "gpu": 2, "left_out": ["b"], "unreached": []}


def test_nodes_are_taken_as_a_task_before_would_make_them(fake_client: FakeClients) -> None:
    empty = (200, {"metadata": {}, "items": []}, {})
    listed = (200, {"metadata": {}, "items": [node("a", True, False), node("b", True, False)]}, {})
    taint = {"key": "site.example/gpu", "value": "", "effect": "NoSchedule"}
    planned = {"a": {"labels": SELECTOR, "taints": []}, "b": {"labels": SELECTOR, "taints": [taint]}}
    question = Question(("device_plugin",), (), SELECTOR, planned=planned)
    found = survey(fake_client([empty, listed]).client, question).result()["nodes"]
    assert (found["selected"], found["left_out"]) == (2, [])
    assert [entry["node"] for entry in found["unreached"]] == ["b"]


@pytest.mark.parametrize(
    ("status", "missing", "warnings"),
    [(200, "", []), (404, "nvidia", ["There is no RuntimeClass nvidia, so pods that name it are refused."])],
)
def test_a_runtime_class_that_does_not_exist_is_warned_of(
    fake_client: FakeClients, status: int, missing: str, warnings: list[str]
) -> None:
    empty = (200, {"metadata": {}, "items": []}, {})
    answer = survey(fake_client([empty, (status, {}, {})]).client, Question(("falco",), (), {}, "nvidia"))
    assert answer.result()["missing_runtime_class"] == missing
    assert [text.partition(" The role")[0] for text in answer.warnings()] == warnings


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([("a", True, True), ("cpu", False, False)], []),
        (
            [("a", True, True), ("b", True, False)],
            ["1 of 2 GPU nodes lack the labels node-type=gpu and are left out: b. The role gpu_nodes sets them."],
        ),
        (
            [("a", True, False)],
            [
                "No node has the labels node-type=gpu, so nothing will run; 1 nodes have GPUs (a). "
                "The role gpu_nodes sets them."
            ],
        ),
        (
            [("cpu", False, False)],
            [
                "No node has the labels node-type=gpu, so nothing will run; no node shows a GPU. "
                "The role gpu_nodes sets them."
            ],
        ),
    ],
)
def test_a_selector_that_misses_gpu_nodes_is_warned_of(
    kinds: list[tuple[str, bool, bool]], expected: list[str]
) -> None:
    assert coverage(nodes(*kinds), SELECTOR).warnings() == expected


def test_invalid_labels_and_taints_are_refused() -> None:
    with pytest.raises(HardeningError) as caught:
        parse_question(
            {
                "components": ["falco"],
                "node_selector": {"node type": "gpu"},
                "runtime_class": "NVIDIA",
                "taints": [{"key": "a b", "value": "", "effect": "NoSchedule"}],
            }
        )
    assert "3 problems" in caught.value.message
    assert "runtime_class 'NVIDIA' must be" in caught.value.message
    assert "node_selector: key 'node type'" in caught.value.message
    assert "taints[0]: key 'a b'" in caught.value.message
