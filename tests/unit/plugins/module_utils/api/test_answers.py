# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that only what the API promises counts as an answer, whatever stands before the server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.answers import (
    Place,
    place_of,
    wrong_refusal,
    wrong_success,
)

ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/sec/roles"
RBAC = "rbac.authorization.k8s.io/v1"
ROLE = {"apiVersion": RBAC, "kind": "Role", "metadata": {"name": "reader", "namespace": "sec"}}
LIST = {"apiVersion": RBAC, "kind": "RoleList", "metadata": {"resourceVersion": "1"}, "items": []}
STATUS = {"apiVersion": "v1", "kind": "Status", "status": "Success", "details": {"name": "reader", "kind": "roles"}}


def changed(obj: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**obj, **fields}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/v1/nodes/gpu-0", Place("v1", "", "nodes", "gpu-0")),
        ("/api/v1/namespaces", Place("v1", "", "namespaces")),
        ("/api/v1/namespaces/ml", Place("v1", "", "namespaces", "ml")),
        ("/api/v1/namespaces/ml/status", Place("v1", "", "namespaces", "ml", "status")),
        ("/api/v1/namespaces/ml/pods", Place("v1", "ml", "pods")),
        (ROLES, Place(RBAC, "sec", "roles")),
        (f"{ROLES}/system:a%2Fb", Place(RBAC, "sec", "roles", "system:a/b")),
        ("/api/v1/namespaces/ml/pods/p/eviction", Place("v1", "ml", "pods", "p", "eviction")),
        ("/api/v1", None),
        ("/apis/apps", None),
        ("/apis/apps/v1", None),
        ("/version", None),
    ],
)
def test_paths_say_what_they_name(path: str, place: Place | None) -> None:
    assert place_of(path) == place


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{ROLES}/reader", ROLE),
        ("PATCH", f"{ROLES}/reader", ROLE),
        ("POST", ROLES, ROLE),
        ("GET", ROLES, LIST),
        ("GET", ROLES, changed(LIST, items=None)),
        ("GET", ROLES, changed(LIST, items=[{"metadata": {"name": "a"}}])),
        ("DELETE", f"{ROLES}/reader", STATUS),
        ("DELETE", f"{ROLES}/reader", changed(STATUS, details=None)),
        ("DELETE", f"{ROLES}/reader", ROLE),
        ("GET", "/apis/apps/v1", {"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": []}),
        ("GET", "/api/v1", {"kind": "APIResourceList", "groupVersion": "v1", "resources": []}),
        ("GET", "/apis/apps", {"kind": "APIGroup", "name": "apps", "versions": []}),
        ("GET", "/version", {"gitVersion": "v1.34.0"}),
        (
            "POST",
            "/api/v1/namespaces/ml/serviceaccounts/a/token",
            {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"},
        ),
    ],
)
def test_answers_of_the_api_count(method: str, path: str, body: Any) -> None:
    assert wrong_success(method, path, ROLE if method != "GET" else None, body) == ""


@pytest.mark.parametrize(
    ("method", "path", "body", "problem"),
    [
        ("PATCH", f"{ROLES}/reader", None, "no JSON object"),
        ("PATCH", f"{ROLES}/reader", {}, "no kind"),
        ("PATCH", f"{ROLES}/reader", {"login": "required"}, "no kind"),
        ("PATCH", f"{ROLES}/reader", STATUS, "of the kind 'Status'"),
        ("PATCH", f"{ROLES}/reader", changed(ROLE, kind="ClusterRole"), "of the kind 'ClusterRole', not Role"),
        ("PATCH", f"{ROLES}/reader", changed(ROLE, apiVersion="v1"), "is of 'v1', not of rbac"),
        ("PATCH", f"{ROLES}/reader", changed(ROLE, metadata={"name": "other", "namespace": "sec"}), "of 'other'"),
        ("PATCH", f"{ROLES}/reader", changed(ROLE, metadata={"name": "reader", "namespace": "x"}), "namespace 'x'"),
        ("PATCH", f"{ROLES}/reader", changed(ROLE, metadata="reader"), "an object without name"),
        ("GET", f"{ROLES}/reader", LIST, "an object without name"),
        ("POST", ROLES, changed(ROLE, metadata={"name": "other", "namespace": "sec"}), "of 'other', not of 'reader'"),
        ("GET", ROLES, ROLE, "not a list"),
        ("GET", ROLES, {"status": "ok"}, "no kind"),
        ("GET", ROLES, changed(LIST, items="none"), "items are no objects"),
        ("GET", ROLES, changed(LIST, items=[{"metadata": {}}]), "items are no objects"),
        ("GET", ROLES, changed(LIST, metadata=None), "not a list"),
        ("DELETE", f"{ROLES}/reader", None, "no JSON object"),
        ("DELETE", f"{ROLES}/reader", changed(STATUS, status="Failure"), "Status of 'Failure'"),
        ("DELETE", f"{ROLES}/reader", changed(STATUS, details={"name": "other"}), "of 'other'"),
        ("GET", "/apis/apps/v1", {"kind": "APIResourceList", "groupVersion": "v1"}, "no APIResourceList of apps/v1"),
        ("GET", "/apis/apps/v1", {"kind": "Login"}, "no APIResourceList of apps/v1"),
        ("GET", "/apis/apps", {"kind": "APIGroup", "name": "batch"}, "no APIGroup apps"),
        ("GET", "/version", {"version": "2.0"}, "no gitVersion"),
    ],
)
def test_other_answers_do_not(method: str, path: str, body: Any, problem: str) -> None:
    assert problem in wrong_success(method, path, ROLE if method in ("PATCH", "POST") else None, body)


def test_a_review_has_no_name_but_its_kind() -> None:
    path, review = (
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "SelfSubjectReview",
        },
    )
    answer = {**review, "metadata": {"creationTimestamp": "2026-11-28T06:00:00Z"}, "status": {"userInfo": {}}}
    assert wrong_success("POST", path, review, answer) == ""
    assert "not SelfSubjectReview" in wrong_success("POST", path, review, {**answer, "kind": "Login"})


def test_the_kind_of_what_is_read_may_be_known() -> None:
    assert wrong_success("GET", f"{ROLES}/reader", {"kind": "Role"}, ROLE) == ""
    assert "not RoleBinding" in wrong_success("GET", f"{ROLES}/reader", {"kind": "RoleBinding"}, ROLE)


@pytest.mark.parametrize(
    ("status", "body", "data", "counts"),
    [
        (404, {"kind": "Status"}, b"", True),
        (404, None, b"404 page not found\n", True),
        (404, None, b"<html>Not Found</html>", False),
        (404, {"error": "no route"}, b"{}", False),
        (409, None, b"conflict", False),
        (410, None, b"gone", False),
        (422, {"errors": []}, b"{}", False),
        (400, None, b"Client sent an HTTP request to an HTTPS server.\n", True),
        (403, None, b"<html>blocked</html>", True),
        (401, None, b"", True),
        (503, None, b"upstream connect error", True),
    ],
)
def test_only_the_apis_own_refusals_mean_something(status: int, body: Any, data: bytes, counts: bool) -> None:
    assert (wrong_refusal(status, body, data) == "") is counts
