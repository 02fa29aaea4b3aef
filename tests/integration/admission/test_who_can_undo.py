# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is hardened stays so: ways to undo it, by who tries them, and honest work that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from attempts import (
    ADMIN,
    EDIT,
    HARDENER,
    KEEPER,
    OPERATORS,
    OTHER,
    RBAC,
    STAGE,
    STAGE_USER,
    WATCH,
    Attempt,
    answer,
    binding,
    check,
    group,
    in_stage,
    made,
    network_policy,
    rights,
    user,
)
from honest_attempts import CONTROLLERS, HONEST, NOBODY_IS_LOCKED_OUT, OPERATOR_NAMESPACES, PROMETHEUS, ROOT, VAULT
from pod_objects import GPU_TOLERATION, HOST, IMAGE, PRIVILEGED, container, pod, workload
from sandbox_access import Kubectl
from unseen_attempts import OBJECTS, PUBLIC, RIGHTS, UNSEEN
from waiting import wait_for

GATEWAY = "adm-gateway"
LABELS = {"app": "training-job"}


TRAINER = {"kind": "ServiceAccount", "name": "adm-trainer", "namespace": STAGE}
OPEN = {"ingress": [{}], "egress": [{}], "policyTypes": ["Ingress", "Egress"]}
SET = "applyset.kubernetes.io/part-of"
TAMPERING = [
    *(
        Attempt(who, in_stage(command), "tampering")
        for who in (EDIT, ADMIN)
        for command in (
            "delete networkpolicy default-deny",
            "delete networkpolicy --all",
            f"label networkpolicy default-deny {SET}-",
            "label networkpolicy default-deny a=b",
            "patch networkpolicy default-deny --type=merge"
            ' -p {"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"1"}]}}',
            'patch networkpolicy default-deny --type=merge -p {"metadata":{"finalizers":["example.com/a"]}}',
            "delete serviceaccount adm-trainer",
            "annotate serviceaccount adm-trainer eks.amazonaws.com/role-arn=other",
            'patch serviceaccount default -p {"automountServiceAccountToken":true}',
        )
    ),
    *(
        Attempt(ADMIN, in_stage(command), "tampering|rbac")
        for command in (
            "delete role adm-trainer-role",
            "delete rolebinding adm-trainer-binding",
            "label role adm-trainer-role a=b",
            'patch role adm-trainer-role --type=merge -p {"rules":[{"apiGroups":[""],"resources":["pods/exec"],'
            '"verbs":["create"]}]}',
        )
    ),
    Attempt(KEEPER, "delete clusterrole gpu-cluster-stage-user", "tampering"),
    Attempt(
        KEEPER, "label clusterrole gpu-cluster-stage-user rbac.authorization.k8s.io/aggregate-to-view=true", "tampering"
    ),
    Attempt(KEEPER, "delete clusterrole gpu-cluster-hardener", "tampering"),
    Attempt(HARDENER, in_stage("delete networkpolicy default-deny")),
    Attempt(HARDENER, in_stage("label networkpolicy default-deny a=b")),
]
NETWORK = [
    Attempt(
        EDIT,
        in_stage('patch networkpolicy allow-training --type=merge -p {"spec":{"egress":[{}]}}'),
        "network|tampering",
    ),
    Attempt(EDIT, "create", "network", network_policy("allow-all", **OPEN)),
    Attempt(EDIT, "create", "network", network_policy("ingress", ingress=[{}])),
    Attempt(EDIT, "create", "network", network_policy("egress", policyTypes=["Egress"], egress=[{}])),
    Attempt(EDIT, "create", "network", network_policy("one-pod", podSelector={"matchLabels": {"a": "b"}}, egress=[{}])),
    Attempt(EDIT, "create", "", network_policy("closes", policyTypes=["Ingress", "Egress"])),
    Attempt(HARDENER, "create", "", network_policy("allow-all", **OPEN)),
]
TOKENS = [
    Attempt(EDIT, in_stage("create token adm-trainer"), "tokens"),
    Attempt(EDIT, in_stage("create token adm-trainer --audience=vault"), "tokens"),
    Attempt(EDIT, in_stage("create token default"), "tokens"),
    Attempt(
        EDIT,
        "create",
        "tokens",
        made(
            "Secret",
            "token",
            type="kubernetes.io/service-account-token",
            metadata={"annotations": {"kubernetes.io/service-account.name": "adm-trainer"}},
        ),
    ),
    Attempt(EDIT, "create", "", made("Secret", "plain", stringData={"a": "b"})),
]
# An owner of a version that nobody serves: the garbage collector cannot look for it, and leaves the Secret.
FROM_VAULT = made(
    "Secret",
    "from-vault",
    stringData={"token": "a"},
    metadata={
        "ownerReferences": [
            {
                "apiVersion": "external-secrets.io/v0",
                "kind": "ExternalSecret",
                "name": "a",
                "uid": "1",
                "controller": True,
            }
        ]
    },
)
OWN_SECRET = made("Secret", "own", stringData={"token": "a"})
OTHER_VALUE = '--type=merge -p {"data":{"token":"Yg=="}}'
SECRETS = [
    *(
        Attempt(who, in_stage(command), "written-secrets")
        for who in (EDIT, ADMIN)
        for command in (
            "delete secret from-vault",
            f"patch secret from-vault {OTHER_VALUE}",
            'patch secret from-vault --type=merge -p {"metadata":{"ownerReferences":null}}',
            "annotate secret from-vault reconcile.external-secrets.io/data-hash=a",
        )
    ),
    *(
        Attempt(who, in_stage(command))
        for who in (VAULT, ROOT, EDIT)
        for command in (
            "delete secret own",
            f"patch secret own {OTHER_VALUE}",
        )
    ),
    # The operator, whoever adopted one, the garbage collector, administrators.
    *(Attempt(who, in_stage(f"patch secret from-vault {OTHER_VALUE}")) for who in (VAULT, PROMETHEUS, ROOT)),
    *(
        Attempt(who, in_stage("delete secret from-vault"))
        for who in (VAULT, "system:serviceaccount:kube-system:generic-garbage-collector")
    ),
]
GRANTS = [
    Attempt(ADMIN, "create", "rbac-cluster-roles", item)
    for item in (
        binding("view", TRAINER, role="view"),
        binding("user", user("system:serviceaccount:adm-training:adm-trainer"), role="view"),
        binding("group", group("system:serviceaccounts:adm-training"), role="view"),
        binding("accounts", group("system:serviceaccounts"), role="view"),
        binding("anybody", group("system:unauthenticated"), role="view"),
        binding("anonymous", user("system:anonymous"), role="view"),
        binding("aggregate", TRAINER, role="system:aggregate-to-edit"),
        binding("aggregate-for-people", user("bob"), role="system:aggregate-to-edit"),
        binding("edit", user("bob"), role="edit"),
        binding("admin", user("bob"), role="admin"),
        binding("foreign", {"kind": "ServiceAccount", "name": "ci", "namespace": "default"}, role="edit"),
    )
] + [
    Attempt(ADMIN, "create", "", binding("people", group("engineers"), role="gpu-cluster-stage-user")),
    Attempt(ADMIN, "create", "", binding("readers", group("engineers"), role="view")),
    Attempt(ADMIN, "create", "rbac-roles", binding("reads", TRAINER, role="adm-reads-secrets", kind="Role")),
    Attempt(ADMIN, "create", "rbac-roles", binding("reads-too", user("bob"), role="adm-reads-secrets", kind="Role")),
    Attempt(ADMIN, "create", "rbac-roles", binding("enters", TRAINER, role="adm-enters", kind="Role")),
    Attempt(ADMIN, "create", "", binding("enters-too", user("bob"), role="adm-enters", kind="Role")),
    Attempt(KEEPER, "create", "rbac-cluster-roles", binding("cluster-view", TRAINER, role="view", namespace=None)),
    Attempt(HARDENER, "create", "", binding("cluster-view", TRAINER, role="view", namespace=None)),
]
ROLES = [
    Attempt(ADMIN, "create", "rbac", made("Role", "widened", api_version=f"{RBAC}/v1", rules=[rule]))
    for rule in (
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["delete"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
    )
] + [
    Attempt(
        ADMIN,
        "create",
        "",
        made(
            "Role",
            "readers",
            api_version=f"{RBAC}/v1",
            rules=[{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}],
        ),
    )
]
NAMES = [
    *(
        Attempt(KEEPER, command, "namespaces")
        for command in (
            "delete namespace adm-training",
            "delete namespace falco",
            "create namespace gpu-operator",
            "create namespace network-operator",
            f"create namespace {GATEWAY}",
            "create namespace external-secrets",
            "create namespace tigera-operator",
            "label namespace falco pod-security.kubernetes.io/enforce=baseline --overwrite",
            "label namespace adm-training pod-security.kubernetes.io/enforce-",
            f"label namespace adm-training {SET}=x --overwrite",
        )
    ),
    Attempt(KEEPER, "create namespace adm-harmless"),
    Attempt(KEEPER, "label namespace adm-training team=vision"),
    Attempt(HARDENER, f"create namespace {GATEWAY}"),
]
# What docs/what-remains-open.md says: no policy sees a policy, whatever its rules match.
OPEN_STILL = [
    Attempt(KEEPER, "label validatingadmissionpolicies tampering.gpu-cluster.hardening a=b"),
    Attempt(KEEPER, "delete validatingadmissionpolicybindings tampering.gpu-cluster.hardening"),
    Attempt(EDIT, in_stage("get secrets")),
]
NODES = [
    Attempt(KEEPER, "label node gpu-a100-0 node-type-", "nodes"),
    Attempt(KEEPER, "label node cpu-0 node-type=gpu", "nodes"),
    Attempt(KEEPER, "label node cpu-0 node-restriction.kubernetes.io/node-type=gpu", "nodes"),
    Attempt(KEEPER, "taint node gpu-a100-0 nvidia.com/gpu-", "nodes"),
    Attempt(KEEPER, "label node gpu-a100-0 rack=7"),
    Attempt(KEEPER, "cordon gpu-a100-0"),
    Attempt(HARDENER, "label node gpu-a100-0 node-type-"),
]
WATCHED = [
    Attempt(EDIT, f"delete daemonset watcher -n {WATCH}", "own-namespaces"),
    Attempt(EDIT, f"set image daemonset/watcher main={IMAGE.replace('v2.1', 'v3')} -n {WATCH}", "own-namespaces"),
    Attempt(EDIT, "create", "own-namespaces", pod("spy", PRIVILEGED, namespace=WATCH, volumes=HOST)),
    Attempt(EDIT, "create", "own-namespaces", made("ConfigMap", "rules", WATCH, data={"a": "b"})),
    Attempt(EDIT, "exec watcher -n falco -- true", "own-namespaces"),
    Attempt(EDIT, f"rollout restart daemonset/watcher -n {WATCH}"),
    Attempt(EDIT, "delete configmap layer-rbac -n gpu-cluster-hardening", "own-namespaces"),
]
ELSEWHERE_ON_GPUS = {"namespace": OTHER, "tolerations": [GPU_TOLERATION]}
PODS = [
    *(
        Attempt(EDIT, "create", policy, item)
        for policy, item in (
            ("placement", pod("by-name", nodeName="gpu-a100-0")),
            ("placement", workload("Deployment", "by-name-later", nodeName="gpu-a100-0")),
            ("placement", pod("tolerant", tolerations=[{"operator": "Exists"}])),
            ("placement", pod("node-critical", priorityClassName="system-node-critical")),
            ("placement", pod("cluster-critical", priorityClassName="system-cluster-critical")),
            (
                "placement",
                {**pod("posing"), "metadata": {"name": "posing", "namespace": STAGE, "labels": LABELS}}
                | {"spec": {**pod("posing")["spec"], "serviceAccountName": "other"}},
            ),
            ("placement", pod("reader", serviceAccountName="vault-reader")),
            ("host-access", pod("host", PRIVILEGED, volumes=HOST, **ELSEWHERE_ON_GPUS)),
            ("host-access", pod("host-path", volumes=HOST, **ELSEWHERE_ON_GPUS)),
            ("host-access", pod("host-pid", hostPID=True, **ELSEWHERE_ON_GPUS)),
            (
                "host-access",
                workload("DaemonSet", "agents", PRIVILEGED, namespace=OTHER, tolerations=[{"operator": "Exists"}]),
            ),
            ("", pod("not-on-gpus", container(), namespace=OTHER, volumes=HOST)),
        )
    ),
    Attempt(
        KEEPER,
        "create",
        "host-volumes",
        made(
            "PersistentVolume",
            "root",
            None,
            spec={"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/"}},
        ),
    ),
]
CASES = [
    *TAMPERING,
    *NETWORK,
    *TOKENS,
    *SECRETS,
    *GRANTS,
    *ROLES,
    *NAMES,
    *OPEN_STILL,
    *NODES,
    *WATCHED,
    *PODS,
    *HONEST,
    *NOBODY_IS_LOCKED_OUT,
    *UNSEEN,
]


def created(kubectl: Kubectl, namespace: str) -> bool:
    return kubectl.run("create", "namespace", namespace).returncode == 0


@pytest.fixture(scope="module")
def hardened(policies: Any, kubectl: Kubectl) -> Iterator[Kubectl]:
    """Stages with all layers that this is about, users, and what is attacked."""
    stages = [
        {**policies.stages[0], "ingress": [{"namespace": GATEWAY, "pods": {"app": "gateway"}, "ports": [{"port": 80}]}]}
    ]
    stages += policies.stages[1:]
    everywhere = {"host_access": ["Deny"]}  # of two policies that refuse, any may be named
    policies.roles("network_policies", gpu_cluster_stages=stages)
    for name in (OTHER, WATCH, *OPERATOR_NAMESPACES):  # another test may just have deleted one of that name
        wait_for(partial(created, kubectl, name), f"namespace {name} is made")
    kubectl("label", "namespace", WATCH, "pod-security.kubernetes.io/enforce=privileged")
    objects = [
        *rights((STAGE, OTHER, WATCH, "gpu-cluster-hardening")),
        *CONTROLLERS,
        *RIGHTS,
        made("ConfigMap", "own", data={"a": "b"}),
        FROM_VAULT,
        OWN_SECRET,
        made("ServiceAccount", "other", automountServiceAccountToken=False),
        made("ServiceAccount", "vault-reader", automountServiceAccountToken=False),
        workload("Deployment", "own"),
        workload("DaemonSet", "watcher", PRIVILEGED, namespace=WATCH),
        pod("watcher", namespace=WATCH),
        made(
            "Role",
            "adm-reads-secrets",
            api_version=f"{RBAC}/v1",
            rules=[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
        ),
        made(
            "Role",
            "adm-enters",
            api_version=f"{RBAC}/v1",
            rules=[{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}],
        ),
        *OBJECTS,
    ]
    done = kubectl.run("create", stdin={"apiVersion": "v1", "kind": "List", "items": objects})
    assert done.returncode == 0, done.stderr
    kubectl("label", "node", "gpu-a100-0", "node-type=gpu")
    kubectl("taint", "node", "gpu-a100-0", "nvidia.com/gpu=true:NoSchedule")
    policies.apply(
        gpu_cluster_stages=stages,
        admission_policies_cluster_wide=everywhere,
        gpu_cluster_vault_url="https://vault.adm-team:8200",
        admission_policies_vault_users=[VAULT],
    )
    wait_for(lambda: "host-access" in answer(kubectl, PODS[7]), "host-access denies elsewhere")
    yield kubectl
    policies.roles("admission_policies", admission_policies_state="absent", gpu_cluster_stages=stages)
    policies.roles("network_policies", network_policies_state="absent", gpu_cluster_stages=stages)
    kubectl("taint", "node", "gpu-a100-0", "nvidia.com/gpu-")
    kubectl("label", "node", "gpu-a100-0", "node-type-")
    kubectl("delete", "namespace", OTHER, WATCH, *OPERATOR_NAMESPACES, "--wait=false")
    kubectl("delete", "clusterrole,clusterrolebinding", KEEPER, HARDENER, OPERATORS)
    kubectl("delete", "clusterrolebinding", "adm-root")
    kubectl("delete", "clusterrole", "adm-debugger")
    kubectl("delete", "rolebinding", "-n", PUBLIC, EDIT)
    kubectl("delete", "rolebinding", "-n", "gpu-cluster-hardening", EDIT, ADMIN, STAGE_USER)


@pytest.mark.parametrize("attempt", CASES, ids=lambda attempt: attempt.name)
def test_attempt(hardened: Kubectl, attempt: Attempt) -> None:
    check(hardened, attempt)


@pytest.mark.parametrize("namespace", ["kube-system", OTHER])
def test_a_kubelet_tells_of_its_static_pods(hardened: Kubectl, namespace: str) -> None:
    owner = {"apiVersion": "v1", "kind": "Node", "name": "gpu-a100-0", "controller": True}
    owner["uid"] = hardened.get("node", "gpu-a100-0")["metadata"]["uid"]
    mirror = pod(
        "static-gpu-a100-0",
        PRIVILEGED,
        namespace=namespace,
        annotations={"kubernetes.io/config.mirror": "x"},
        volumes=HOST,
        hostNetwork=True,
        nodeName="gpu-a100-0",
        tolerations=[{"operator": "Exists"}],
    )
    mirror["metadata"]["ownerReferences"] = [owner]
    check(hardened, Attempt("system:node:gpu-a100-0", "create", "", mirror))


def test_controllers_do_their_work(hardened: Kubectl) -> None:
    """A Deployment becomes pods, and what it made goes with it; the same for a Job that a CronJob makes."""
    deployment = workload("Deployment", "controlled")
    deployment["spec"]["replicas"] = 2
    hardened("create", stdin=deployment)
    hardened("create", stdin=workload("CronJob", "controlled"))
    hardened.run("create", "job", "controlled-once", "--from=cronjob/controlled", "-n", STAGE)

    def pods() -> list[str]:
        found = hardened("get", "pods", "-n", STAGE, "-l", "app=controlled")["items"]
        return [item["metadata"]["name"] for item in found]

    wait_for(lambda: len(pods()) >= 2, "pods are made")
    hardened("delete", "deployment,cronjob,job", "controlled", "controlled-once", "-n", STAGE, "--ignore-not-found")
    wait_for(lambda: not pods(), "pods are collected")


def test_a_namespace_that_an_administrator_deletes_goes_with_what_is_guarded_in_it(hardened: Kubectl) -> None:
    assert hardened.get("networkpolicy", "default-deny", "adm-serving")
    hardened("delete", "namespace", "adm-serving", "--wait=false")
    wait_for(lambda: hardened.get("namespace", "adm-serving") is None, "the namespace is gone")


def test_what_is_half_gone_is_repaired(hardened: Kubectl, policies: Any) -> None:
    """By the same run: roles that the policies ask about, a policy, a binding and the memory of layers are gone."""
    hardened("delete", "clusterrole", "gpu-cluster-hardener", "gpu-cluster-stage-user")
    hardened("delete", "validatingadmissionpolicy", "tokens.gpu-cluster.hardening")
    hardened("delete", "validatingadmissionpolicybinding", "network.gpu-cluster.hardening")
    hardened("delete", "configmap", "layer-rbac", "layer-admission-policies", "-n", "gpu-cluster-hardening")
    for role in ("pod_security", "rbac", "network_policies"):
        policies.roles(role, gpu_cluster_stages=policies.stages)
    policies.apply()
    for kind, name in (
        ("clusterrole", "gpu-cluster-hardener"),
        ("validatingadmissionpolicy", "tokens.gpu-cluster.hardening"),
        ("validatingadmissionpolicybinding", "network.gpu-cluster.hardening"),
    ):
        assert hardened.get(kind, name)
