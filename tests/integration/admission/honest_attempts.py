# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes on in a hardened cluster: people's work, and what the cluster itself needs."""

from __future__ import annotations

from attempts import (
    EDIT,
    OPERATORS,
    OTHER,
    RBAC,
    STAGE,
    STAGE_USER,
    WATCH,
    Attempt,
    binding,
    in_stage,
    made,
    user,
)
from pod_objects import GPU, GPU_TOLERATION, HOST, PRIVILEGED, container, pod, workload

LABELS = {"app": "training-job"}
ROOT = "adm-root"
CALICO = "system:serviceaccount:tigera-operator:tigera-operator"
GPU_OPERATOR = "system:serviceaccount:gpu-operator:gpu-operator"
PROMETHEUS = "system:serviceaccount:adm-team:prometheus-operator"
KSERVE = "system:serviceaccount:adm-team:kserve"
VAULT = "system:serviceaccount:adm-team:external-secrets"
OF_OPERATORS = (CALICO, GPU_OPERATOR, PROMETHEUS, KSERVE, VAULT)
OPERATOR_NAMESPACES = ("gpu-operator", "adm-calico")
EVERYWHERE = [{"operator": "Exists"}]


def account(user: str) -> dict[str, str]:
    namespace, name = user.split(":")[2:]
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


CONTROLLERS = [
    made(
        "ClusterRole",
        OPERATORS,
        None,
        f"{RBAC}/v1",
        rules=[
            {"apiGroups": ["apps"], "resources": ["daemonsets", "deployments", "statefulsets"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["configmaps", "services", "nodes", "pods", "secrets"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
        ],
    ),
    binding(ROOT, user(ROOT), role="cluster-admin", namespace=None),
    binding(
        OPERATORS, *map(account, (CALICO, GPU_OPERATOR, PROMETHEUS, KSERVE, VAULT)), role=OPERATORS, namespace=None
    ),
]
HONEST = [
    *(
        Attempt(who, "create", "", item)
        for who in (EDIT, STAGE_USER)
        for item in (
            pod("work", container(resources=GPU), tolerations=[GPU_TOLERATION]),
            {**pod("labelled"), "metadata": {"name": "labelled", "namespace": STAGE, "labels": LABELS}},
            workload("Deployment", "work"),
            workload("Job", "work"),
            workload("CronJob", "work"),
            made("ConfigMap", "settings", data={"a": "b"}),
            made("Service", "work", spec={"ports": [{"port": 80}], "selector": {"a": "b"}}),
        )
    ),
    *(
        Attempt(who, in_stage(command))
        for who in (EDIT, STAGE_USER)
        for command in (
            "delete configmap own",
            "scale deployment own --replicas=1",
            "rollout restart deployment/own",
            "set env deployment/own A=b",
            "delete deployment own",
            "get pods",
            "get networkpolicies",
        )
    ),
    Attempt(EDIT, in_stage("create serviceaccount own")),
    Attempt(EDIT, "create", "", workload("DaemonSet", "plain", namespace=OTHER)),
]
NOBODY_IS_LOCKED_OUT = [
    # Cluster administrators, by the role and not by the group of kubeadm.
    Attempt(ROOT, in_stage("delete networkpolicy default-deny")),
    Attempt(ROOT, "delete namespace adm-training"),
    Attempt(ROOT, "label node gpu-a100-0 node-type-"),
    Attempt(ROOT, in_stage("create token adm-trainer")),
    Attempt(ROOT, f"delete daemonset watcher -n {WATCH}"),
    Attempt(ROOT, "create namespace network-operator"),
    # Their agents: CNI, CSI, node exporters.
    Attempt(
        ROOT,
        "create",
        "",
        workload("DaemonSet", "csi", PRIVILEGED, namespace=OTHER, tolerations=EVERYWHERE, volumes=HOST),
    ),
    # kubeadm upgrade asks for a Job in kube-system, and writes there.
    Attempt(
        ROOT, "create", "", workload("Job", "upgrade-health-check", namespace="kube-system", tolerations=EVERYWHERE)
    ),
    Attempt(ROOT, "create", "", made("ConfigMap", "kubeadm-config-new", "kube-system", data={"a": "b"})),
    # A node comes with labels and taints of its own.
    Attempt(
        "system:node:gpu-new",
        "create",
        "",
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "gpu-new", "labels": {"node-type": "gpu"}},
            "spec": {"taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]},
        },
    ),
    # Operators that make agents.
    Attempt(
        CALICO, "create", "", workload("DaemonSet", "node", PRIVILEGED, namespace="adm-calico", tolerations=EVERYWHERE)
    ),
    Attempt(
        GPU_OPERATOR,
        "create",
        "",
        workload("DaemonSet", "driver", PRIVILEGED, namespace="gpu-operator", tolerations=EVERYWHERE, volumes=HOST),
    ),
    # The operator of the Secrets, and nobody else.
    Attempt(VAULT, in_stage("create token vault-reader --audience=vault")),
    Attempt(KSERVE, in_stage("create token vault-reader --audience=vault"), "tokens"),
    Attempt(ROOT, in_stage("create token vault-reader"), "tokens"),
    Attempt(ROOT, in_stage("create token adm-trainer --audience=vault"), "tokens"),
    # Operators that make work, in stages and elsewhere.
    Attempt(PROMETHEUS, "create", "", workload("StatefulSet", "prometheus", namespace=OTHER)),
    Attempt(PROMETHEUS, "create", "", made("ConfigMap", "rules", WATCH, data={"a": "b"})),
    Attempt(
        KSERVE,
        "create",
        "",
        workload("Deployment", "predictor", container(resources=GPU), tolerations=[GPU_TOLERATION]),
    ),
    Attempt(KSERVE, "create", "", made("Service", "predictor", spec={"ports": [{"port": 80}], "selector": {"a": "b"}})),
]
