# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is settled from managedFields alone: never something that applying would change."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import (
    is_settled,
    quantity,
    same_ownership,
)

MANAGER = "ours"


def live_object(api_version: str, fields: dict[str, Any], **content: Any) -> dict[str, Any]:
    entry = {"manager": MANAGER, "operation": "Apply", "apiVersion": api_version, "fieldsV1": fields}
    return {"apiVersion": api_version, "metadata": {"name": "x", "managedFields": [entry]}, **content}


def wanted(api_version: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": "X", "metadata": {"name": "x"}, **content}


DATA = {"f:data": {"f:a": {}, "f:b": {}}}
PORTS = {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}}}
# The server takes each variable of a policy as one value.
VARIABLES = {"f:spec": {"f:variables": {'k:{"name":"a"}': {}, 'k:{"name":"b"}': {}}}}
LIMITS = {"f:spec": {"f:limits": {"f:cpu": {}}}}
SET = {"f:finalizers": {'v:"a"': {}, 'v:"b"': {}}}
LEAF = {"f:spec": {"f:ingress": {}}}
SUBJECTS = {"f:subjects": {}}
FIELD_REF = {"f:spec": {"f:fieldRef": {}}}


def ingress(**port: Any) -> dict[str, Any]:
    return {"spec": {"ingress": [{"ports": [port]}]}}


@pytest.mark.parametrize(
    ("settled", "api_version", "fields", "desired", "live"),
    [
        pytest.param(True, "v1", DATA, {"data": {"a": "1", "b": "2"}}, {"data": {"a": "1", "b": "2"}}, id="same"),
        pytest.param(
            True,
            "v1",
            DATA,
            {"data": {"a": "1", "b": "2"}},
            {"data": {"a": "1", "b": "2", "c": "3"}},
            id="foreign field",
        ),
        pytest.param(
            False, "v1", DATA, {"data": {"a": "1", "b": "2"}}, {"data": {"a": "1", "b": "3"}}, id="other value"
        ),
        pytest.param(False, "v1", DATA, {"data": {"a": "1", "b": "2"}}, {"data": {"a": "1"}}, id="lost"),
        pytest.param(False, "v1", DATA, {"data": {"a": "1"}}, {"data": {"a": "1", "b": "2"}}, id="left the manifest"),
        pytest.param(
            False,
            "v1",
            DATA,
            {"data": {"a": "1", "b": "2", "c": "3"}},
            {"data": {"a": "1", "b": "2", "c": "3"}},
            id="not owned yet",
        ),
        pytest.param(
            True,
            "v1",
            PORTS,
            {"spec": {"ports": [{"port": 80}]}},
            {"spec": {"ports": [{"port": 80, "protocol": "TCP"}]}},
            id="key that the server filled in",
        ),
        pytest.param(
            False,
            "v1",
            PORTS,
            {"spec": {"ports": [{"port": 80, "protocol": "UDP"}]}},
            {"spec": {"ports": [{"port": 80, "protocol": "TCP"}]}},
            id="another list item",
        ),
        pytest.param(
            False,
            "v1",
            PORTS,
            {"spec": {"ports": []}},
            {"spec": {"ports": [{"port": 80, "protocol": "TCP"}]}},
            id="list item gone",
        ),
        *(
            pytest.param(
                settled,
                "admissionregistration.k8s.io/v1",
                VARIABLES,
                {"spec": {"variables": [{"name": "a", "expression": "1"}, {"name": "b", "expression": "2"}]}},
                {"spec": {"variables": [{"name": "a", "expression": "1"}, *others]}},
                id=f"list item that is one value, {what}",
            )
            for settled, what, others in (
                (True, "the same", [{"name": "b", "expression": "2"}]),
                (False, "another", [{"name": "b", "expression": "3"}]),
                (False, "more", [{"name": "b", "expression": "2", "more": "x"}]),
                (False, "gone", []),
            )
        ),
        pytest.param(
            True,
            "v1",
            LIMITS,
            {"spec": {"limits": {"cpu": "1000m"}}},
            {"spec": {"limits": {"cpu": "1"}}},
            id="quantity",
        ),
        pytest.param(
            False,
            "v1",
            LIMITS,
            {"spec": {"limits": {"cpu": "2"}}},
            {"spec": {"limits": {"cpu": "1"}}},
            id="other quantity",
        ),
        pytest.param(
            False,
            "v1",
            {"f:spec": {"f:text": {}}},
            {"spec": {"text": "1000m"}},
            {"spec": {"text": "1"}},
            id="text that looks like a quantity",
        ),
        pytest.param(True, "v1", SET, {"finalizers": ["b", "a"]}, {"finalizers": ["a", "b", "c"]}, id="set"),
        pytest.param(False, "v1", SET, {"finalizers": ["a", "b"]}, {"finalizers": ["a"]}, id="set that lost an item"),
        pytest.param(False, "v1", {"f:a": {}}, {"a": True}, {"a": 1}, id="true is not 1"),
        pytest.param(False, "v1", {"f:a": {}}, {"a": [{"b": 1}]}, {"a": [{"b": True}]}, id="true is not 1 deep down"),
        pytest.param(
            True,
            "networking.k8s.io/v1",
            LEAF,
            ingress(port=80),
            ingress(port=80, protocol="TCP"),
            id="default in an atomic list",
        ),
        pytest.param(
            False, "networking.k8s.io/v1", LEAF, ingress(port=80), ingress(port=80, protocol="UDP"), id="no default"
        ),
        pytest.param(
            False,
            "networking.k8s.io/v1",
            LEAF,
            ingress(port=80),
            ingress(port=80, protocol="TCP", endPort=90),
            id="field that left an atomic list",
        ),
        pytest.param(
            False,
            "networking.k8s.io/v1",
            LEAF,
            ingress(port=80, protocol="TCP"),
            ingress(port=80),
            id="field that came to an atomic list",
        ),
        pytest.param(
            False,
            "other.example/v1",
            LEAF,
            ingress(port=80),
            ingress(port=80, protocol="TCP"),
            id="same shape of another group",
        ),
        pytest.param(
            True,
            "rbac.authorization.k8s.io/v1",
            SUBJECTS,
            {"subjects": [{"kind": "User", "name": "a"}]},
            {"subjects": [{"kind": "User", "name": "a", "apiGroup": "rbac.authorization.k8s.io"}]},
            id="group of a subject",
        ),
        pytest.param(
            False,
            "rbac.authorization.k8s.io/v1",
            SUBJECTS,
            {"subjects": []},
            {"subjects": [{"kind": "User", "name": "a"}]},
            id="shorter atomic list",
        ),
        pytest.param(
            True,
            "v1",
            FIELD_REF,
            {"spec": {"fieldRef": {"fieldPath": "a"}}},
            {"spec": {"fieldRef": {"fieldPath": "a", "apiVersion": "v1"}}},
            id="version of a fieldRef",
        ),
    ],
)
def test_settled_only_if_applying_changes_nothing(
    settled: bool, api_version: str, fields: dict[str, Any], desired: dict[str, Any], live: dict[str, Any]
) -> None:
    assert is_settled(wanted(api_version, **desired), live_object(api_version, fields, **live), MANAGER) is settled


@pytest.mark.parametrize(
    "change", [{"manager": "theirs"}, {"operation": "Update"}, {"subresource": "status"}, {"apiVersion": "v2"}]
)
def test_only_what_we_applied_by_the_same_version_counts(change: dict[str, str]) -> None:
    live = live_object("v1", {"f:data": {"f:a": {}}}, data={"a": "1"})
    desired = wanted("v1", data={"a": "1"})
    assert is_settled(desired, live, MANAGER)
    live["metadata"]["managedFields"][0].update(change)
    assert not is_settled(desired, live, MANAGER)


@pytest.mark.parametrize(("desired", "settled"), [({}, True), ({"data": {}}, False), ({"data": {"a": "1"}}, False)])
def test_a_bare_name_is_settled_by_being_there(desired: dict[str, Any], settled: bool) -> None:
    nobodys = {"apiVersion": "v1", "metadata": {"name": "x"}, "data": {"a": "1"}}
    assert is_settled(wanted("v1", **desired), nobodys, MANAGER) is settled


def test_ownership_is_compared_by_fields_and_version() -> None:
    one, other = live_object("v1", DATA), live_object("v1", DATA)
    assert same_ownership(one, other, MANAGER)
    assert not same_ownership(one, live_object("v2", DATA), MANAGER)
    assert not same_ownership(one, live_object("v1", {}), MANAGER)
    assert not same_ownership(one, {"metadata": {}}, MANAGER)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1000m", "1"), (2, "2"), ("1Ki", "1024"), ("0.5Gi", "536870912"), ("1e3", "1000"), ("1k", "1000"), ("5x", None)],
)
def test_quantities_are_read_as_kubernetes_does(text: object, number: str | None) -> None:
    assert quantity(text) == (None if number is None else Decimal(number))
