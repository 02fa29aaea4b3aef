# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service accounts of stages: their rights, and their tokens."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import (
    STAGE_PODS,
    STAGES,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import RIGHTS, WORKLOADS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place, Remedy, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import account
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.rights import power

_ROLE = Remedy("Run the role rbac.", "rbac", "rbac_stages")
_PODS = power(
    "create update patch",
    "/pods",
    "apps/deployments",
    "apps/daemonsets",
    "apps/statefulsets",
    "batch/jobs",
    "batch/cronjobs",
)


def missing(cluster: Cluster) -> Iterator[Finding]:
    """Stages without their account."""
    for namespace, stage in cluster.stages.items():
        name = stage["service_account"]["name"]
        if (namespace, name) not in cluster.accounts:
            place = Place("v1", "ServiceAccount", namespace, name)
            yield Finding(f"Stage {stage['name']} has no account {namespace}/{name}.", place)


def mounting(cluster: Cluster) -> Iterator[Finding]:
    """Accounts of stages whose tokens every pod gets."""
    for namespace, stage in cluster.stages.items():
        own = stage["service_account"]
        for name, wanted in ((own["name"], own["automount"]), ("default", False)):
            item = cluster.accounts.get((namespace, name))
            if item and not wanted and item.get("automountServiceAccountToken") is not False:
                text = f"Account {namespace}/{name} mounts its token into every pod that does not refuse it."
                yield Finding(text, place_of(item), "automountServiceAccountToken")


def for_nothing(cluster: Cluster) -> Iterator[Finding]:
    """Pods with a token whose account may do nothing with it."""
    able = {grant.account for grant in cluster.grants if grant.account[1] and grant.rules}
    for workload in cluster.workloads:
        key = (workload.namespace, account(workload.spec))
        item = cluster.accounts.get(key)
        mounts = workload.spec.get("automountServiceAccountToken")
        if mounts is None:
            mounts = item is None or item.get("automountServiceAccountToken") is not False
        if mounts and key not in able:
            text = f"mounts the token of account {'/'.join(key)}, which has no rights of its own"
            yield workload.finding(text, "automountServiceAccountToken")


def default_used(cluster: Cluster) -> Iterator[Finding]:
    """Pods of stages as the account that everybody gets."""
    for workload in cluster.stage_workloads:
        if account(workload.spec) == "default":
            yield workload.finding(
                "runs as the account default, as every pod that names none", "serviceAccountName", "default"
            )


def default_bound(cluster: Cluster) -> Iterator[Finding]:
    """Rights of the default account of a stage."""
    for grant in cluster.grants:
        if grant.account[0] in cluster.stages and grant.account[1] == "default":
            yield grant.finding(f"use the role {grant.role}")


def makes_pods(cluster: Cluster) -> Iterator[Finding]:
    """Accounts of stages that make pods; a stage whose inventory gives it that right is meant."""
    for grant in cluster.grants:
        stage = cluster.stages.get(grant.account[0])
        found = grant.may(_PODS) if stage else ""
        if stage and found and not _meant(stage["rules"]):
            yield grant.finding(found)


def _meant(rules: object) -> bool:
    return isinstance(rules, list) and any(
        {"create", "*"} & set(rule["verbs"]) and {"pods", "jobs", "deployments", "*"} & set(rule["resources"])
        for rule in rules
    )


def strangers(cluster: Cluster) -> Iterator[Finding]:
    """Accounts of elsewhere with rights in a stage."""
    for grant in cluster.grants:
        if grant.namespace not in cluster.stages or grant.trusted:
            continue
        home = grant.account[0]
        if home and home != grant.namespace and home not in cluster.stages and home not in cluster.component_namespaces:
            yield grant.finding(f"use the role {grant.role}")


def across(cluster: Cluster) -> Iterator[Finding]:
    """Accounts of one stage with rights in another, or everywhere."""
    for grant in cluster.grants:
        home = grant.account[0]
        if home in cluster.stages and grant.namespace != home and grant.rules:
            yield grant.finding(f"use the role {grant.role}")


def long_lived(cluster: Cluster) -> Iterator[Finding]:
    """Accounts of stages with tokens that never end."""
    for (namespace, name), item in cluster.accounts.items():
        if namespace in cluster.stages and item.get("secrets"):
            text = f"Account {namespace}/{name} has Secrets with tokens that never end."
            yield Finding(text, place_of(item), "secrets")


_NEEDS = ("Namespace", "ServiceAccount")
CHECKS = (
    Check(
        "GPU-ACC-001",
        "Every stage has its account",
        "rbac",
        "medium",
        "Without it the stages share one, and whoever takes over one stage has the rights of all.",
        _ROLE,
        missing,
        _NEEDS,
        STAGES,
    ),
    Check(
        "GPU-ACC-002",
        "Accounts of stages mount no token by themselves",
        "rbac",
        "medium",
        "A model file that runs code finds the token of the API server in a folder that every pod has.",
        _ROLE,
        mounting,
        _NEEDS,
        STAGES,
        {"cis": ("5.1.6",)},
    ),
    Check(
        "GPU-ACC-003",
        "No pod mounts a token for nothing",
        "rbac",
        "low",
        "Its account may do nothing with it today; tomorrow somebody binds a role, and every such pod has it.",
        Remedy("Set automountServiceAccountToken: false in the pod or its account.", "rbac", "rbac_stages"),
        for_nothing,
        (*_NEEDS, *RIGHTS, *WORKLOADS),
        references={"cis": ("5.1.6",)},
    ),
    Check(
        "GPU-ACC-004",
        "Pods of stages have an account of their own",
        "rbac",
        "medium",
        "Alerts, policies and Vault tell the work of a stage by its account.",
        Remedy("Set serviceAccountName.", "admission_policies", "admission_policies_pods_actions"),
        default_used,
        ("Namespace", *WORKLOADS),
        STAGE_PODS,
        {"cis": ("5.1.5",)},
    ),
    Check(
        "GPU-ACC-005",
        "The default account of a stage has no rights",
        "rbac",
        "medium",
        "Every pod that names no account has them.",
        Remedy("Bind the role to an account of its own.", "rbac", "rbac_stages"),
        default_bound,
        ("Namespace", *RIGHTS),
        STAGES,
        {"cis": ("5.1.5",)},
    ),
    Check(
        "GPU-ACC-006",
        "Accounts of stages make no pods",
        "rbac",
        "high",
        "A training job that makes pods runs as any account of its namespace, and mounts any Secret there.",
        Remedy("Take the right away, or let the stage say allow_privileged_rules.", "rbac", "rbac_stages"),
        makes_pods,
        ("Namespace", *RIGHTS),
        STAGES,
        {"cis": ("5.1.4",), "attack": ("T1610",)},
    ),
    Check(
        "GPU-ACC-007",
        "Accounts of elsewhere have no rights in a stage",
        "rbac",
        "medium",
        "Whoever takes over the notebook or pipeline there has the stage, too.",
        Remedy("Delete the binding, or move the account into the stage.", "rbac", "rbac_stages"),
        strangers,
        ("Namespace", "DaemonSet", *RIGHTS),
        STAGES,
    ),
    Check(
        "GPU-ACC-008",
        "Accounts of a stage have rights in their stage only",
        "rbac",
        "high",
        "Training runs code of others; what it may do in serving, that code may do to the models that are served.",
        Remedy("Delete the binding.", "rbac", "rbac_stages"),
        across,
        ("Namespace", *RIGHTS),
        STAGES,
    ),
    Check(
        "GPU-ACC-009",
        "Accounts of stages have no tokens that never end",
        "rbac",
        "medium",
        "A token in a Secret that leaked once with a container image or a notebook works for years.",
        Remedy("Delete the Secrets; pods get tokens that end by themselves."),
        long_lived,
        _NEEDS,
        STAGES,
    ),
)
