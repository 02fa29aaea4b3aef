# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that manifests makes the server hold what was asked for, and that doing so again costs no write."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sample_manifests import config_map, daemon_set, deployment, job, namespace_object, pod_template, secret
from sandbox_access import Kubectl


def actions(result: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["action"] for entry in result["objects"]}


def everyday_objects(namespace: str) -> dict[str, dict[str, Any]]:
    """Objects of which people write less, or in other words, than the server keeps."""
    labels = {"app": "web"}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "reader", "namespace": namespace},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "reader", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 8080}, {"port": "metrics"}]}],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}],
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": labels, "ports": [{"port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]},
    }
    service["spec"]["ports"][0]["name"] = "http"
    quantities = {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5, "memory": "0.5Gi"}}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"hard": {"requests.cpu": "2000m", "pods": 10}},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}},
    }
    cron_job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": job(namespace, "x")["spec"]}},
    }
    return {
        "role with its binding": {"apiVersion": "v1", "kind": "List", "items": [role, binding]},
        "network policy with default protocols": policy,
        "service with a port whose protocol is left out": service,
        "quota in thousandths": quota,
        "claim in other units than kept": claim,
        "deployment with quantities, ports and env": deployment(
            namespace,
            "web",
            resources=quantities,
            ports=[{"containerPort": 8080}, {"containerPort": 9090, "name": "metrics"}],
            env=[{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
            securityContext={"capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True},
        ),
        "cron job": cron_job,
        "daemon set": daemon_set(namespace, "agent"),
        "secret with stringData": secret(namespace, "plain", password="canary", empty=""),
        "config map without data": config_map(namespace, "empty", {}),
        "config map with nulls": {**config_map(namespace, "nulls"), "binaryData": None},
        "account with a false": {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "quiet", "namespace": namespace},
            "automountServiceAccountToken": False,
        },
    }


def test_bare_names_are_made_once_and_then_only_looked_for(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    metadata = {"name": "bare", "namespace": namespace}
    bare = [{"apiVersion": "v1", "kind": kind, "metadata": metadata} for kind in ("ServiceAccount", "ConfigMap")]
    assert run_module("manifests", manifests=bare)["counts"] == {"created": 2}
    audit.mark()
    assert run_module("manifests", manifests=bare)["counts"] == {"unchanged": 2}
    assert {request.verb for request in audit.requests().all} == {"get"}
    assert "annotations" not in kubectl.get("serviceaccount", "bare", namespace)["metadata"]


@pytest.mark.parametrize("case", sorted(everyday_objects("x")))
def test_an_unchanged_object_is_never_written_again(
    run_module: ModuleRunner, namespace: str, audit: AuditLog, case: str
) -> None:
    manifests = [everyday_objects(namespace)[case]]
    first = run_module("manifests", manifests=manifests, wait=False)
    assert set(first["counts"]) == {"created"}
    audit.mark()
    second = run_module("manifests", manifests=manifests, wait=False)
    assert (second["changed"], set(second["counts"]), second["diff"]) == (False, {"unchanged"}, [])
    assert audit.requests().writes == []


def test_created_object_is_on_the_server_as_written(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    manifest = config_map(namespace, "one", {"a": "1"}, labels={"app": "x"}, annotations={"note": "y"})
    result = run_module("manifests", manifests=[manifest])
    assert (result["changed"], result["counts"]) == (True, {"created": 1})
    live = kubectl.get("configmap", "one", namespace)
    assert (live["data"], live["metadata"]["labels"], live["metadata"]["annotations"]) == (
        {"a": "1"},
        {"app": "x"},
        {"note": "y"},
    )


def test_fields_that_leave_the_manifest_leave_the_server(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    run_module("manifests", manifests=[config_map(namespace, "one", {"a": "1", "b": "2"}, labels={"app": "x"})])
    result = run_module("manifests", manifests=[config_map(namespace, "one", {"a": "1"})])
    assert actions(result) == {"one": "configured"}
    live = kubectl.get("configmap", "one", namespace)
    assert live["data"] == {"a": "1"}
    assert "labels" not in live["metadata"]


def test_foreign_fields_and_labels_stay(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    run_module("manifests", manifests=[config_map(namespace, "one", {"a": "1"}, labels={"app": "x"})])
    kubectl("label", "configmap", "one", "-n", namespace, "team=vision")
    kubectl("patch", "configmap", "one", "-n", namespace, "--type=merge", "-p", '{"data": {"theirs": "yes"}}')
    again = run_module("manifests", manifests=[config_map(namespace, "one", {"a": "1"}, labels={"app": "x"})])
    assert again["changed"] is False
    run_module("manifests", manifests=[config_map(namespace, "one", {"a": "2"}, labels={"app": "z"})])
    live = kubectl.get("configmap", "one", namespace)
    assert live["data"] == {"a": "2", "theirs": "yes"}
    assert live["metadata"]["labels"] == {"app": "z", "team": "vision"}


def test_drift_is_put_right(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    manifest = config_map(namespace, "one", {"a": "1", "b": "2"})
    run_module("manifests", manifests=[manifest])
    kubectl("patch", "configmap", "one", "-n", namespace, "--type=json", "-p", '[{"op": "remove", "path": "/data/b"}]')
    result = run_module("manifests", manifests=[manifest])
    assert actions(result) == {"one": "configured"}
    assert kubectl.get("configmap", "one", namespace)["data"] == {"a": "1", "b": "2"}


def test_one_item_of_a_list_is_changed_and_the_others_are_kept(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    def web(version: str) -> dict[str, Any]:
        manifest = deployment(namespace, "web", env=[{"name": "A", "value": "1"}, {"name": "B", "value": version}])
        manifest["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "registry.example/side:1"})
        return manifest

    run_module("manifests", manifests=[web("1")], wait=False)
    result = run_module("manifests", manifests=[web("2")], wait=False)
    assert actions(result) == {"web": "configured"}
    containers = kubectl.get("deployment", "web", namespace)["spec"]["template"]["spec"]["containers"]
    assert [container["name"] for container in containers] == ["main", "side"]
    assert containers[0]["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]


def test_a_list_item_that_leaves_the_manifest_leaves_the_server(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    both = deployment(namespace, "web", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    run_module("manifests", manifests=[both], wait=False)
    one = deployment(namespace, "web", env=[{"name": "B", "value": "2"}])
    run_module("manifests", manifests=[one], wait=False)
    container = kubectl.get("deployment", "web", namespace)["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "B", "value": "2"}]


def test_lists_are_expanded_and_empty_documents_skipped(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    items = [config_map(namespace, "a"), config_map(namespace, "b")]
    documents = [None, {"apiVersion": "v1", "kind": "List", "items": items}, config_map(namespace, "c")]
    result = run_module("manifests", manifests=documents)
    assert [entry["name"] for entry in result["objects"]] == ["a", "b", "c"]
    assert {"a", "b", "c"} <= kubectl.names("configmap", namespace)


def test_nothing_to_do_is_no_error(run_module: ModuleRunner) -> None:
    result = run_module("manifests", manifests=[])
    assert (result["changed"], result["objects"], result["counts"]) == (False, [], {})


def test_a_namespace_and_what_lives_in_it_are_created_in_one_call_in_any_order(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    name = f"{namespace}-new"
    try:
        result = run_module("manifests", manifests=[config_map(name, "one"), namespace_object(name, team="a")])
        assert result["counts"] == {"created": 2}
        assert kubectl.get("configmap", "one", name)["data"] == {"key": "value"}
        assert kubectl.get("namespace", name)["metadata"]["labels"]["team"] == "a"
    finally:
        kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def mixed_manifests(namespace: str) -> list[dict[str, Any]]:
    """200 objects of eight kinds."""
    manifests: list[dict[str, Any]] = []
    for number in range(25):
        name = f"m{number}"
        objects = everyday_objects(namespace)
        policy = copy.deepcopy(objects["network policy with default protocols"])
        account = copy.deepcopy(objects["account with a false"])
        role, binding = copy.deepcopy(objects["role with its binding"]["items"])
        for manifest in (policy, account, role, binding):
            manifest["metadata"]["name"] = name
        binding["roleRef"]["name"] = name
        template = {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": {"name": name, "namespace": namespace},
            "template": pod_template(name),
        }
        manifests += [policy, account, role, binding, template]
        manifests += [config_map(namespace, name), secret(namespace, name, a="b"), deployment(namespace, name, 0)]
    return manifests


def test_two_hundred_mixed_manifests_cost_two_requests_per_kind_when_unchanged(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    manifests = mixed_manifests(namespace)
    first = run_module("manifests", manifests=manifests)
    assert first["counts"] == {"created": 200}
    names = {f"m{number}" for number in range(25)}
    for kind in ("networkpolicy", "serviceaccount", "role", "rolebinding", "configmap", "secret", "deployment"):
        assert names <= kubectl.names(kind, namespace), kind
    audit.mark()
    second = run_module("manifests", manifests=manifests)
    assert second["counts"] == {"unchanged": 200}
    requests = audit.requests()
    assert requests.writes == []
    counts = requests.per_kind_and_namespace()
    assert len(counts) == 8
    assert max(counts.values()) <= 2, counts


def test_only_what_differs_is_written(run_module: ModuleRunner, namespace: str, audit: AuditLog) -> None:
    manifests = [config_map(namespace, f"m{number}") for number in range(20)]
    run_module("manifests", manifests=manifests)
    manifests[7]["data"] = {"key": "other"}
    audit.mark()
    result = run_module("manifests", manifests=manifests)
    assert Counter(actions(result).values()) == {"unchanged": 19, "configured": 1}
    assert [(request.verb, request.name) for request in audit.requests().writes] == [("patch", "m7")]
