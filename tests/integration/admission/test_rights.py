# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights: which roles and bindings accounts of ML namespaces cannot get, wherever the binding is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from admission_answers import Answers, Case, admitted, send
from pod_objects import Json
from policy_canaries import refusal
from sandbox_access import Kubectl
from waiting import wait_for

RBAC = "rbac.authorization.k8s.io"


def role(name: str, *rules: Json, namespace: str = "adm-training") -> Json:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": list(rules)}


def rule(verbs: list[str], resources: list[str], groups: list[str] | None = None, **more: Any) -> Json:
    return {"apiGroups": [""] if groups is None else groups, "resources": resources, "verbs": verbs, **more}


def binding(
    name: str, *subjects: Json, to: str = "cluster-admin", kind: str = "ClusterRole", namespace: str | None = None
) -> Json:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "subjects": list(subjects),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": to},
    }


def account(name: str = "adm-trainer", namespace: str = "adm-training") -> Json:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def group(name: str) -> Json:
    return {"kind": "Group", "name": name, "apiGroup": RBAC}


def user(name: str) -> Json:
    return {"kind": "User", "name": name, "apiGroup": RBAC}


def bound(item: Json, says: str) -> Case:
    return Case(item, "rbac-cluster-roles", (says, "must not have the ClusterRole", "bind a Role"))


OTHERS = account("builder", "default")
TRAINER = "ServiceAccount adm-training/adm-trainer"
BINDINGS = [
    bound(binding("adm-everything", account()), TRAINER),
    bound(binding("adm-any-account", account("default")), "ServiceAccount adm-training/default"),
    bound(binding("adm-second-subject", OTHERS, account()), TRAINER),
    bound(binding("adm-spelled-as-user", user("system:serviceaccount:adm-training:adm-trainer")), "adm-trainer"),
    bound(binding("adm-group-of-namespace", group("system:serviceaccounts:adm-serving")), "adm-serving"),
    bound(binding("adm-group-of-accounts", group("system:serviceaccounts")), "system:serviceaccounts"),
    bound(binding("adm-group-of-everybody", group("system:authenticated")), "system:authenticated"),
    bound(binding("adm-edit", account(), to="edit"), TRAINER),
    bound(binding("adm-here", account(), namespace="adm-training"), TRAINER),
    bound(binding("adm-in-another-namespace", account(), namespace="default"), TRAINER),
    bound(binding("adm-in-kube-system", account(), to="admin", namespace="kube-system"), TRAINER),
    bound(binding("adm-of-other-stage", account("adm-server", "adm-serving"), namespace="adm-training"), "adm-server"),
    admitted(binding("adm-view", account(), to="view")),
    admitted(binding("adm-view-here", account(), to="view", namespace="adm-training")),
    admitted(binding("adm-own-role", account(), to="adm-trainer-role", kind="Role", namespace="adm-training")),
    admitted(binding("adm-role-called-edit", account(), to="edit", kind="Role", namespace="adm-training")),
    admitted(binding("adm-others", OTHERS)),
    admitted(binding("adm-similar-namespace", account("builder", "adm-training-2"))),
    admitted(binding("adm-people", group("ml-engineers"), to="edit", namespace="adm-training")),
    admitted(binding("adm-nobody", to="cluster-admin")),
]
SECRETS = ["secrets"]
ROLES = [
    Case(role("all-verbs", rule(["*"], ["configmaps"])), "rbac", ("rules[0]: has a wildcard",)),
    Case(role("all-resources", rule(["get"], ["*"])), "rbac", ("rules[0]: has a wildcard",)),
    Case(role("all-groups", rule(["get"], ["pods"], ["*"])), "rbac", ("rules[0]: has a wildcard",)),
    Case(role("all-subresources", rule(["get"], ["*/scale"], ["apps"])), "rbac", ("rules[0]: has a wildcard",)),
    Case(role("second-rule", rule(["get"], ["pods"]), rule(["*"], ["pods"])), "rbac", ("rules[1]: has a wildcard",)),
    Case(role("lists-secrets", rule(["get", "list"], SECRETS)), "rbac", ("rules[0]: lists Secrets", "resourceNames")),
    Case(role("watches-secrets", rule(["watch"], ["pods", "secrets"])), "rbac", ("rules[0]: lists Secrets",)),
    Case(role("lists-in-two-groups", rule(["list"], SECRETS, ["apps", ""])), "rbac", ("rules[0]: lists Secrets",)),
    Case(role("lists-in-serving", rule(["list"], SECRETS), namespace="adm-serving"), "rbac", ("lists Secrets",)),
    admitted(role("gets-one-secret", rule(["get"], SECRETS, resourceNames=["credentials"]))),
    admitted(role("lists-pods", rule(["get", "list", "watch"], ["pods"]))),
    admitted(role("lists-secrets-of-another-group", rule(["list"], SECRETS, ["example.com"]))),
    admitted(role("no-rules")),
    admitted({**role("null-rules"), "rules": None}),
    admitted({key: value for key, value in role("without-rules").items() if key != "rules"}),
    admitted(role("elsewhere-everything", rule(["*"], ["*"], ["*"]), namespace="default")),
]
CASES = [*BINDINGS, *ROLES]


@pytest.fixture(scope="module")
def answers(strict: object, kubectl: Kubectl) -> Answers:
    wait_for(lambda: "rbac.gpu-cluster" in refusal(kubectl, role("canary", rule(["*"], ["*"]))), "rbac denies")
    return send(kubectl, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_right(answers: Answers, case: Case) -> None:
    answers.check(case)


def test_a_role_cannot_gain_a_wildcard_later(strict: object, kubectl: Kubectl, made: list[Json]) -> None:
    made.append(role("grows", rule(["get"], ["pods"])))
    kubectl("create", stdin=made[0])
    wider = [rule(["*"], ["pods"])]
    done = kubectl.run(
        "patch", "role", "grows", "-n", "adm-training", "--type=merge", "-p", json.dumps({"rules": wider})
    )
    assert "rules[0]: has a wildcard" in done.stderr
    kubectl("label", "role", "grows", "-n", "adm-training", "a=b")
