# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that layers can be looked at, brought back, taken away and rendered, and that kubectl sees the same."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sample_manifests import config_map, deployment, namespace_object, secret
from sandbox_access import Kubectl

TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}


@pytest.fixture
def home(run_module: ModuleRunner, kubectl: Kubectl) -> Iterator[str]:
    """A namespace of layers for one test, so that it can look at all layers that there are."""
    name = f"layers-{uuid.uuid4().hex[:8]}"
    yield name
    run_module("layer_removal", parent_namespace=name, delete_namespaces=True)
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


def data_of(kubectl: Kubectl, namespace: str) -> dict[str, Any]:
    """ConfigMaps of a namespace and what is in them, but for the one that Kubernetes makes."""
    items = kubectl("get", "configmap", "-n", namespace)["items"]
    return {item["metadata"]["name"]: item.get("data") for item in items if "kube-root" not in item["metadata"]["name"]}


def status(run_module: ModuleRunner, home: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in run_module("layer_info", parent_namespace=home)["layers"]}


def test_a_layer_goes_back_to_its_last_revision_and_to_any_that_is_kept(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog, home: str
) -> None:
    steps = [
        [config_map(namespace, "a", {"n": "1"})],
        [config_map(namespace, "a", {"n": "2"}), config_map(namespace, "b", {})],
        [config_map(namespace, "c", {"n": "3"})],
    ]
    for manifests in steps:
        run_module("layer", name="one", parent_namespace=home, manifests=manifests)
    back = {"name": "one", "parent_namespace": home}
    predicted = run_module("layer_rollback", check=True, **back)
    assert data_of(kubectl, namespace) == {"c": {"n": "3"}}
    done = run_module("layer_rollback", **back)
    assert predicted["layers"][0]["counts"] == done["layers"][0]["counts"] == {"created": 2, "deleted": 1}
    assert data_of(kubectl, namespace) == {"a": {"n": "2"}, "b": None}
    run_module("layer_rollback", to_revision=1, **back)
    assert data_of(kubectl, namespace) == {"a": {"n": "1"}}
    notes = [revision["note"] for revision in status(run_module, home)["one"]["revisions"]]
    assert notes == ["", "", "", "back to revision 2", "back to revision 1"]
    audit.mark()
    assert run_module("layer_rollback", to_revision=1, **back)["changed"] is False
    assert audit.requests().writes == []
    assert (
        "has no revision 99 any more; kept are 1, 2, 3, 4, 5"
        in run_module.failing("layer_rollback", to_revision=99, **back)["msg"]
    )


def test_all_layers_go_back_to_what_they_were_at_a_time(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, home: str
) -> None:
    run_module("layer", name="one", parent_namespace=home, manifests=[config_map(namespace, "a", {"n": "1"})])
    then = status(run_module, home)["one"]["applied_at"]
    while run_module("layer", name="clock", state="absent")["changed"] or _now(kubectl, namespace) <= then:
        pass
    run_module("layer", name="one", parent_namespace=home, manifests=[config_map(namespace, "a", {"n": "2"})])
    run_module("layer", name="two", parent_namespace=home, manifests=[config_map(namespace, "b", {})])
    run_module("layer_rollback", to_time=then, parent_namespace=home)
    assert data_of(kubectl, namespace) == {"a": {"n": "1"}}
    assert "is not a time in UTC" in run_module.failing("layer_rollback", to_time="noon", parent_namespace=home)["msg"]


def _now(kubectl: Kubectl, namespace: str) -> str:
    """The server's time: of an object that it makes now."""
    name = f"clock-{uuid.uuid4().hex[:6]}"
    made = kubectl("create", stdin=secret(namespace, name, a="b"))
    return str(made["metadata"]["creationTimestamp"])


def test_a_secret_stays_as_it_is_when_its_layer_goes_back(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, home: str
) -> None:
    for number in "12":
        wanted = [secret(namespace, "keys", token=f"value-{number}"), config_map(namespace, "a", {"n": number})]
        run_module("layer", name="one", parent_namespace=home, manifests=wanted)
    before = kubectl.get("secret", "keys", namespace)["data"]
    run_module("layer_rollback", name="one", parent_namespace=home)
    assert kubectl.get("secret", "keys", namespace)["data"] == before
    assert data_of(kubectl, namespace) == {"a": {"n": "1"}}


def test_a_layer_that_took_an_object_over_holds_it(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, home: str
) -> None:
    kubectl("create", "serviceaccount", "theirs", "-n", namespace)
    metadata = {"name": "theirs", "namespace": namespace}
    wanted = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": False}
    ]
    run_module("layer", name="one", parent_namespace=home, manifests=wanted)
    annotations = kubectl.get("serviceaccount", "theirs", namespace)["metadata"]["annotations"]
    assert "gpu-cluster.hardening/adopted" in annotations, "nothing else tells that it was there before"
    assert status(run_module, home)["one"]["differences"] == []


def test_what_is_not_as_recorded_is_named(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog, home: str
) -> None:
    names = ("kept", "changed", "unlabelled", "gone")
    wanted = [config_map(namespace, name, {"a": "1"}) for name in names]
    run_module("layer", name="one", parent_namespace=home, manifests=wanted)
    audit.mark()
    assert status(run_module, home)["one"]["holds"] is True
    kubectl("patch", "configmap", "changed", "-n", namespace, "--type=merge", "-p", '{"data":{"a":"2"}}')
    kubectl("label", "configmap", "unlabelled", "-n", namespace, "applyset.kubernetes.io/part-of-")
    kubectl("delete", "configmap", "gone", "-n", namespace)
    audit.mark()
    found = status(run_module, home)["one"]
    assert audit.requests().writes == []
    assert found["holds"] is False
    assert {entry["name"]: entry["state"] for entry in found["differences"]} == {
        "changed": "differs",
        "unlabelled": "left",
        "gone": "missing",
    }
    run_module("layer", name="one", parent_namespace=home, manifests=wanted, force=True)
    assert status(run_module, home)["one"]["differences"] == []


def test_everything_goes_and_what_others_made_stays(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog, home: str
) -> None:
    own = f"{namespace}-own"
    kubectl("create", stdin=config_map(namespace, "theirs", {"a": "1"}))
    kubectl("taint", "node", "gpu-h100-0", "nvidia.com/gpu=true:NoSchedule", "--overwrite")
    try:
        run_module("layer", name="one", parent_namespace=home, manifests=[namespace_object(own, team="x")])
        wanted = [config_map(own, "a"), config_map(namespace, "theirs", {"b": "2"}), deployment(own, "web", 0)]
        time.sleep(1)
        run_module("layer", name="two", parent_namespace=home, manifests=wanted)
        time.sleep(1)  # layers are in the order of their times, which the server tells to the second
        run_module("gpu_nodes", parent_namespace=home)
        predicted = run_module("layer_removal", check=True, parent_namespace=home, delete_namespaces=True)
        done = run_module("layer_removal", parent_namespace=home, delete_namespaces=True)
        assert [entry["name"] for entry in done["layers"]] == ["gpu_nodes", "two", "one", home]
        assert [entry["name"] for entry in predicted["layers"]] == [entry["name"] for entry in done["layers"]]
        assert kubectl.get("namespace", own) is None or kubectl.get("namespace", own)["status"]["phase"] != "Active"
        assert data_of(kubectl, namespace) == {"theirs": {"a": "1"}}
        nodes = {item["metadata"]["name"]: item for item in kubectl("get", "nodes")["items"]}
        assert nodes["gpu-h100-0"]["spec"]["taints"] == [TAINT]
        assert "taints" not in nodes["gpu-a100-0"]["spec"]
        audit.mark()
        assert run_module("layer_removal", parent_namespace=home)["changed"] is False
        assert audit.requests().writes == []
    finally:
        kubectl("taint", "node", "gpu-h100-0", "nvidia.com/gpu-")


def test_nodes_go_back_to_their_last_revision(run_module: ModuleRunner, kubectl: Kubectl, home: str) -> None:
    run_module("gpu_nodes", parent_namespace=home)
    run_module("gpu_nodes", parent_namespace=home, labels={"pool": "x"}, taints=[])
    run_module("layer_rollback", name="gpu_nodes", parent_namespace=home)
    nodes = {item["metadata"]["name"]: item for item in kubectl("get", "nodes")["items"]}
    assert nodes["gpu-a100-0"]["spec"]["taints"] == [TAINT]
    assert nodes["gpu-a100-0"]["metadata"]["labels"]["node-type"] == "gpu"
    assert "pool" not in nodes["gpu-a100-0"]["metadata"]["labels"]


def test_rendered_files_are_what_a_run_sends_and_a_run_after_them_changes_nothing(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog, home: str, tmp_path: Path
) -> None:
    wanted = [
        config_map(namespace, "a", {"text": "one\ntwo\n", "number": "010", "empty": ""}),
        deployment(namespace, "web", 0),
        secret(namespace, "keys", token="canary-91b"),
    ]
    layer = {"name": "one", "parent_namespace": home, "manifests": wanted[:2]}
    audit.mark()
    result = run_module("layer", **{**layer, "manifests": wanted}, render_to=str(tmp_path))
    assert audit.requests().writes == []
    assert "Secret" in str(result["warnings"])
    folder = tmp_path / "one"
    assert "canary-91b" not in "".join(path.read_text() for path in folder.iterdir())
    run_module("layer", **layer, render_to=str(tmp_path))
    assert run_module("layer", **layer, render_to=str(tmp_path))["changed"] is False
    applied = kubectl.run("apply", "--server-side", "-k", str(folder))
    assert applied.returncode == 0, applied.stderr
    audit.mark()
    done = run_module("layer", **layer)
    assert (done["changed"], done["counts"]) == (False, {"unchanged": 2})
    run_module("layer", **{**layer, "manifests": wanted[:1]}, render_to=str(tmp_path))
    assert not list(folder.glob("*deployment*"))


def test_a_folder_of_others_is_not_written_into(run_module: ModuleRunner, namespace: str, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    folder.joinpath("notes.txt").write_text("mine")
    failed = run_module.failing("layer", name="one", manifests=[config_map(namespace, "a")], render_to=str(tmp_path))
    assert "is not empty and has no kustomization.yaml" in failed["msg"]
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
