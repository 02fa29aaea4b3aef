# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what undoes the hardening."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import RIGHTS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.rights import (
    CLUSTER_ADMIN,
    EVERYBODY,
    Grant,
    Power,
    power,
)

WRITE = "create update patch delete deletecollection"
PODS = [
    "/pods",
    "apps/deployments",
    "apps/daemonsets",
    "apps/statefulsets",
    "apps/replicasets",
    "/replicationcontrollers",
    "batch/jobs",
    "batch/cronjobs",
]
NARROW = Remedy(
    "Bind the role gpu-cluster-stage-user in place of edit and admin, or narrow the role.",
    "rbac",
    "rbac_stage_user_rules",
)
TAKE = Remedy("Take the right from the subject, or name it in gpu_cluster_hardeners.", "rbac", "gpu_cluster_hardeners")


def others(cluster: Cluster) -> Iterator[Grant]:
    """Grants of people and programs; who has everything is told once, by GPU-RBAC-001."""
    for grant in cluster.grants:
        if not grant.trusted and grant.role != CLUSTER_ADMIN:
            yield grant


def administrators(cluster: Cluster) -> Iterator[Finding]:
    """Subjects of cluster-admin."""
    for grant in cluster.grants:
        if grant.role == CLUSTER_ADMIN and not grant.trusted:
            yield grant.finding("do everything")


def wildcards(cluster: Cluster) -> Iterator[Finding]:
    """Accounts with wildcards in their verbs or resources."""
    for grant in others(cluster):
        wild = any("*" in (rule.get(key) or ()) for rule in grant.rules for key in ("verbs", "resources"))
        if wild and grant.account[1]:
            yield grant.finding("do what a wildcard covers")


def everybody(cluster: Cluster) -> Iterator[Finding]:
    """What everybody may write or read beyond finding out what there is."""
    wanted = power(f"{WRITE} list", *PODS, "/secrets", "/configmaps", "/nodes", "/namespaces", "/serviceaccounts/token")
    for grant in cluster.grants:
        name = str(grant.subject.get("name"))
        found = grant.may(wanted) if name in EVERYBODY or name == "system:anonymous" else ""
        if found:
            yield grant.finding(found)


def everywhere(wanted: Power) -> Callable[[Cluster], Iterator[Finding]]:
    """What may be done in the whole cluster."""

    def find(cluster: Cluster) -> Iterator[Finding]:
        for grant in others(cluster):
            found = grant.may(wanted) if grant.namespace is None else ""
            if found:
                yield grant.finding(found)

    return find


def in_stages(wanted: Power, by_cluster: bool = True) -> Callable[[Cluster], Iterator[Finding]]:
    """What may be done in a stage, by a binding there or of the whole cluster, where no other check tells those."""

    def find(cluster: Cluster) -> Iterator[Finding]:
        for grant in others(cluster):
            there = by_cluster if grant.namespace is None else grant.namespace in cluster.stages
            found = grant.may(wanted) if there else ""
            if found:
                yield grant.finding(found)

    return find


_SECRETS = power("get list watch", "/secrets")


def check(
    number: int,
    title: str,
    severity: str,
    why: str,
    find: Callable[[Cluster], Iterator[Finding]],
    remedy: Remedy,
    *cis: str,
    attack: tuple[str, ...] = (),
) -> Check:
    """A check of this sort."""
    references = {**({"cis": cis} if cis else {}), **({"attack": attack} if attack else {})}
    needs = ("Namespace", *RIGHTS)
    return Check(f"GPU-RBAC-{number:03}", title, "rbac", severity, why, remedy, find, needs, None, references)


CHECKS = (
    check(
        1,
        "Nobody but administrators has cluster-admin",
        "high",
        "The commonest mistake on ML platforms: a pipeline's account with cluster-admin, as it is easier.",
        administrators,
        Remedy("Give it a role with what it needs.", "rbac", "rbac_stages"),
        "5.1.1",
    ),
    check(
        2,
        "No account has wildcards",
        "high",
        "A wildcard also gives what operators for GPUs and models add to the cluster later.",
        wildcards,
        Remedy("Name the verbs and resources that it needs.", "rbac", "rbac_stages"),
        "5.1.3",
    ),
    check(
        3,
        "Everybody may do nothing",
        "critical",
        "Every pod of every training job is in system:authenticated and system:serviceaccounts.",
        everybody,
        Remedy("Delete the binding."),
        "5.1.2",
    ),
    check(
        4,
        "Nobody reads the Secrets of the whole cluster",
        "high",
        "Credentials of model registries and data lakes of all stages are among them.",
        everywhere(_SECRETS),
        Remedy("Bind the role in the namespaces that need it.", "external_secrets", "external_secrets_mode"),
        "5.1.2",
    ),
    check(
        5,
        "Nobody reads the Secrets of a stage",
        "high",
        "The key that signs models and the token of the registry are there; the operator alone has to reach them.",
        in_stages(_SECRETS, by_cluster=False),
        NARROW,
        "5.1.2",
    ),
    check(
        6,
        "Nobody writes namespaces",
        "high",
        "One label takes Pod Security off a stage: its pods may then be privileged.",
        everywhere(power("create update patch", "/namespaces")),
        TAKE,
        attack=("T1611",),
    ),
    check(
        7,
        "Nobody writes NetworkPolicies of a stage",
        "high",
        "The built-in roles edit and admin may: one policy more opens training to the internet.",
        in_stages(power(WRITE, "networking.k8s.io/networkpolicies")),
        NARROW,
    ),
    check(
        8,
        "Nobody writes nodes",
        "high",
        "Labels and taints decide which pods get to GPU nodes, and which nodes get Secrets and data.",
        everywhere(power("create update patch", "/nodes", "/nodes/status")),
        TAKE,
    ),
)
