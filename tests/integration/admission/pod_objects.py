# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages, settings and objects of these tests: a pod that every policy admits, and the kinds that make pods of it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = f"registry.internal/ml-trainer:v2.1@{DIGEST}"
STAGES: list[Json] = [
    {
        "name": "training",
        "namespace": "adm-training",
        "gpu": True,
        "pod_security": {"enforce": "restricted"},
        "service_account": {"name": "adm-trainer"},
        "pods": {"app": "training-job"},
        "egress": ["dns"],
    },
    {
        "name": "serving",
        "namespace": "adm-serving",
        "gpu": True,
        "pod_security": {"enforce": "baseline"},
        "service_account": {"name": "adm-server"},
        "pods": {"app": "model-server"},
        "egress": ["dns"],
    },
    {
        "name": "monitoring",
        "namespace": "adm-monitoring",
        "pod_security": {"enforce": "restricted"},
        "service_account": {"name": "adm-monitor", "automount": True},
        "pods": {"app": "ml-monitor"},
        "egress": ["dns"],
    },
]
ACCOUNTS = {stage["namespace"]: stage["service_account"]["name"] for stage in STAGES}
POD_POLICIES = ("image_digests", "image_registries", "secrets", "gpu_use", "pods", "placement", "host_access")
POLICIES = (*POD_POLICIES, "rbac", "namespaces", "tampering", "network", "tokens", "nodes")
STRICT: Json = {
    "gpu_cluster_stages": STAGES,
    **{f"admission_policies_{policy}_actions": ["Deny", "Audit"] for policy in POLICIES},
    "admission_policies_trial_stages": [],
    "admission_policies_cluster_wide": {},
    "admission_policies_registries": ["registry.internal", "registry.example:5000/ml"],
    "admission_policies_stage_registries": {"serving": ["registry.internal/serving"]},
    "admission_policies_gpu_service_accounts": {"training": ["adm-tuner"]},
}
GPU = {"limits": {"nvidia.com/gpu": 1, "cpu": "8", "memory": "32Gi"}}
GPU_TOLERATION = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}


def container(name: str = "main", **changes: Any) -> Json:
    """A container that every policy admits; a change to None takes the key away."""
    whole = {
        "name": name,
        "image": IMAGE,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def spec(*containers: Json, namespace: str = "adm-training", **changes: Any) -> Json:
    """The spec of a pod that every policy admits."""
    whole = {
        "serviceAccountName": ACCOUNTS.get(namespace),
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": list(containers) or [container()],
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def pod(
    name: str, *containers: Json, namespace: str = "adm-training", annotations: Json | None = None, **changes: Any
) -> Json:
    """A pod."""
    metadata: Json = {"name": name, "namespace": namespace}
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec(*containers, namespace=namespace, **changes),
    }


def workload(
    kind: str,
    name: str,
    *containers: Json,
    namespace: str = "adm-training",
    annotations: Json | None = None,
    **changes: Any,
) -> Json:
    """Any kind that makes pods, of the same template; none of them runs."""
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels, **({"annotations": annotations} if annotations else {})},
        "spec": spec(*containers, namespace=namespace, **changes),
    }
    selected = {"selector": {"matchLabels": labels}, "template": template}
    once = {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}
    api_version, body = {
        "Deployment": ("apps/v1", {"replicas": 0, **selected}),
        "ReplicaSet": ("apps/v1", {"replicas": 0, **selected}),
        "StatefulSet": ("apps/v1", {"replicas": 0, "serviceName": name, **selected}),
        "DaemonSet": (
            "apps/v1",
            {**selected, "template": {**template, "spec": {**template["spec"], "nodeSelector": {"none": "here"}}}},
        ),
        "ReplicationController": ("v1", {"replicas": 0, "selector": labels, "template": template}),
        "Job": ("batch/v1", {"suspend": True, "template": once}),
        "CronJob": (
            "batch/v1",
            {"suspend": True, "schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": once}}},
        ),
    }[kind]
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": body}


WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job", "CronJob")
PRIVILEGED = container(securityContext={"privileged": True})
HOST: list[Json] = [{"name": "root", "hostPath": {"path": "/"}}]
