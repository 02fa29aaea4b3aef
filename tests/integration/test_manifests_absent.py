# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that absent removes what we applied and only that, and that a second time it writes nothing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sample_manifests import config_map, crd, custom_resource, deployment, namespace_object
from sandbox_access import Kubectl

RBAC = "rbac.authorization.k8s.io/v1"


def rule(verb: str) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": ["configmaps"], "verbs": [verb]}


def outcome(result: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Action and reason of each object by name."""
    return {entry["name"]: (entry["action"], entry["reason"]) for entry in result["objects"]}


def test_what_we_applied_goes_and_the_rest_stays(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    ours, theirs = config_map(namespace, "ours"), config_map(namespace, "theirs")
    kubectl("create", stdin=theirs)
    run_module("manifests", manifests=[ours, deployment(namespace, "web", 0)], wait=False)
    wanted = [ours, theirs, deployment(namespace, "web", 0), config_map(namespace, "never-there")]
    result = run_module("manifests", state="absent", manifests=wanted)
    assert outcome(result) == {
        "ours": ("deleted", ""),
        "web": ("deleted", ""),
        "theirs": ("unchanged", "field manager gpu_cluster.hardening has not applied it"),
        "never-there": ("unchanged", "it does not exist"),
    }
    assert kubectl.names("configmap", namespace) & {"ours", "theirs"} == {"theirs"}
    assert kubectl.get("deployment", "web", namespace) is None
    audit.mark()
    assert run_module("manifests", state="absent", manifests=wanted)["changed"] is False
    assert audit.requests().writes == []


def test_a_namespace_is_released_not_deleted(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    wanted = [namespace_object(namespace, team="ours"), config_map(namespace, "one")]
    kubectl("label", "namespace", namespace, "owner=theirs")
    run_module("manifests", manifests=wanted)
    result = run_module("manifests", state="absent", manifests=wanted)
    assert outcome(result)[namespace] == ("released", "namespaces are deleted only with delete_namespaces")
    live = kubectl.get("namespace", namespace)
    assert live["status"]["phase"] == "Active"
    assert live["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace, "owner": "theirs"}
    audit.mark()
    assert run_module("manifests", state="absent", manifests=wanted)["changed"] is False
    assert audit.requests().writes == []


@pytest.mark.parametrize("made_by", ["us", "kubectl"])
def test_delete_namespaces_deletes_those_that_we_made(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, made_by: str
) -> None:
    name = f"{namespace}-{made_by}"
    if made_by == "kubectl":
        kubectl("create", "namespace", name)
    wanted = [namespace_object(name, team="ours"), config_map(name, "one")]
    try:
        run_module("manifests", manifests=wanted)
        result = run_module("manifests", state="absent", delete_namespaces=True, manifests=wanted)
        assert outcome(result)[name][0] == ("deleted" if made_by == "us" else "released")
        assert (kubectl.get("namespace", name) is None) == (made_by == "us")
    finally:
        kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def make_with_create(kubectl: Kubectl, manifest: dict[str, Any]) -> None:
    kubectl("create", stdin=manifest)


def make_with_apply(kubectl: Kubectl, manifest: dict[str, Any]) -> None:
    kubectl("apply", stdin=manifest)


def make_with_server_side_apply(kubectl: Kubectl, manifest: dict[str, Any]) -> None:
    kubectl("apply", "--server-side", "--field-manager=other-team", stdin=manifest)


@pytest.mark.parametrize("make", [make_with_create, make_with_apply, make_with_server_side_apply])
def test_an_object_that_others_made_and_we_adopted_is_released(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, make: Any
) -> None:
    make(kubectl, config_map(namespace, "theirs", {"a": "1"}))
    wanted = [config_map(namespace, "theirs", {"a": "1", "b": "ours"})]
    run_module("manifests", manifests=wanted)
    result = run_module("manifests", state="absent", manifests=wanted)
    assert outcome(result)["theirs"][0] == "released"
    live = kubectl.get("configmap", "theirs", namespace)
    assert live["data"] == {"a": "1"}
    assert "gpu_cluster.hardening" not in {entry["manager"] for entry in live["metadata"]["managedFields"]}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"kind": "ServiceAccount"}, {"automountServiceAccountToken": False}),
        ({"kind": "ConfigMap"}, {"data": {"a": "ours"}}),
        # its only field is one value, which force takes from them as a whole
        ({"kind": "Role", "apiVersion": RBAC, "rules": [rule("get")]}, {"rules": [rule("list")]}),
    ],
)
def test_an_object_that_does_not_say_who_made_it_is_released_all_the_same(
    run_module: ModuleRunner,
    namespace: str,
    kubectl: Kubectl,
    audit: AuditLog,
    theirs: dict[str, Any],
    ours: dict[str, Any],
) -> None:
    theirs = {"apiVersion": "v1", **theirs, "metadata": {"name": "theirs", "namespace": namespace}}
    kubectl("create", stdin=theirs)
    made = kubectl.get(theirs["kind"], "theirs", namespace)
    wanted = [{**theirs, **ours}]
    predicted = run_module("manifests", check=True, manifests=wanted, force=True)
    done = run_module("manifests", manifests=wanted, force=True)
    assert predicted["diff"] == done["diff"]
    audit.mark()
    assert run_module("manifests", manifests=wanted, force=True)["changed"] is False
    assert audit.requests().writes == []

    result = run_module("manifests", state="absent", manifests=wanted)
    assert outcome(result)["theirs"] == ("released", "it was there before it was first applied")
    live = kubectl.get(theirs["kind"], "theirs", namespace)
    assert live["metadata"]["uid"] == made["metadata"]["uid"]
    assert not live["metadata"].keys() & {"annotations", "managedFields"}
    assert not ours.items() <= live.items()


def test_what_we_made_and_changed_later_is_deleted(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "ours", "namespace": namespace},
        "automountServiceAccountToken": False,
    }
    run_module("manifests", manifests=[account])
    created = kubectl.get("serviceaccount", "ours", namespace)["metadata"]["creationTimestamp"]
    changed = {**account, "automountServiceAccountToken": True}
    while kubectl.get("serviceaccount", "ours", namespace)["metadata"]["managedFields"][0]["time"] == created:
        run_module("manifests", manifests=[changed])
        changed = {**changed, "automountServiceAccountToken": not changed["automountServiceAccountToken"]}
    result = run_module("manifests", state="absent", manifests=[account])
    assert outcome(result)["ours"] == ("deleted", "")
    assert kubectl.get("serviceaccount", "ours", namespace) is None


def test_the_default_account_of_a_namespace_is_released(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": namespace},
        "automountServiceAccountToken": False,
    }
    run_module("manifests", manifests=[account])
    before = kubectl.get("serviceaccount", "default", namespace)
    assert before["automountServiceAccountToken"] is False
    result = run_module("manifests", state="absent", manifests=[account])
    assert outcome(result)["default"][0] == "released"
    live = kubectl.get("serviceaccount", "default", namespace)
    assert live["metadata"]["uid"] == before["metadata"]["uid"]
    assert "automountServiceAccountToken" not in live


def test_a_kind_is_deleted_only_on_request_and_its_objects_then_count_as_absent(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    kind = f"Gadget{uuid.uuid4().hex[:8]}"
    definition, resource = crd(kind), custom_resource(kind, namespace, "first")
    name = definition["metadata"]["name"]
    try:
        run_module("manifests", manifests=[definition, resource])
        kept = run_module("manifests", state="absent", manifests=[definition])
        assert outcome(kept)[name] == ("unchanged", "CustomResourceDefinitions are deleted only with delete_crds")
        assert kubectl.get("crd", name) is not None
        run_module("manifests", state="absent", delete_crds=True, manifests=[definition, resource])
        assert kubectl.get("crd", name) is None
        again = run_module("manifests", state="absent", manifests=[resource])
        assert outcome(again)["first"] == ("unchanged", "its kind is not served")
    finally:
        kubectl("delete", "crd", name, "--ignore-not-found")


def test_it_waits_until_objects_are_gone_and_says_what_holds_them(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    held = config_map(namespace, "held", finalizers=["hardening.example/hold"])
    run_module("manifests", manifests=[held])
    failed = run_module.failing("manifests", state="absent", manifests=[held], wait_timeout=1)
    assert "hardening.example/hold" in failed["msg"]
    assert failed["counts"] == {"deleted": 1}
    patch = '{"metadata": {"finalizers": null}}'
    kubectl("patch", "configmap", "held", "-n", namespace, "--type=merge", "-p", patch)
    assert kubectl.get("configmap", "held", namespace) is None


def test_what_others_added_meanwhile_does_not_keep_an_object(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    wanted = [config_map(namespace, "ours", {"a": "1"})]
    run_module("manifests", manifests=wanted)
    kubectl("label", "configmap", "ours", "-n", namespace, "touched=yes")
    assert run_module("manifests", state="absent", manifests=wanted)["counts"] == {"deleted": 1}
    assert kubectl.get("configmap", "ours", namespace) is None
