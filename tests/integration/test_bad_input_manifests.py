# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a manifest that cannot be applied is named, with the place of the mistake, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sample_manifests import config_map, deployment, namespace_object
from sandbox_access import Kubectl


def without(manifest: dict[str, Any], *path: str) -> dict[str, Any]:
    """A manifest without one field."""
    parent = manifest
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    return manifest


def role(namespace: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "reader", "namespace": namespace, **metadata},
        "rules": [],
    }


def malformed(ns: str) -> dict[str, tuple[list[Any], tuple[str, ...]]]:
    """Manifests by what is wrong with the last of them, with what the message must say. Found before any request."""
    good, bad = config_map(ns, "good"), config_map(ns, "bad")
    return {
        "text": ([good, "kind: ConfigMap"], ("manifests[1] is not a mapping but str",)),
        "number": ([good, 7], ("manifests[1] is not a mapping but int",)),
        "no kind": ([good, without(bad, "kind")], ("manifests[1]", "kind is missing")),
        "no apiVersion": ([good, without(config_map(ns, "x"), "apiVersion")], ("manifests[1]", "apiVersion")),
        "no metadata": ([good, without(config_map(ns, "x"), "metadata")], ("manifests[1]", "metadata is missing")),
        "no name": ([good, without(config_map(ns, "x"), "metadata", "name")], ("manifests[1]", "metadata.name")),
        "a path as name": ([good, config_map(ns, "../x")], ("manifests[1]", "'../x' is not a valid name")),
        "a path as namespace": ([good, config_map("a/b", "x")], ("manifests[1]", "'a/b' is not a valid namespace")),
        "number as name": ([good, config_map(ns, 7)], ("manifests[1]", "metadata.name")),  # type: ignore[arg-type]
        "a list without items": ([good, {"apiVersion": "v1", "kind": "List"}], ("manifests[1]", "items")),
        "a list whose items are no list": (
            [good, {"apiVersion": "v1", "kind": "List", "items": {"a": good}}],
            ("manifests[1] (List): items is missing or not a list",),
        ),
        "in a list": (
            [{"apiVersion": "v1", "kind": "List", "items": [good, {"kind": "X"}]}],
            ("manifests[0].items[1]", "apiVersion"),
        ),
        "twice the same": ([good, good], ("manifests[1]", "manifests[0]", f"ConfigMap {ns}/good")),
        "twice the same in two versions": (
            [role(ns), {**role(ns), "apiVersion": "rbac.authorization.k8s.io/v1beta1"}],
            ("manifests[1]", "manifests[0]", f"Role {ns}/reader"),
        ),
    }


@pytest.mark.parametrize("case", sorted(malformed("x")))
def test_a_malformed_manifest_is_found_before_any_request(
    run_module: ModuleRunner, namespace: str, audit: AuditLog, kubectl: Kubectl, case: str
) -> None:
    manifests, parts = malformed(namespace)[case]
    audit.mark()
    failed = run_module.failing("manifests", manifests=manifests)
    for part in ("nothing was changed", *parts):
        assert part in failed["msg"]
    assert audit.requests().all == ()
    assert kubectl.get("configmap", "good", namespace) is None


def refused(ns: str) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """A manifest by what the server has against it, with what the message must say."""
    wrong_type = deployment(ns, "bad")
    wrong_type["spec"]["replicas"] = "three"
    return {
        "unknown kind": ({**config_map(ns, "bad"), "kind": "ConfigMop"}, ("manifests[1]", "ConfigMop", "spelling")),
        "unknown group": (
            {**config_map(ns, "bad"), "apiVersion": "no.example/v1", "kind": "Thing"},
            ("manifests[1]", "no API group 'no.example'"),
        ),
        "version of the past": (
            {**deployment(ns, "bad"), "apiVersion": "apps/v1beta1"},
            ("manifests[1]", "It is served as apps/v1"),
        ),
        "kind of another group": (
            {**deployment(ns, "bad"), "apiVersion": "batch/v1"},
            ("manifests[1]", "versions of batch are batch/v1; none has Deployment"),
        ),
        "unknown field": (deployment(ns, "bad", imagePullPolice="Always"), (f"Deployment {ns}/bad", "imagePullPolice")),
        "field of the wrong type": (wrong_type, (f"Deployment {ns}/bad", "spec.replicas")),
        "field that is missing": (
            without(deployment(ns, "bad"), "spec", "selector"),
            (f"Deployment {ns}/bad", "spec.selector", "equired"),
        ),
        "invalid label": (
            config_map(ns, "bad", labels={"team": "not valid"}),
            (f"ConfigMap {ns}/bad", "metadata.labels", "not valid"),
        ),
        "label that is no text": (
            config_map(ns, "bad", labels={"team": True}),
            (f"ConfigMap {ns}/bad", "metadata.labels"),
        ),
        "invalid name": (config_map(ns, "Bad_Name"), (f"ConfigMap {ns}/Bad_Name", "metadata.name")),
        "no namespace": (
            without(config_map(ns, "bad"), "metadata", "namespace"),
            ("manifests[1] (ConfigMap bad)", "metadata.namespace is missing"),
        ),
        "namespace where none belongs": (
            {**namespace_object(ns), "metadata": {"name": ns, "namespace": ns}},
            ("manifests[1]", "metadata.namespace must not be set"),
        ),
    }


@pytest.mark.parametrize("case", sorted(refused("x")))
@pytest.mark.parametrize("check", [True, False])
def test_a_manifest_that_the_server_refuses_changes_nothing(
    run_module: ModuleRunner, namespace: str, audit: AuditLog, kubectl: Kubectl, case: str, check: bool
) -> None:
    manifest, parts = refused(namespace)[case]
    audit.mark()
    failed = run_module.failing("manifests", check=check, manifests=[config_map(namespace, "good"), manifest])
    for part in ("nothing was changed", *parts):
        assert part in failed["msg"]
    assert audit.requests().writes == []
    assert kubectl.get("configmap", "good", namespace) is None


def test_a_namespace_that_nobody_makes_is_named(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    wanted = [config_map(namespace, "good"), config_map(f"{namespace}-none", "one")]
    failed = run_module.failing("manifests", manifests=wanted)
    assert f"its namespace {namespace}-none does not exist" in failed["msg"]
    assert kubectl.get("configmap", "good", namespace) is None


@pytest.mark.parametrize("check", [True, False])
def test_a_namespace_that_is_being_deleted_is_named(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, check: bool
) -> None:
    """A finalizer on an object in it keeps the namespace terminating."""
    doomed = f"{namespace}-doomed"
    kubectl("create", "namespace", doomed)
    kubectl("create", stdin=config_map(doomed, "holds", finalizers=["hardening.example/hold"]))
    kubectl("delete", "namespace", doomed, "--wait=false")
    try:
        for wanted, part in (
            (config_map(doomed, "one"), f"its namespace {doomed} is being deleted"),
            (namespace_object(doomed, team="a"), "it is being deleted"),
        ):
            both = [config_map(namespace, "good"), wanted]
            failed = run_module.failing("manifests", check=check, manifests=both)
            assert part in failed["msg"]
            assert "run again" in failed["msg"]
        assert kubectl.get("configmap", "good", namespace) is None
    finally:
        patch = '{"metadata": {"finalizers": null}}'
        kubectl("patch", "configmap", "holds", "-n", doomed, "--type=merge", "-p", patch)
