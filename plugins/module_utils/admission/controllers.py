# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who acts for Kubernetes itself: the users as whom its controllers write, each judged when its order was given.

What a controller makes follows a template that somebody wrote, and what it deletes an owner that somebody deleted; both
were seen by the policies then. Nobody else has these names unless they may impersonate, or hold tokens of kube-system.
Source: cmd/kube-controller-manager/names/controller_names.go and plugin/pkg/auth/authorizer/rbac/bootstrappolicy/
controller_policy.go of Kubernetes 1.37; the users without an account are those of a controller manager that runs
without --use-service-account-credentials.
"""

from __future__ import annotations

_ACCOUNTS = (
    "cronjob-controller",
    "daemon-set-controller",
    "deployment-controller",
    "device-taint-eviction-controller",
    "disruption-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "expand-controller",
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "job-controller",
    "legacy-service-account-token-cleaner",
    "namespace-controller",
    "node-controller",
    "persistent-volume-binder",
    "pod-garbage-collector",
    "pv-protection-controller",
    "pvc-protection-controller",
    "replicaset-controller",
    "replication-controller",
    "resource-claim-controller",
    "resourcequota-controller",
    "root-ca-cert-publisher",
    "service-account-controller",
    "service-controller",
    "statefulset-controller",
    "taint-eviction-controller",
    "ttl-after-finished-controller",
)
CONTROLLERS = (
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    *(f"system:serviceaccount:kube-system:{account}" for account in _ACCOUNTS),
)
"""Names of users."""
