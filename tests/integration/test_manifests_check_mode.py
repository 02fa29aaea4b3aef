# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that check mode predicts exactly what the run then does, changes nothing, and that diffs show content only."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from audit_log import AuditLog
from module_runs import ModuleRunner
from sample_manifests import config_map, crd, custom_resource, deployment, namespace_object, secret
from sandbox_access import Kubectl

SERVER_FIELDS = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "status")


def described(result: dict[str, Any], without: str = "") -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != without} for entry in result["objects"]]


def before_create(_namespace: str) -> list[Any]:
    return []


def before_update(namespace: str) -> list[Any]:
    return [config_map(namespace, "one", {"a": "0", "gone": "x"}), secret(namespace, "hidden", password="old")]


def before_partly(namespace: str) -> list[Any]:
    return [config_map(namespace, "one", {"a": "1"}), deployment(namespace, "web", 0)]


@pytest.mark.parametrize("before", [before_create, before_update, before_partly])
def test_prediction_is_what_the_run_then_does(
    run_module: ModuleRunner,
    namespace: str,
    audit: AuditLog,
    kubectl: Kubectl,
    before: Callable[[str], list[Any]],
) -> None:
    run_module("manifests", manifests=before(namespace), wait=False)
    wanted = [
        config_map(namespace, "one", {"a": "1"}),
        secret(namespace, "hidden", password="new"),
        deployment(namespace, "web", 0, resources={"limits": {"cpu": "1000m"}}),
    ]
    held = kubectl("get", "configmap,secret,deployment", "-n", namespace, "-o", "yaml")
    audit.mark()
    predicted = run_module("manifests", check=True, manifests=wanted, wait=False)
    assert audit.requests().writes == []
    assert kubectl("get", "configmap,secret,deployment", "-n", namespace, "-o", "yaml") == held
    done = run_module("manifests", manifests=wanted, wait=False)
    for key in ("changed", "objects", "counts", "diff"):
        assert predicted[key] == done[key], key
    assert predicted["changed"] is True


def test_prediction_holds_where_the_namespace_comes_in_the_same_call(
    run_module: ModuleRunner, namespace: str, audit: AuditLog, kubectl: Kubectl
) -> None:
    name = f"{namespace}-new"
    wanted = [config_map(name, "one"), secret(name, "hidden", password="new"), namespace_object(name)]
    audit.mark()
    predicted = run_module("manifests", check=True, manifests=wanted)
    assert audit.requests().writes == []
    assert kubectl.get("namespace", name) is None
    assert [entry["verified"] for entry in predicted["objects"]] == [False, False, True]
    assert "not verified" in predicted["diff"][0]["before_header"]
    try:
        done = run_module("manifests", manifests=wanted)
        assert described(predicted, "verified") == described(done, "verified")
        assert predicted["counts"] == done["counts"] == {"created": 3}
    finally:
        kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def test_check_mode_passes_where_a_namespace_is_made_by_an_earlier_task(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    wanted = [config_map(f"{namespace}-later", "one")]
    predicted = run_module("manifests", check=True, manifests=wanted)
    assert (predicted["counts"], predicted["objects"][0]["verified"]) == ({"created": 1}, False)
    assert kubectl.get("namespace", f"{namespace}-later") is None


def test_a_missing_namespace_does_not_hide_a_mistake(run_module: ModuleRunner, namespace: str) -> None:
    wanted = deployment(f"{namespace}-later", "web", imagePullPolice="Always")
    failed = run_module.failing("manifests", check=True, manifests=[wanted])
    assert "imagePullPolice" in failed["msg"]


def test_a_kind_and_its_objects_come_in_one_call(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    kind = f"Gadget{uuid.uuid4().hex[:8]}"
    definition = crd(kind)
    wanted = [custom_resource(kind, namespace, "first"), definition]
    try:
        predicted = run_module("manifests", check=True, manifests=wanted)
        assert kubectl.get("crd", definition["metadata"]["name"]) is None
        done = run_module("manifests", manifests=wanted)
        assert described(predicted, "verified") == described(done, "verified")
        assert done["counts"] == {"created": 2}
        assert kubectl.get(f"{kind.lower()}s.hardening.example", "first", namespace)["spec"] == {"size": "small"}
        again = run_module("manifests", manifests=wanted)
        assert again["counts"] == {"unchanged": 2}
    finally:
        kubectl("delete", "crd", definition["metadata"]["name"], "--ignore-not-found")


def test_prediction_of_removal_is_what_the_run_then_does(
    run_module: ModuleRunner, namespace: str, audit: AuditLog, kubectl: Kubectl
) -> None:
    applied = [config_map(namespace, "one"), namespace_object(namespace, team="a")]
    run_module("manifests", manifests=applied)
    wanted = [*applied, config_map(namespace, "never-there")]
    audit.mark()
    predicted = run_module("manifests", check=True, state="absent", manifests=wanted)
    assert audit.requests().writes == []
    assert kubectl.get("configmap", "one", namespace) is not None
    done = run_module("manifests", state="absent", manifests=wanted)
    for key in ("changed", "objects", "counts", "diff"):
        assert predicted[key] == done[key], key
    assert done["counts"] == {"deleted": 1, "released": 1, "unchanged": 1}


def test_diff_shows_content_and_nothing_that_the_server_keeps(run_module: ModuleRunner, namespace: str) -> None:
    run_module("manifests", manifests=[deployment(namespace, "web", 0)], wait=False)
    result = run_module("manifests", manifests=[deployment(namespace, "web", 0, args=["--fast"])], wait=False)
    (diff,) = result["diff"]
    assert diff["before_header"] == f"Deployment {namespace}/web (configured)"
    states = [yaml.safe_load(diff[state]) for state in ("before", "after")]
    for state in states:
        assert not [field for field in SERVER_FIELDS if field in state or field in state["metadata"]]
    containers = [state["spec"]["template"]["spec"]["containers"][0] for state in states]
    assert "args" not in containers[0]
    assert containers[1]["args"] == ["--fast"]
    assert {**containers[0], "args": ["--fast"]} == containers[1]


def test_diff_leaves_out_unchanged_objects(run_module: ModuleRunner, namespace: str) -> None:
    run_module("manifests", manifests=[config_map(namespace, "same")])
    result = run_module("manifests", manifests=[config_map(namespace, "same"), config_map(namespace, "new")])
    assert [diff["after_header"] for diff in result["diff"]] == [f"ConfigMap {namespace}/new (created)"]
