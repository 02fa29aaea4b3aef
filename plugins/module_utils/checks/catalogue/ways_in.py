# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets into pods, makes them where they may be privileged, or gives itself more."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.namespaces import level
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.rights import (
    NARROW,
    PODS,
    TAKE,
    WRITE,
    check,
    everywhere,
    in_stages,
    others,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.rights import power


def pods_beside_agents(cluster: Cluster) -> Iterator[Finding]:
    """Who makes pods where pods may be privileged, by a binding in that namespace."""
    wanted = power("create update patch", *PODS)
    for grant in others(cluster):
        home = grant.namespace
        if home is None or home in cluster.stages or home not in cluster.namespaces:
            continue
        guarded = home in SYSTEM or (
            level(cluster, home, "enforce") == "privileged" and home in cluster.component_namespaces
        )
        found = grant.may(wanted) if guarded and grant.account[0] != home else ""
        if found:
            yield grant.finding(found)


_HARD = {"attack": ("T1610",)}
CHECKS = (
    check(
        9,
        "Nobody makes pods next to node agents",
        "high",
        "Where the device plugin or Falco runs, pods may be privileged: who makes one there has the node.",
        pods_beside_agents,
        Remedy("Take the binding away.", "rbac", "gpu_cluster_node_agents"),
        "5.1.4",
        **_HARD,
    ),
    check(
        10,
        "Nobody makes pods in the whole cluster",
        "high",
        "In kube-system and beside node agents no level holds, so that is the right to every node.",
        everywhere(power("create update patch", *PODS)),
        Remedy("Bind the role in the namespaces that need it.", "rbac", "rbac_stages"),
        "5.1.4",
        **_HARD,
    ),
    check(
        11,
        "Nobody gets into pods of a stage",
        "high",
        "exec, attach and debug containers read weights, data and tokens, past image policies and NetworkPolicies.",
        in_stages(
            power(
                "create get update patch",
                "/pods/exec",
                "/pods/attach",
                "/pods/ephemeralcontainers",
                "/pods/portforward",
                "/pods/proxy",
                "/services/proxy",
            )
        ),
        NARROW,
    ),
    check(
        12,
        "Nobody makes tokens of accounts of a stage",
        "high",
        "A token is the account, wherever it is taken: also the one that Vault trusts.",
        in_stages(power("create", "/serviceaccounts/token")),
        NARROW,
        "5.1.13",
    ),
    check(
        13,
        "Nobody gives rights or acts as others",
        "high",
        "bind, escalate and impersonate are every right that there is.",
        in_stages(
            power(
                "bind escalate impersonate",
                "rbac.authorization.k8s.io/roles",
                "rbac.authorization.k8s.io/clusterroles",
                "/users",
                "/groups",
                "/serviceaccounts",
            )
        ),
        TAKE,
        "5.1.8",
    ),
    check(
        14,
        "Nobody writes bindings of a stage",
        "high",
        "The built-in role admin may: it gives edit, and with it pods as any account of the stage, to anybody.",
        in_stages(
            power(
                "create update patch",
                "rbac.authorization.k8s.io/rolebindings",
                "rbac.authorization.k8s.io/clusterrolebindings",
            )
        ),
        NARROW,
        "5.1.8",
    ),
    check(
        15,
        "Nobody writes webhooks and admission policies",
        "high",
        "They are the hardening: who deletes one may do the rest. A webhook also reads every object, Secrets included.",
        everywhere(
            power(
                WRITE,
                *(
                    f"admissionregistration.k8s.io/{name}"
                    for name in (
                        "validatingwebhookconfigurations",
                        "mutatingwebhookconfigurations",
                        "validatingadmissionpolicies",
                        "validatingadmissionpolicybindings",
                        "mutatingadmissionpolicies",
                        "mutatingadmissionpolicybindings",
                    )
                ),
            )
        ),
        TAKE,
        "5.1.12",
    ),
    check(
        16,
        "Nobody talks to kubelets",
        "high",
        "nodes/proxy runs commands in every pod of a GPU node, and leaves nothing in the audit log.",
        everywhere(power("get create update patch", "/nodes/proxy")),
        TAKE,
        "5.1.10",
    ),
    check(
        17,
        "Nobody approves certificates",
        "medium",
        "A certificate of a GPU node reads the Secrets of its pods.",
        everywhere(
            power(
                "update patch approve",
                "certificates.k8s.io/certificatesigningrequests/approval",
                "certificates.k8s.io/signers",
            )
        ),
        TAKE,
        "5.1.11",
    ),
    check(
        18,
        "Nobody makes volumes",
        "medium",
        "A PersistentVolume of type hostPath gives a pod of a stage the files of the node, which its level forbids.",
        everywhere(power("create update patch", "/persistentvolumes")),
        Remedy("Take the right away, except from provisioners.", "rbac", "gpu_cluster_node_agents"),
        "5.1.9",
    ),
    check(
        19,
        "Nobody writes quotas of a stage",
        "medium",
        "Who raises the quota has all GPUs.",
        in_stages(power(WRITE, "/resourcequotas", "/limitranges")),
        NARROW,
    ),
    check(
        20,
        "Nobody writes device classes",
        "medium",
        "With dynamic resource allocation they say which devices a claim may get, and how they are set up.",
        everywhere(power(WRITE, "resource.k8s.io/deviceclasses", "resource.k8s.io/resourceslices")),
        TAKE,
    ),
)
