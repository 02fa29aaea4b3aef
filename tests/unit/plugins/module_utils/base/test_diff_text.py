# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user who reviews a change sees of it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.diff_text import MAIN_LINES, readable

LINES = "- rule: a\n  condition: x  \n\tand y\n"
HEAD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "a"}}}


def entry(name: str, before: Any, after: Any) -> dict[str, Any]:
    return {"before_header": name, "after_header": name, "before": before, "after": after}


def test_a_text_of_several_lines_is_a_block_of_them() -> None:
    (shown,) = readable([entry("a", {"data": {"k": "x"}}, {"data": {"k": LINES}})], whole=False)
    assert shown["before"] == "data:\n  k: x\n"
    for line in LINES.splitlines():
        assert f"    {line}\n" in shown["after"]
    assert yaml.safe_load(shown["after"].replace("\t", "    ")) == {"data": {"k": LINES.replace("\t", "    ")}}


def test_all_of_an_object_that_is_there_or_goes_is_shown() -> None:
    large = {**HEAD, "data": {f"k{number}": LINES for number in range(100)}}
    changed, deleted = readable([entry("a", large, {**large, "data": {}}), entry("b", large, {})], whole=False)
    for shown in (changed, deleted):
        assert shown["before"].count("rule: a") == 100
    assert deleted["after"] == ""


def test_of_new_objects_the_main_lines_are_one_entry() -> None:
    small = {**HEAD, "rules": [{"verbs": ["get", "list"]}]}
    large = {**HEAD, "data": {f"k{number:02}": "v" for number in range(100)}, "script": LINES}
    large["spec"] = [{"a": [1, {"b": 2}]}] * 30
    (shown,) = readable([entry("Role a (created)", {}, small), entry("ConfigMap b (created)", {}, large)], whole=False)
    assert shown["before"] == ""
    assert shown["before_header"] == "2 new, in short; -v shows all of them"
    assert shown["after"].startswith(
        "Role a (created)\n  rules:\n  - verbs: [get, list]\nConfigMap b (created)\n  data:"
    )
    assert len(shown["after"].splitlines()) <= 2 * (MAIN_LINES + 2)
    assert " more lines\n" in shown["after"]
    assert "rule: a" not in shown["after"]


def test_labels_of_a_new_object_that_every_object_has_are_not_main() -> None:
    namespace = {**HEAD, "metadata": {"labels": {"app.kubernetes.io/name": "x", "pod-security/enforce": "restricted"}}}
    (shown,) = readable([entry("Namespace a", {}, namespace)], whole=False)
    assert shown["after"] == "Namespace a\n  labels: {pod-security/enforce: restricted}\n"


def test_objects_that_change_in_the_same_way_are_one_entry_with_all_names() -> None:
    nodes = [entry(f"Node {name}", {"labels": {}}, {"labels": {"t": kind}}) for name, kind in ("ax", "bx", "cy")]
    assert [shown["after_header"] for shown in readable(nodes, whole=False)] == ["Node a, Node b", "Node c"]


def test_asked_for_the_whole_each_object_is_an_entry() -> None:
    entries = [entry("a", {}, {**HEAD, "data": {"k": LINES}}), entry("b", {}, HEAD), entry("c", {}, HEAD)]
    shown = readable(entries, whole=True)
    assert [each["after_header"] for each in shown] == ["a", "b", "c"]
    assert "- rule: a\n" in shown[0]["after"]


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_text_already_is_left(whole: bool) -> None:
    file = entry("a.yaml", "", "kind: x\n")
    assert readable([file], whole) == [file]
    assert readable([], whole) == []
