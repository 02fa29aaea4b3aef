# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a layer is exactly its members: applied, pruned, remembered, and left alone where it is as wanted."""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sample_manifests import config_map, crd, custom_resource, deployment, namespace_object, secret
from sandbox_access import Kubectl

PART_OF = "applyset.kubernetes.io/part-of"
HOME = "gpu-cluster-hardening"


@pytest.fixture
def layer(kubectl: Kubectl) -> Iterator[str]:
    """Name of a layer for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    kubectl("delete", "configmap", "-n", HOME, "-l", f"gpu-cluster.hardening/layer={name}", "--ignore-not-found")


def actions(result: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["action"] for entry in result["objects"]}


def parent(kubectl: Kubectl, layer: str) -> dict[str, Any]:
    found: dict[str, Any] = kubectl.get("configmap", f"layer-{layer}", HOME)
    return found


def revisions(kubectl: Kubectl, layer: str) -> dict[int, list[dict[str, Any]]]:
    """Content of the revisions of a layer by number, read by kubectl."""
    selector = f"gpu-cluster.hardening/layer={layer},gpu-cluster.hardening/revision"
    items = kubectl("get", "configmap", "-n", HOME, "-l", selector)["items"]
    return {
        int(item["metadata"]["labels"]["gpu-cluster.hardening/revision"]): json.loads(
            gzip.decompress(base64.b64decode(item["binaryData"]["members.json.gz"]))
        )
        for item in items
    }


def test_what_is_no_longer_wanted_goes_and_the_second_run_writes_nothing(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog, layer: str
) -> None:
    first = [config_map(namespace, "one"), config_map(namespace, "two"), deployment(namespace, "web", 0)]
    assert actions(run_module("layer", name=layer, manifests=first)) == dict.fromkeys(("one", "two", "web"), "created")
    result = run_module("layer", name=layer, manifests=first[:1])
    assert actions(result) == {"one": "unchanged", "two": "deleted", "web": "deleted"}
    assert kubectl.names("configmap", namespace) & {"one", "two"} == {"one"}
    assert kubectl.get("deployment", "web", namespace) is None
    audit.mark()
    again = run_module("layer", name=layer, manifests=first[:1])
    assert (again["changed"], again["revision"]) == (False, {"number": 2, "new": False})
    assert audit.requests().writes == []


def test_kubectl_finds_members_and_takes_the_set_for_one_of_another_tool(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, layer: str
) -> None:
    other = f"{namespace}-b"
    kubectl("create", "namespace", other)
    try:
        run_module("layer", name=layer, manifests=[config_map(namespace, "one"), deployment(other, "web", 0)])
        metadata = parent(kubectl, layer)["metadata"]
        set_id = metadata["labels"]["applyset.kubernetes.io/id"]
        assert metadata["annotations"] == metadata["annotations"] | {
            "applyset.kubernetes.io/tooling": "gpu_cluster.hardening/v0.1.0",
            "applyset.kubernetes.io/contains-group-kinds": "ConfigMap,Deployment.apps",
            "applyset.kubernetes.io/additional-namespaces": f"{namespace},{other}",
        }
        found = kubectl("get", "configmap,deployment", "-A", "-l", f"{PART_OF}={set_id}")["items"]
        assert [(item["kind"], item["metadata"]["name"]) for item in found] == [
            ("ConfigMap", "one"),
            ("Deployment", "web"),
        ]
        refused = kubectl.run(
            *("apply", "--server-side", "--prune", f"--applyset=configmap/layer-{layer}", "-n", HOME),
            stdin=config_map(HOME, "theirs"),
            environment={"KUBECTL_APPLYSET": "true"},
        )
        assert refused.returncode != 0
        assert "gpu_cluster.hardening" in refused.stderr
    finally:
        kubectl("delete", "namespace", other, "--wait=false")


def test_check_mode_predicts_what_the_run_does_and_writes_nothing(
    run_module: ModuleRunner, namespace: str, audit: AuditLog, layer: str
) -> None:
    run_module("layer", name=layer, manifests=[config_map(namespace, "one"), config_map(namespace, "two")])
    wanted = [config_map(namespace, "two", {"a": "2"}), config_map(namespace, "three")]
    audit.mark()
    predicted = run_module("layer", check=True, name=layer, manifests=wanted)
    assert audit.requests().writes == []
    done = run_module("layer", name=layer, manifests=wanted)
    assert actions(predicted) == actions(done) == {"two": "configured", "three": "created", "one": "deleted"}
    assert predicted["revision"] == done["revision"] == {"number": 2, "new": True}


def test_absent_is_the_empty_set_and_can_be_forgotten(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog, layer: str
) -> None:
    audit.mark()
    assert run_module("layer", name=layer, state="absent")["changed"] is False
    assert audit.requests().writes == []
    run_module("layer", name=layer, manifests=[config_map(namespace, "one")])
    assert actions(run_module("layer", name=layer, state="absent")) == {"one": "deleted"}
    assert revisions(kubectl, layer)[2] == []
    audit.mark()
    assert run_module("layer", name=layer, state="absent")["changed"] is False
    assert audit.requests().writes == []
    predicted = run_module("layer", check=True, name=layer, state="absent", purge=True)
    done = run_module("layer", name=layer, state="absent", purge=True)
    assert actions(predicted) == actions(done)
    assert parent(kubectl, layer) is None
    assert revisions(kubectl, layer) == {}
    assert run_module("layer", name=layer, state="absent", purge=True)["changed"] is False


def test_what_others_made_is_released_never_deleted(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, layer: str
) -> None:
    theirs = config_map(namespace, "theirs", {"a": "1"})
    kubectl("create", stdin=theirs)
    run_module("layer", name=layer, manifests=[config_map(namespace, "theirs", {"b": "2"}), config_map(namespace, "x")])
    result = run_module("layer", name=layer, manifests=[config_map(namespace, "x")])
    assert actions(result) == {"x": "unchanged", "theirs": "released"}
    live = kubectl.get("configmap", "theirs", namespace)
    assert live["data"] == {"a": "1"}
    assert PART_OF not in live["metadata"].get("labels", {})


@pytest.mark.parametrize(
    ("existing", "action", "data"), [("adopt", "configured", {"a": "1", "b": "2"}), ("ignore", "unchanged", {"a": "1"})]
)
def test_what_is_there_is_adopted_or_left(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, layer: str, existing: str, action: str, data: object
) -> None:
    kubectl("create", stdin=config_map(namespace, "theirs", {"a": "1"}))
    wanted = [config_map(namespace, "theirs", {"b": "2"})]
    for expected in (action, "unchanged"):
        result = run_module("layer", name=layer, manifests=wanted, existing=existing)
        assert actions(result) == {"theirs": expected}
    assert kubectl.get("configmap", "theirs", namespace)["data"] == data
    assert run_module("layer", name=layer, manifests=wanted, existing=existing)["changed"] is False


def test_what_is_there_can_be_refused_with_nothing_changed(
    run_module: ModuleRunner, namespace: str, audit: AuditLog, kubectl: Kubectl, layer: str
) -> None:
    kubectl("create", stdin=config_map(namespace, "theirs"))
    wanted = [config_map(namespace, "theirs"), config_map(namespace, "new")]
    audit.mark()
    result = run_module.failing("layer", name=layer, manifests=wanted, existing="fail")
    assert "ConfigMap " + namespace + "/theirs: it is there already, made by kubectl-create" in result["msg"]
    assert audit.requests().writes == []
    kubectl("delete", "configmap", "theirs", "-n", namespace)
    for _run in range(2):
        assert set(actions(run_module("layer", name=layer, manifests=wanted, existing="fail"))) == {"theirs", "new"}


def test_a_member_of_another_layer_is_refused_but_its_namespace_is_shared(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, layer: str
) -> None:
    shared = f"{namespace}-shared"
    other = f"{layer}-b"
    try:
        mine = [namespace_object(shared, team="one"), config_map(shared, "one")]
        run_module("layer", name=layer, manifests=mine)
        result = run_module("layer", name=other, manifests=[namespace_object(shared, team="two")])
        assert actions(result) == {shared: "unchanged"}
        assert "left to it" in result["objects"][0]["reason"]
        refused = run_module.failing("layer", name=other, manifests=mine)
        assert f"ConfigMap {shared}/one: it is a member of the apply set" in refused["msg"]
        assert run_module("layer", name=layer, manifests=mine)["changed"] is False
    finally:
        for name in (layer, other):
            run_module("layer", name=name, state="absent", purge=True, delete_namespaces=True)
        assert kubectl.get("namespace", shared) is None


def test_custom_resources_go_before_their_kind_and_their_controller(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, layer: str
) -> None:
    kind = f"Widget{uuid.uuid4().hex[:6]}"
    definition = crd(kind)["metadata"]["name"]
    wanted = [crd(kind), custom_resource(kind, namespace, "one"), config_map(namespace, "x")]
    run_module("layer", name=layer, manifests=wanted)
    result = run_module("layer", name=layer, state="absent")
    assert actions(result) == {definition: "unchanged", "one": "deleted", "x": "deleted"}
    assert run_module("layer", name=layer, state="absent")["changed"] is False
    result = run_module("layer", name=layer, state="absent", delete_crds=True)
    assert actions(result) == {definition: "deleted"}
    assert kubectl.get("crd", definition) is None


def test_five_revisions_are_kept_and_none_has_the_values_of_a_secret(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, layer: str
) -> None:
    for number in range(7):
        wanted = [config_map(namespace, "one", {"n": str(number)}), secret(namespace, "keys", token="canary-7c1")]
        result = run_module("layer", name=layer, manifests=wanted)
        assert result["revision"] == {"number": number + 1, "new": True}
    kept = revisions(kubectl, layer)
    assert sorted(kept) == [3, 4, 5, 6, 7]
    bodies = {body["kind"]: body for body in kept[7]}
    assert bodies["ConfigMap"]["data"] == {"n": "6"}
    assert bodies["Secret"]["data"] == {"token": ""}
    everything = json.dumps([kubectl("get", "configmap", "-n", HOME), kept])
    assert "canary-7c1" not in everything
    assert base64.b64encode(b"canary-7c1").decode() not in everything


def test_an_interrupted_run_leaves_nothing_that_the_next_one_does_not_find(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, layer: str
) -> None:
    """A refused write is where a run can be made to stop: what it applied before must be known to the parent."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": namespace},
        "spec": {"hard": {"count/secrets": "1"}},
    }
    kubectl("create", stdin=quota)
    wanted = [config_map(namespace, "one"), secret(namespace, "s1", a="b"), secret(namespace, "s2", a="b")]
    result = run_module.failing("layer", name=layer, manifests=wanted, rehearse=False, concurrency=1)
    assert "exceeded quota" in result["msg"]
    assert parent(kubectl, layer)["metadata"]["annotations"]["gpu-cluster.hardening/revision"] == "0"
    assert run_module("layer", name=layer, manifests=wanted[:1])["counts"] == {"unchanged": 1, "deleted": 1}
    assert kubectl.names("secret", namespace) == set()


def test_a_lost_parent_is_made_again_and_what_it_knew_is_found(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, layer: str
) -> None:
    wanted = [config_map(namespace, "one"), config_map(namespace, "two")]
    run_module("layer", name=layer, manifests=wanted)
    kubectl("delete", "configmap", "-n", HOME, f"layer-{layer}")
    result = run_module("layer", name=layer, manifests=wanted[:1])
    assert actions(result) == {"one": "unchanged", "two": "deleted"}
    assert run_module("layer", name=layer, manifests=wanted[:1])["changed"] is False


def test_an_object_that_cannot_be_changed_is_made_anew_where_that_is_allowed(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, layer: str
) -> None:
    def job(image: str) -> dict[str, Any]:
        container = {"name": "main", "image": image}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        metadata = {"name": "train", "namespace": namespace}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}

    run_module("layer", name=layer, manifests=[job("a:1")], wait=False)
    refused = run_module.failing("layer", name=layer, manifests=[job("a:2")], wait=False)
    assert "spec.template was changed, and that cannot be changed in place. Give it another name" in refused["msg"]
    allowed = {"name": layer, "manifests": [job("a:2")], "replace": [f"{namespace}/train"], "wait": False}
    assert actions(run_module("layer", check=True, **allowed)) == {"train": "replaced"}
    assert actions(run_module("layer", **allowed)) == {"train": "replaced"}
    live = kubectl.get("job", "train", namespace)
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "a:2"
    assert run_module("layer", **allowed)["changed"] is False


def test_what_is_required_must_be_there(
    run_module: ModuleRunner, namespace: str, audit: AuditLog, kubectl: Kubectl, layer: str
) -> None:
    required = [{"kind": "ServiceAccount", "namespace": namespace, "name": "trainer", "hint": "Run the role rbac."}]
    call = {"name": layer, "manifests": [config_map(namespace, "one")], "requires": required}
    audit.mark()
    result = run_module.failing("layer", **call)
    assert f"there is no ServiceAccount {namespace}/trainer. Run the role rbac." in result["msg"]
    assert audit.requests().writes == []
    assert f"Not there yet: there is no ServiceAccount {namespace}/trainer" in str(
        run_module("layer", check=True, **call)["warnings"]
    )
    # What something else is there to make is not missing, only late.
    required[0]["made_by"] = [{"api_version": "v1", "kind": "ConfigMap"}, {"api_version": "no.such/v1", "kind": "X"}]
    assert "there is no ServiceAccount" in run_module.failing("layer", **call)["msg"]
    kubectl("create", "configmap", "trainer", "-n", namespace)
    late = f"Not there yet: ServiceAccount {namespace}/trainer, for which an operator is asked"
    assert late in str(run_module("layer", check=True, **call)["warnings"])
    kubectl("create", "serviceaccount", "trainer", "-n", namespace)
    assert run_module("layer", **call)["changed"] is True


@pytest.mark.parametrize("name", ["", "Rbac", "a/b", "-x", "x" * 41])
def test_a_name_that_cannot_be_one_is_refused(run_module: ModuleRunner, name: str) -> None:
    assert "is not the name of a layer" in run_module.failing("layer", name=name, manifests=[])["msg"]
