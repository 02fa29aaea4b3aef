# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels of namespaces: who may change which, and that other labels are free."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pod_objects import Json
from sandbox_access import Kubectl
from waiting import wait_for

KEEPER, ADMIN = "--as=namespace-keeper", "--as=hardener"
LEVEL, STAGE, DRA = (
    "pod-security.kubernetes.io/enforce",
    "gpu-cluster.hardening/stage",
    "resource.kubernetes.io/admin-access",
)
OURS, FOREIGN = "adm-training", "adm-no-stage"
RIGHTS = ["get", "list", "create", "update", "patch", "delete"]


@pytest.fixture(scope="module")
def people(strict: object, kubectl: Kubectl) -> Iterator[Kubectl]:
    """Two users who may change every namespace; one of them has the verb ``harden``, too."""
    resources = ["namespaces", "namespaces/status", "namespaces/finalize"]
    harden = {"apiGroups": ["gpu-cluster.hardening"], "resources": ["layers"], "verbs": ["harden"]}
    for name, more in (("namespace-keeper", []), ("hardener", [harden])):
        rule = {"apiGroups": [""], "resources": resources, "verbs": RIGHTS}
        subject = {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"kind": "ClusterRole", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
        common = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
        kubectl("apply", stdin={**common, "kind": "ClusterRole", "rules": [rule, *more]})
        kubectl("apply", stdin={**common, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]})
    kubectl("apply", stdin=namespace(FOREIGN))
    wait_for(lambda: "harden" in label(kubectl, KEEPER, OURS, {LEVEL: "privileged"}), "namespaces denies")
    yield kubectl
    kubectl("delete", "namespace", FOREIGN, "--wait=false")
    kubectl("delete", "clusterrole,clusterrolebinding", "namespace-keeper", "hardener")


def namespace(name: str, **labels: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def label(kubectl: Kubectl, who: str, name: str, labels: dict[str, str | None], *options: str) -> str:
    """Change labels in a dry run; what the server says against it."""
    patch = json.dumps({"metadata": {"labels": labels}})
    done = kubectl.run("patch", "namespace", name, "--type=merge", "-p", patch, "--dry-run=server", who, *options)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (OURS, {LEVEL: "privileged"}),
        (OURS, {LEVEL: None}),
        (OURS, {"pod-security.kubernetes.io/enforce-version": "v1.20"}),
        (OURS, {"pod-security.kubernetes.io/audit": "privileged"}),
        (OURS, {STAGE: "monitoring"}),
        (OURS, {STAGE: None}),
        (OURS, {"gpu-cluster.hardening/gpu": "false"}),
        (OURS, {DRA: "true"}),
        (OURS, {"harmless": "yes", LEVEL: "baseline"}),
        (FOREIGN, {DRA: "true"}),
        (FOREIGN, {STAGE: "training"}),
        (FOREIGN, {"gpu-cluster.hardening/gpu": "true"}),
    ],
)
def test_only_administrators_change_a_label_that_decides_over_rights(
    people: Kubectl, name: str, labels: dict[str, str | None]
) -> None:
    key = next(key for key in labels if key != "harmless")
    refused = label(people, KEEPER, name, labels)
    assert "'namespaces.gpu-cluster.hardening'" in refused
    assert f"label {key}: only cluster administrators" in refused
    assert label(people, ADMIN, name, labels) == ""
    assert label(people, "--as=anyone", name, labels, "--as-group=system:masters") == ""


@pytest.mark.parametrize(
    ("name", "labels"),
    [(OURS, {"team": "vision"}), (OURS, {"team": None}), (FOREIGN, {LEVEL: "baseline"}), (FOREIGN, {"team": "a"})],
)
def test_other_labels_are_free(people: Kubectl, name: str, labels: dict[str, str | None]) -> None:
    assert label(people, KEEPER, name, labels) == ""


@pytest.mark.parametrize("subresource", ["status", "finalize"])
def test_a_subresource_is_no_way_around(people: Kubectl, subresource: str) -> None:
    live = people.get("namespace", OURS)
    live["metadata"].pop("managedFields")
    live["metadata"]["labels"][LEVEL] = "privileged"
    path = f"/api/v1/namespaces/{OURS}/{subresource}?dryRun=All"
    done = people.run("replace", "--raw", path, KEEPER, stdin=live)
    assert "only cluster administrators" in done.stderr + done.stdout
    assert people.get("namespace", OURS)["metadata"]["labels"][LEVEL] == "restricted"


def test_a_namespace_cannot_be_born_with_such_a_label(people: Kubectl) -> None:
    for labels, refused in (({DRA: "true"}, True), ({STAGE: "training"}, True), ({LEVEL: "baseline"}, False)):
        done = people.run("create", "--dry-run=server", KEEPER, stdin=namespace("adm-born", **labels))
        assert ("only cluster administrators" in done.stderr) is refused, done.stderr
        assert people.run("create", "--dry-run=server", ADMIN, stdin=namespace("adm-born", **labels)).returncode == 0
