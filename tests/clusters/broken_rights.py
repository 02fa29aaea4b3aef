# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the good cluster makes one check of rights or accounts fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster_objects import Json, Objects, account, binding, person, pod_spec, role, rule, workload

Break = Callable[[Objects], Any]
_ADMISSION = "admissionregistration.k8s.io"


def granted(*rules: Json, to: Json | None = None, namespace: str = "") -> Break:
    """A role with these rules, for somebody."""

    def add(objects: Objects) -> None:
        objects.add(role("some", *rules), binding("some", to or person("alice"), "some", namespace))

    return add


def default_account(objects: Objects) -> None:
    objects.add(binding("some", account("ml-training", "default"), "ml-trainer-role", "ml-training", "Role"))


def own_token(objects: Objects) -> None:
    """A pod with a token whose account has no rights."""
    objects.add(workload("Deployment", "web", "kueue-system", pod_spec(automountServiceAccountToken=True)))


RIGHTS: dict[str, Break] = {
    "GPU-RBAC-001": lambda o: o.add(
        role("cluster-admin", rule("*", "*", "*")),
        binding("pipeline", account("ml-training", "ml-trainer"), "cluster-admin"),
    ),
    "GPU-RBAC-002": granted(rule("*", "example.com", "things"), to=account("team", "bot")),
    "GPU-RBAC-003": granted(rule("list", "", "configmaps"), to={"kind": "Group", "name": "system:authenticated"}),
    "GPU-RBAC-004": granted(rule("list", "", "secrets")),
    "GPU-RBAC-005": granted(rule("get", "", "secrets"), namespace="ml-serving"),
    "GPU-RBAC-006": granted(rule("patch", "", "namespaces")),
    "GPU-RBAC-007": granted(rule("create", "networking.k8s.io", "networkpolicies"), namespace="ml-training"),
    "GPU-RBAC-008": granted(rule("patch", "", "nodes")),
    "GPU-RBAC-009": granted(rule("create", "", "pods"), namespace="kube-system"),
    "GPU-RBAC-010": granted(rule("create", "apps", "deployments")),
    "GPU-RBAC-011": granted(rule("create", "", "pods/exec"), namespace="ml-serving"),
    "GPU-RBAC-012": granted(rule("create", "", "serviceaccounts/token"), namespace="ml-serving"),
    "GPU-RBAC-013": granted(rule("impersonate", "", "users")),
    "GPU-RBAC-014": granted(rule("create", "rbac.authorization.k8s.io", "rolebindings"), namespace="ml-training"),
    "GPU-RBAC-015": granted(rule("delete", _ADMISSION, "validatingadmissionpolicies")),
    "GPU-RBAC-016": granted(rule("get", "", "nodes/proxy")),
    "GPU-RBAC-017": granted(rule("update", "certificates.k8s.io", "certificatesigningrequests/approval")),
    "GPU-RBAC-018": granted(rule("create", "", "persistentvolumes")),
    "GPU-RBAC-019": granted(rule("update", "", "resourcequotas"), namespace="ml-training"),
    "GPU-RBAC-020": granted(rule("update", "resource.k8s.io", "deviceclasses")),
}
ACCOUNTS: dict[str, Break] = {
    "GPU-ACC-001": lambda o: o.drop("ServiceAccount", "ml-monitor", "ml-monitoring"),
    "GPU-ACC-002": lambda o: o.get("ServiceAccount", "default", "ml-training").pop("automountServiceAccountToken"),
    "GPU-ACC-003": own_token,
    "GPU-ACC-004": lambda o: o.get("Deployment", "prometheus", "ml-monitoring")["spec"]["template"]["spec"].pop(
        "serviceAccountName"
    ),
    "GPU-ACC-005": default_account,
    "GPU-ACC-006": lambda o: o.get("Role", "ml-trainer-role", "ml-training")["rules"].append(
        rule("create", "batch", "jobs")
    ),
    "GPU-ACC-007": granted(rule("get", "", "pods"), to=account("notebooks", "jupyter"), namespace="ml-training"),
    "GPU-ACC-008": granted(rule("get", "", "pods"), to=account("ml-training", "ml-trainer"), namespace="ml-serving"),
    "GPU-ACC-009": lambda o: o.get("ServiceAccount", "ml-trainer", "ml-training").update(
        secrets=[{"name": "ml-trainer-token"}]
    ),
}
BREAKS = {**RIGHTS, **ACCOUNTS}
