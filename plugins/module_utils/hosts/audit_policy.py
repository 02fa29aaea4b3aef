# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server writes into its audit log, made for a cluster with GPUs. Pure.

The first rule that fits a request counts. Bodies are kept only where they say what was done and hold no secret.
Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Rule = dict[str, Any]
_WRITES = ["create", "update", "patch", "delete", "deletecollection"]
_READS = ["get", "list", "watch"]
_COMPONENTS = [
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:kube-proxy",
]


def audit_policy(quiet_users: Sequence[str] = ()) -> dict[str, Any]:
    """The policy.

    Args:
        quiet_users: further users whose reads are nobody's concern, such as those of a monitoring system.
    """
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [*_secrets(), *_ways_in(), *_noise(quiet_users), *_gpus(), *_powers(), {"level": "Metadata"}],
    }


def _secrets() -> list[Rule]:
    """Who touched them, and never what is in them."""
    core = {"group": "", "resources": ["secrets", "configmaps", "serviceaccounts/token"]}
    tokens = {"group": "authentication.k8s.io", "resources": ["tokenreviews"]}
    # The control plane reads all of them all the time; whatever it writes is still seen.
    unseen = {"level": "None", "users": _COMPONENTS, "verbs": _READS, "resources": [core]}
    return [unseen, {"level": "Metadata", "resources": [core, tokens]}]


def _ways_in() -> list[Rule]:
    """Into a pod that has a GPU, or past the API server to a kubelet."""
    pods = [f"pods/{way}" for way in ("exec", "attach", "portforward", "proxy", "ephemeralcontainers")]
    resources = [{"group": "", "resources": [*pods, "nodes/proxy", "services/proxy"]}]
    return [{"level": "Request", "resources": resources}]


def _noise(quiet_users: Sequence[str]) -> list[Rule]:
    health = ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*", "/metrics"]
    rules: list[Rule] = [
        {"level": "None", "nonResourceURLs": health},
        {"level": "None", "resources": [{"group": "", "resources": ["events"]}, {"group": "events.k8s.io"}]},
        {"level": "None", "users": _COMPONENTS, "verbs": _READS},
        {"level": "None", "userGroups": ["system:nodes"], "verbs": _READS},
        {
            "level": "None",
            "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"],
            "resources": [
                {"group": "coordination.k8s.io", "resources": ["leases"]},
                {"group": "", "resources": ["nodes/status", "pods/status"]},
            ],
        },
        {
            "level": "None",
            "users": _COMPONENTS,
            "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
        },
    ]
    if quiet_users:
        rules.append({"level": "None", "users": list(quiet_users), "verbs": _READS})
    return rules


def _gpus() -> list[Rule]:
    """Who asks for a GPU, who gives it, and on which nodes there is one."""
    return [
        {
            "level": "Request",
            "verbs": _WRITES,
            "resources": [
                {"group": "", "resources": ["pods", "nodes", "pods/binding"]},
                {"group": "apps", "resources": ["daemonsets"]},
                {"group": "resource.k8s.io"},
                {"group": "nvidia.com"},
                {"group": "node.k8s.io", "resources": ["runtimeclasses"]},
            ],
        }
    ]


def _powers() -> list[Rule]:
    """Who changes what others may do."""
    return [
        {
            "level": "Request",
            "verbs": _WRITES,
            "resources": [
                {"group": "rbac.authorization.k8s.io"},
                {"group": "admissionregistration.k8s.io"},
                {"group": "networking.k8s.io"},
                {"group": "certificates.k8s.io"},
                {"group": "", "resources": ["namespaces", "serviceaccounts", "resourcequotas"]},
            ],
        }
    ]
