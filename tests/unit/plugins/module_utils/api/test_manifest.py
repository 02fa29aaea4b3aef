# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which manifests are accepted, what they become, and that every mistake is named with its place."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import parse_manifests, without_nulls
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError


def config_map(**changes: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": "ns"}, **changes}


def test_lists_are_expanded_to_any_depth_and_empty_documents_skipped() -> None:
    inner = {"apiVersion": "v1", "kind": "List", "items": [config_map(metadata={"name": "b"})]}
    outer = {"apiVersion": "v1", "kind": "List", "items": [config_map(metadata={"name": "a"}), None, inner]}
    parsed = parse_manifests([None, outer])
    assert [(manifest.where, manifest.name) for manifest in parsed] == [
        ("manifests[1].items[0]", "a"),
        ("manifests[1].items[2].items[0]", "b"),
    ]


def test_a_list_of_one_kind_is_its_items() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a", "namespace": "ns"}}
    typed = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleList", "metadata": {}, "items": [role]}
    bare = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"metadata": {"name": "b"}, "data": {"x": "y"}}]}
    empty = {"apiVersion": "v1", "kind": "SecretList", "items": None}
    parsed = parse_manifests([typed, bare, empty, {"apiVersion": "v1", "kind": "List", "items": None}])
    assert [(manifest.where, manifest.title) for manifest in parsed] == [
        ("manifests[0].items[0]", "Role ns/a"),
        ("manifests[1].items[0]", "ConfigMap b"),
    ]
    assert parsed[1].body == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"x": "y"}}


def test_an_object_whose_kind_only_ends_like_a_list_is_an_object() -> None:
    allow = {"apiVersion": "example.org/v1", "kind": "AllowList", "metadata": {"name": "a"}, "spec": {"items": []}}
    named = {**allow, "metadata": {"name": "b"}, "items": ["10.0.0.0/8"]}
    assert [manifest.title for manifest in parse_manifests([allow, named])] == ["AllowList a", "AllowList b"]


def test_titles_and_groups_are_what_people_say() -> None:
    (one,) = parse_manifests([config_map()])
    (node,) = parse_manifests([{"apiVersion": "apps/v1", "kind": "X", "metadata": {"name": "x"}}])
    assert (one.title, one.group, node.title, node.group) == ("ConfigMap ns/one", "", "X x", "apps")


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({"apiVersion": "v1", "kind": "ConfigMapList"}, "items is missing or not a list"),
        ({"apiVersion": "v1", "kind": "ConfigMapList", "items": {"a": 1}}, "items is missing or not a list"),
        ({"apiVersion": "v1", "kind": "List"}, "items is missing or not a list"),
        ({"apiVersion": "v1", "kind": "ConfigMapList", "items": [7]}, "items[0] is not a mapping but int"),
        (config_map(data={1: "a"}), "the key data.1 is not a string; quote it"),
        (config_map(data={"a": [{True: "b"}]}), "the key data.a[0].True is not a string"),
        (config_map(metadata={"name": ".."}), "'..' is not a valid name"),
        (config_map(metadata={"name": "x", "namespace": ""}), "metadata.namespace '' is not a valid namespace"),
        (config_map(metadata={"generateName": "x-"}), "generateName cannot be applied repeatedly"),
        (config_map(kind=["ConfigMap"]), "kind is missing or not a string"),
        (config_map(kind="Secret", stringData={"a": 1}), "stringData.a is not a string; quote it"),
        (config_map(kind="Secret", stringData="a"), "stringData is not a mapping"),
        (config_map(kind="Secret", stringData={"a": "b"}, data="c"), "data is not a mapping"),
    ],
)
def test_mistakes_are_named(document: object, part: str) -> None:
    with pytest.raises(HardeningError) as caught:
        parse_manifests([document])
    assert caught.value.message.startswith("Malformed manifests, nothing was changed: manifests[0]")
    assert part in caught.value.message


def test_all_mistakes_are_named_together() -> None:
    with pytest.raises(HardeningError) as caught:
        parse_manifests([7, config_map(kind=None), config_map(), config_map()])
    assert "(3 problems)" in caught.value.message
    assert caught.value.message.count("\n- manifests[") == 3


def test_an_identity_is_the_same_in_every_version_of_a_group() -> None:
    versions = [{**config_map(), "apiVersion": version} for version in ("apps/v1", "apps/v1beta1", "batch/v1")]
    with pytest.raises(HardeningError, match=r"manifests\[1\] is ConfigMap ns/one, and so is manifests\[0\]"):
        parse_manifests(versions)


def test_string_data_becomes_data_and_wins() -> None:
    (parsed,) = parse_manifests([config_map(kind="Secret", data={"a": "b2xk"}, stringData={"a": "new", "b": "ü"})])
    assert "stringData" not in parsed.body
    assert {key: base64.b64decode(value).decode() for key, value in parsed.body["data"].items()} == {
        "a": "new",
        "b": "ü",
    }


def test_nulls_are_dropped_and_other_empty_values_kept() -> None:
    document = {"a": None, "b": {"c": None, "d": []}, "e": [{"f": None}, 0, "", False]}
    assert without_nulls(document) == {"b": {"d": []}, "e": [{}, 0, "", False]}
    assert document["a"] is None
