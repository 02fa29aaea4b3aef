# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks and honest work that were written from the requirements alone, before reading the policies.

Those that are somewhere else already are left out. docs/what-remains-open.md has the figures of all.
"""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer
from attempts import (
    ADMIN,
    EDIT,
    KEEPER,
    OTHER,
    RBAC,
    STAGE,
    STAGE_USER,
    WATCH,
    Attempt,
    binding,
    group,
    in_stage,
    made,
    network_policy,
    user,
)
from pod_objects import GPU, GPU_TOLERATION, HOST, PRIVILEGED, Json, container, pod, workload

PUBLIC = "kube-public"
LABELS = {"app": "training-job"}
ALL_TAINTS = [{"operator": "Exists"}]
OPENED = {"ingress": [{}], "egress": [{}], "policyTypes": ["Ingress", "Egress"]}
OF_WORKLOADS = {PART_OF: Layer("workloads").set_id}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
KUBE = "system:serviceaccount:kube-system"
SNAPSHOTS = f"{KUBE}:snapshot-controller"
QUEUES = "system:serviceaccount:adm-team:queue-controller"
TRAINER = {"kind": "ServiceAccount", "name": "adm-trainer", "namespace": STAGE}
ROOT = "adm-root"


def owned(item: Json, kind: str, name: str, api_version: str = "apps/v1") -> Json:
    """As if a controller had made it."""
    owner = {"apiVersion": api_version, "kind": kind, "name": name, "uid": "1", "controller": True}
    return {**item, "metadata": {**item["metadata"], "ownerReferences": [owner]}}


def of_workloads(item: Json) -> Json:
    """As the layer ``workloads`` applies it."""
    return {**item, "metadata": {**item["metadata"], "labels": OF_WORKLOADS}}


def with_labels(item: Json, labels: dict[str, str]) -> Json:
    return {**item, "metadata": {**item["metadata"], "labels": labels}}


def volume(**source: Json) -> Json:
    """A PersistentVolume."""
    affinity: Json = {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}
    return made(
        "PersistentVolume",
        "unseen",
        None,
        spec={
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            **({"nodeAffinity": affinity} if "local" in source else {}),
            **source,
        },
    )


def evicted(name: str, namespace: str) -> Attempt:
    """An eviction, which kubectl does not know as a command."""
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction?dryRun=All"
    return Attempt(EDIT, f"create --raw {path}", "", made("Eviction", name, namespace, "policy/v1"))


OBJECTS: list[Json] = [
    with_labels(pod("plain", serviceAccountName="other"), {"a": "b"}),
    pod("privileged", PRIVILEGED, namespace=OTHER, volumes=HOST, schedulingGates=[{"name": "example.com/wait"}]),
    pod("on-a-gpu-node", namespace=OTHER, tolerations=[GPU_TOLERATION]),
    of_workloads(workload("Deployment", "served")),
    of_workloads(workload("Job", "trained")),
    of_workloads(made("PersistentVolumeClaim", "models", spec=CLAIM)),
    made(
        "Secret",
        "other-token",
        type="kubernetes.io/service-account-token",
        metadata={"annotations": {"kubernetes.io/service-account.name": "other"}},
    ),
]
RIGHTS: list[Json] = [
    # `edit` lets nobody add ephemeral containers; who debugs has it.
    made(
        "ClusterRole",
        "adm-debugger",
        None,
        f"{RBAC}/v1",
        rules=[
            {"apiGroups": [""], "resources": ["pods/ephemeralcontainers"], "verbs": ["get", "patch"]},
            {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get", "patch"]},
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "patch"]},
        ],
    ),
    binding("adm-debugger", user(EDIT), role="adm-debugger", namespace=OTHER),
    binding(
        "adm-unseen-operators",
        *(
            {"kind": "ServiceAccount", "name": who.split(":")[3], "namespace": who.split(":")[2]}
            for who in (QUEUES, SNAPSHOTS)
        ),
        role="adm-debugger",
    ),
    binding(EDIT, user(EDIT), role="edit", namespace=PUBLIC),
]

NETWORK = [
    Attempt(EDIT, "apply --server-side", "network", network_policy("applied", **OPENED)),
    Attempt(
        EDIT,
        "apply --server-side --force-conflicts",
        "network|tampering",
        network_policy("allow-training", **OPENED),
    ),
    Attempt(
        EDIT,
        in_stage(
            'patch networkpolicy default-deny --type=merge -p {"spec":{"podSelector":{"matchLabels":{"no":"pod"}}}}'
        ),
        "tampering",
    ),
    Attempt(
        EDIT,
        in_stage(
            'patch networkpolicy allow-training --type=json -p [{"op":"replace","path":"/spec/podSelector","value":{}}]'
        ),
        "network|tampering",
    ),
]
ACCOUNTS = [
    Attempt(EDIT, in_stage("delete serviceaccount --all"), "tampering"),
    Attempt(EDIT, in_stage("create token adm-trainer --bound-object-kind=Pod --bound-object-name=plain"), "tokens"),
    Attempt(EDIT, in_stage("create token other --audience=vault"), "tokens"),
    Attempt(EDIT, f"create token default -n {WATCH}", "tokens"),
    Attempt(
        EDIT,
        in_stage("annotate secret other-token kubernetes.io/service-account.name=adm-trainer --overwrite"),
        "tokens",
    ),
    Attempt(
        EDIT,
        "create",
        "pods",
        pod(
            "certified",
            volumes=[
                {
                    "name": "identity",
                    "projected": {
                        "sources": [
                            {
                                "podCertificate": {
                                    "signerName": "kubernetes.io/kube-apiserver-client-pod",
                                    "keyType": "ED25519",
                                    "credentialBundlePath": "identity.pem",
                                }
                            }
                        ]
                    },
                }
            ],
        ),
    ),
]
IN_THE_STAGE = [
    Attempt(EDIT, in_stage("label pod plain app=training-job"), "placement"),
    *(
        Attempt(EDIT, "create", "placement", workload(kind, "training-job", serviceAccountName="other"))
        for kind in ("StatefulSet", "CronJob", "ReplicationController", "ReplicaSet", "DaemonSet")
    ),
    Attempt(EDIT, "create", "placement", pod("effect", tolerations=[{"operator": "Exists", "effect": "NoSchedule"}])),
    Attempt(
        EDIT,
        in_stage(
            'patch pod plain --type=json -p [{"op":"add","path":"/spec/tolerations/-","value":{"operator":"Exists"}}]'
        ),
        "placement|gpu-use",
    ),
    Attempt(
        EDIT,
        "create",
        "placement|gpu-use|pods",
        pod("mirror", annotations={"kubernetes.io/config.mirror": "x"}, serviceAccountName=None, nodeName="gpu-a100-0"),
    ),
    Attempt(
        EDIT,
        "create",
        "placement",
        owned(pod("agent", tolerations=ALL_TAINTS, nodeName="gpu-a100-0"), "DaemonSet", "a"),
    ),
    Attempt(STAGE_USER, "create", "placement", workload("DaemonSet", "everywhere", tolerations=ALL_TAINTS)),
    Attempt(
        STAGE_USER,
        "create",
        "gpu-use",
        pod(
            "sees-all",
            container(resources=GPU, env=[{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]),
            tolerations=[GPU_TOLERATION],
        ),
    ),
]
OF_THE_LAYER = [
    *(
        Attempt(who, in_stage(command), "tampering")
        for who in (EDIT, STAGE_USER)
        for command in (
            "delete deployment served",
            "set env deployment/served A=b",
            "delete job trained",
            "delete persistentvolumeclaim models",
            f"label persistentvolumeclaim models {PART_OF}-",
        )
    ),
    Attempt(EDIT, "create", "tampering", of_workloads(workload("Deployment", "posing"))),
    *(
        Attempt(who, in_stage(command))
        for who, command in (
            (EDIT, "rollout restart deployment/served"),
            (EDIT, "scale deployment served --replicas=1"),
            (f"{KUBE}:ttl-after-finished-controller", "delete job trained"),
            (QUEUES, 'patch job trained --type=merge -p {"spec":{"suspend":false}}'),
            (
                SNAPSHOTS,
                'patch persistentvolumeclaim models --type=merge -p {"metadata":{"finalizers":["snapshot.example/a"]}}',
            ),
        )
    ),
]
RIGHTS_OF_OTHERS = [
    Attempt(
        ADMIN,
        in_stage(
            f'patch rolebinding {STAGE_USER} --type=json -p [{{"op":"add","path":"/subjects/-","value":'
            f'{{"kind":"ServiceAccount","name":"adm-trainer","namespace":"{STAGE}"}}}}]'
        ),
        "rbac-cluster-roles",
    ),
    Attempt(ADMIN, "create", "rbac-cluster-roles", binding("nodes", group("system:nodes"), role="edit")),
    Attempt(ADMIN, "create", "rbac-cluster-roles", binding("default", {**TRAINER, "name": "default"}, role="view")),
    Attempt(
        KEEPER,
        "create",
        "rbac-cluster-roles",
        binding("myself", user(KEEPER), role="gpu-cluster-hardener", namespace=None),
    ),
    Attempt(
        KEEPER,
        "create",
        "rbac-cluster-roles",
        binding("myself", user(KEEPER), role="gpu-cluster-node-agent", namespace=None),
    ),
    Attempt(KEEPER, "create", "rbac-cluster-roles", binding("there", TRAINER, role="edit", namespace=OTHER)),
]
NAMESPACES = [
    Attempt(
        KEEPER,
        "apply --server-side --force-conflicts",
        "namespaces",
        made("Namespace", STAGE, None, metadata={"labels": {"gpu-cluster.hardening/gpu": "false"}}),
    ),
    Attempt(KEEPER, "apply --server-side", "namespaces", made("Namespace", "network-operator", None)),
]
ELSEWHERE = [
    *(
        Attempt(EDIT, "create", "host-access", item)
        for item in (
            pod("host-ipc", namespace=OTHER, tolerations=[GPU_TOLERATION], hostIPC=True),
            pod("host-network", namespace=OTHER, tolerations=[GPU_TOLERATION], hostNetwork=True),
            pod("host-by-node", PRIVILEGED, namespace=OTHER, nodeName="gpu-a100-0"),
            pod("any-effect", namespace=OTHER, volumes=HOST, tolerations=[{"key": "nvidia.com/gpu", "value": "true"}]),
            pod(
                "strong",
                container(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}),
                namespace=OTHER,
                tolerations=[GPU_TOLERATION],
            ),
            pod(
                "first",
                initContainers=[{**PRIVILEGED, "name": "first"}],
                namespace=OTHER,
                tolerations=[GPU_TOLERATION],
            ),
            owned(pod("cni", PRIVILEGED, namespace=OTHER, tolerations=ALL_TAINTS), "DaemonSet", "calico-node"),
            pod("public", PRIVILEGED, namespace=PUBLIC, volumes=HOST, nodeName="gpu-a100-0"),
            *(
                workload(kind, "host", PRIVILEGED, namespace=OTHER, volumes=HOST, tolerations=ALL_TAINTS)
                for kind in ("CronJob", "ReplicaSet", "ReplicationController")
            ),
        )
    ),
    Attempt(
        EDIT,
        f'patch pod privileged -n {OTHER} --type=json -p [{{"op":"add","path":"/spec/tolerations/-",'
        '"value":{"key":"nvidia.com/gpu","operator":"Exists"}}]',
        "host-access",
    ),
    Attempt(
        EDIT,
        f"patch pod on-a-gpu-node -n {OTHER} --subresource=ephemeralcontainers -p "
        '{"spec":{"ephemeralContainers":[{"name":"d","image":"i","securityContext":{"privileged":true}}]}}',
        "host-access",
    ),
    Attempt(KEEPER, "create", "host-volumes", volume(local={"path": "/var/lib/kubelet"})),
    Attempt(KEEPER, "create", "", volume(nfs={"server": "nfs.example", "path": "/models"})),
]
WATCHED = [
    *(
        Attempt(EDIT, f"{command} -n {WATCH}", "own-namespaces")
        for command in (
            "delete pod watcher",
            "delete daemonset --all",
            "label pod watcher a=b",
            "create configmap mine",
        )
    ),
    Attempt(
        EDIT,
        "create",
        "own-namespaces",
        network_policy("open", **OPENED) | {"metadata": {"name": "open", "namespace": WATCH}},
    ),
]
# Rows of docs/what-remains-open.md: if one of these is closed, the page is wrong.
OPEN_STILL = [
    evicted("watcher", WATCH),
    *(
        Attempt(
            EDIT,
            "create",
            "",
            made("Service", "taken", where, spec={"ports": [{"port": 443}], "externalIPs": ["10.0.50.7"]}),
        )
        for where in (STAGE, OTHER)
    ),
    Attempt(
        EDIT,
        "create",
        "",
        pod("up", tolerations=[{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]),
    ),
    Attempt(
        EDIT,
        "create",
        "",
        pod(
            "vaulted",
            volumes=[
                {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "audience": "vault"}}]}}
            ],
        ),
    ),
    Attempt(KEEPER, "delete node cpu-1"),
]
HONEST = [
    *(
        Attempt(STAGE_USER, "create", "", item)
        for item in (
            workload("StatefulSet", "work"),
            workload("DaemonSet", "work"),
            made("PersistentVolumeClaim", "work", spec=CLAIM),
            made(
                "PodDisruptionBudget",
                "work",
                api_version="policy/v1",
                spec={"minAvailable": 1, "selector": {"matchLabels": LABELS}},
            ),
            made(
                "HorizontalPodAutoscaler",
                "work",
                api_version="autoscaling/v2",
                spec={
                    "maxReplicas": 2,
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "own"},
                },
            ),
        )
    ),
    Attempt(STAGE_USER, "apply --server-side --force-conflicts", "", workload("Deployment", "own")),
    Attempt(STAGE_USER, in_stage("delete pod plain")),
    Attempt(EDIT, in_stage("label pod plain team=vision")),
    Attempt(
        ADMIN,
        "create",
        "",
        binding("ci", {"kind": "ServiceAccount", "name": "ci", "namespace": "default"}, role="gpu-cluster-stage-user"),
    ),
    Attempt(ADMIN, in_stage("delete role adm-enters")),
    Attempt(KEEPER, "annotate namespace adm-training field.cattle.io/projectId=p"),
    Attempt(KEEPER, "taint node gpu-a100-0 maintenance=yes:NoExecute"),
]
OF_THE_CLUSTER = [
    *(
        Attempt(f"{KUBE}:{who}", command)
        for who, command in (
            ("generic-garbage-collector", in_stage("delete pod plain")),
            ("namespace-controller", in_stage("delete networkpolicy default-deny")),
            ("daemon-set-controller", f"delete pod watcher -n {WATCH}"),
            ("pod-garbage-collector", f"delete pod watcher -n {WATCH}"),
        )
    ),
    Attempt(f"{KUBE}:cronjob-controller", "create", "", workload("Job", "made-by-cron")),
    # As `kubectl debug node` does.
    Attempt(
        ROOT,
        "create",
        "",
        pod("debugger", PRIVILEGED, namespace=OTHER, volumes=HOST, hostPID=True, nodeName="gpu-a100-0"),
    ),
]
UNSEEN = [
    *NETWORK,
    *ACCOUNTS,
    *IN_THE_STAGE,
    *OF_THE_LAYER,
    *RIGHTS_OF_OTHERS,
    *NAMESPACES,
    *ELSEWHERE,
    *WATCHED,
    *OPEN_STILL,
    *HONEST,
    *OF_THE_CLUSTER,
]
