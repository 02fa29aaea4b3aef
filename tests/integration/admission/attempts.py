# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who tries what, and which policy is against it: one request of kubectl in the name of somebody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pod_objects import Json
from sandbox_access import Kubectl

RBAC = "rbac.authorization.k8s.io"
# Users by what they may do; the first two have the built-in role of that name, the third that of this collection.
EDIT, ADMIN, STAGE_USER, KEEPER, HARDENER = "adm-edit", "adm-admin", "adm-stage-user", "adm-keeper", "adm-hardener"
OPERATORS = "adm-operators"
STAGE, OTHER, WATCH = "adm-training", "adm-team", "falco"
# What is asked for without a dry run, as kubectl has none for it.
WITHOUT_REHEARSAL = ("exec", "get", "rollout")
KEEPS: list[Json] = [
    {"apiGroups": [""], "resources": ["namespaces", "namespaces/status", "namespaces/finalize"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["nodes", "nodes/status", "persistentvolumes"], "verbs": ["*"]},
    {"apiGroups": [RBAC], "resources": ["*"], "verbs": ["*"]},
    {"apiGroups": ["admissionregistration.k8s.io"], "resources": ["*"], "verbs": ["*"]},
]


@dataclass(frozen=True)
class Attempt:
    """One request.

    Attributes:
        who: the user.
        command: arguments of kubectl, in one string.
        policy: how the name of the policy that refuses it begins; empty if it is admitted. Where several do, the server
            names any one: ``a|b``.
        stdin: the object, where there is one.
    """

    who: str
    command: str
    policy: str = ""
    stdin: Json | None = None

    @property
    def name(self) -> str:
        """A name for the report."""
        what = "" if self.stdin is None else f" {self.stdin['kind']} {self.stdin['metadata']['name']}"
        return f"{self.who}: {self.command}{what}"[:110]


def answer(kubectl: Kubectl, attempt: Attempt) -> str:
    """What the API server says against it; empty if it would do it."""
    verb, *arguments = attempt.command.split()
    more = ["--as-group=system:nodes"] if attempt.who.startswith("system:node:") else []
    rehearsed = verb not in WITHOUT_REHEARSAL and arguments[:1] != ["token"]
    done = kubectl.run(
        verb,
        f"--as={attempt.who}",
        *more,
        *(["--dry-run=server"] if rehearsed else []),
        *arguments,
        stdin=attempt.stdin,
    )
    return done.stderr if done.returncode else ""


def check(kubectl: Kubectl, attempt: Attempt) -> None:
    """Hold the answer against what was expected."""
    said = answer(kubectl, attempt)
    if attempt.policy:
        names = [f"ValidatingAdmissionPolicy '{name}.gpu-cluster.hardening'" for name in attempt.policy.split("|")]
        assert any(name in said for name in names), said or "it was admitted"
    else:
        assert said == ""


def rights(namespaces: tuple[str, ...]) -> list[Json]:
    """Objects that give the users what they may do."""
    cluster_roles: list[Json] = [
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": KEEPER},
            "rules": KEEPS,
        },
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": HARDENER},
            "rules": [
                *KEEPS,
                {"apiGroups": ["gpu-cluster.hardening"], "resources": ["layers"], "verbs": ["harden"]},
                {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["*"]},
            ],
        },
    ]
    roles = {EDIT: "edit", ADMIN: "admin", STAGE_USER: "gpu-cluster-stage-user"}
    bindings = [
        binding(who, user(who), role=role, namespace=namespace)
        for who, role in roles.items()
        for namespace in namespaces
    ]
    return [
        *cluster_roles,
        *bindings,
        *(binding(who, user(who), role=who, namespace=None) for who in (KEEPER, HARDENER)),
    ]


def in_stage(command: str) -> str:
    return f"{command} -n {STAGE}"


def made(kind: str, name: str, namespace: str | None = STAGE, api_version: str = "v1", **body: Any) -> Json:
    metadata: Json = {"name": name, **({"namespace": namespace} if namespace else {})}
    metadata.update(body.pop("metadata", {}))
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def network_policy(name: str, **spec: Any) -> Json:
    return made("NetworkPolicy", name, api_version="networking.k8s.io/v1", spec={"podSelector": {}, **spec})


def binding(name: str, *subjects: Json, role: str, kind: str = "ClusterRole", namespace: str | None = STAGE) -> Json:
    return made(
        "RoleBinding" if namespace else "ClusterRoleBinding",
        name,
        namespace,
        f"{RBAC}/v1",
        subjects=list(subjects),
        roleRef={"apiGroup": RBAC, "kind": kind, "name": role},
    )


def user(name: str) -> Json:
    return {"kind": "User", "name": name, "apiGroup": RBAC}


def group(name: str) -> Json:
    return {"kind": "Group", "name": name, "apiGroup": RBAC}
