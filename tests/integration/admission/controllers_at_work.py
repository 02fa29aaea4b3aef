# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for what works in a cluster besides people: each with a name, groups and rights, and what it asks for.

Rights are those of the public manifests, cut to the groups that this API server has: kubeadm (cmd/kubeadm/app/phases
of Kubernetes), tigera-operator, cilium-operator and flannel (their charts), Rook, local-path-provisioner,
prometheus-operator (kube-prometheus), GPU Operator, KServe, JobSet, cert-manager, Argo CD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from attempts import OTHER, RBAC, STAGE, binding, group, made, user
from pod_objects import GPU, GPU_TOLERATION, HOST, PRIVILEGED, Json, container, pod, workload

MONITORING = "adm-monitoring"
NAMESPACES = (OTHER, "gpu-operator", "calico-system", "kube-flannel", "rook-ceph", "local-path-storage", "monitoring")
ALL_TAINTS = [{"operator": "Exists"}]
ALL = ["get", "list", "watch", "create", "update", "patch", "delete"]
BOOTSTRAP = "system:bootstrappers:kubeadm:default-node-token"
NODE = "gpu-a100-0"


@dataclass(frozen=True)
class Worker:
    """Somebody who works in the cluster.

    Attributes:
        user: name, as the API server knows it.
        groups: beside those of everybody.
        rules: rights in the whole cluster; none where the groups have them.
        creates: objects, asked for together.
        commands: more requests, as arguments of kubectl.
        refused: what is not admitted, and meant so: profile -> name of the object -> the policies that may say it.
    """

    user: str
    groups: tuple[str, ...] = ()
    rules: tuple[Json, ...] = ()
    creates: tuple[Json, ...] = ()
    commands: tuple[str, ...] = ()
    refused: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of its user."""
        return self.user.rpartition(":")[2]

    @property
    def identity(self) -> list[str]:
        """Options of kubectl."""
        return [f"--as={self.user}", *(f"--as-group={name}" for name in self.groups)]


def account(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


def rule(groups: str, resources: str, verbs: list[str] | None = None) -> Json:
    """Groups are separated by commas; "core" is the one without a name."""
    return {
        "apiGroups": [name.replace("core", "") for name in groups.split(",")],
        "resources": resources.split(),
        "verbs": verbs or ALL,
    }


def rbac(kind: str, name: str, namespace: str | None = None, *rules: Json) -> Json:
    return made(kind, name, namespace, f"{RBAC}/v1", rules=list(rules))


def agent(name: str, namespace: str, **changes: object) -> Json:
    """A DaemonSet on every node that gets at the host, as networks, storage and drivers have."""
    return workload(
        "DaemonSet",
        name,
        PRIVILEGED,
        **{"namespace": namespace, "hostNetwork": True, "tolerations": ALL_TAINTS, "volumes": HOST, **changes},
    )


def service(name: str, namespace: str) -> Json:
    return made("Service", name, namespace, spec={"ports": [{"port": 80}], "selector": {"a": "b"}})


def scaler(name: str, namespace: str) -> Json:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return made(
        "HorizontalPodAutoscaler",
        name,
        namespace,
        "autoscaling/v2",
        spec={"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 4},
    )


def a_volume(name: str, **source: object) -> Json:
    size = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    return made("PersistentVolume", name, None, spec={**size, **source})


# Like the pod that the operator of Prometheus makes: it decides over these volumes, and nobody can set them.
PROMETHEUS_VOLUMES: list[Json] = [
    {"name": "config", "secret": {"secretName": "prometheus-k8s"}},
    {"name": "config-out", "emptyDir": {"medium": "Memory"}},
]

READS_CONFIG = rule("core", "configmaps", ["get"])
KUBEADM = Worker(
    "kubernetes-admin",
    ("kubeadm:cluster-admins", "system:authenticated"),
    creates=(
        # kubeadm upgrade: its health check, its ConfigMaps, the rights of those who join, its addons.
        workload("Job", "upgrade-health-check-1", namespace="kube-system", tolerations=ALL_TAINTS),
        made("ConfigMap", "kubeadm-config", "kube-system", data={"ClusterConfiguration": ""}),
        made("ConfigMap", "kubelet-config", "kube-system", data={"kubelet": ""}),
        made("ConfigMap", "cluster-info", "kube-public", data={"kubeconfig": ""}),
        rbac("Role", "kubeadm:nodes-kubeadm-config", "kube-system", READS_CONFIG),
        rbac("ClusterRole", "kubeadm:get-nodes", None, rule("core", "nodes", ["get"])),
        rbac("Role", "kubeadm:bootstrap-signer-clusterinfo", "kube-public", READS_CONFIG),
        binding(
            "kubeadm:bootstrap-signer-clusterinfo",
            user("system:anonymous"),
            role="adm-cluster-info",
            kind="Role",
            namespace="kube-public",
        ),
        binding("kubeadm:kubelet-bootstrap", group(BOOTSTRAP), role="system:node-bootstrapper", namespace=None),
        binding("kubeadm:node-proxier", user("a"), role="system:node-proxier", namespace=None),
        binding(
            "kubeadm:node-autoapprove-certificate-rotation",
            group("system:nodes"),
            role="system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            namespace=None,
        ),
        made("ServiceAccount", "kube-proxy-adm", "kube-system"),
        agent("kube-proxy-adm", "kube-system"),
        workload("Deployment", "coredns-adm", namespace="kube-system", priorityClassName="system-cluster-critical"),
        # kubeadm token create, kubeadm init phase upload-certs.
        made(
            "Secret",
            "bootstrap-token-abcdef",
            "kube-system",
            type="bootstrap.kubernetes.io/token",
            stringData={"token-id": "abcdef", "token-secret": "0123456789abcdef"},
        ),
        made("Secret", "kubeadm-certs", "kube-system", stringData={"ca.key": "x"}),
        # Networks, storage and exporters that come as a manifest or a chart.
        agent("cilium", "kube-system"),
        agent("kube-flannel-ds", "kube-flannel"),
        agent("node-exporter", "monitoring", hostPID=True),
        agent("csi-node", OTHER, priorityClassName="system-node-critical"),
        made(
            "Namespace", "cilium-secrets", None, metadata={"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}
        ),
    ),
    commands=(
        "label node cpu-0 node-role.kubernetes.io/control-plane=",
        "taint node cpu-0 node-role.kubernetes.io/control-plane:NoSchedule",
        "annotate node cpu-0 kubeadm.alpha.kubernetes.io/cri-socket=unix:///run/containerd/containerd.sock",
        f"drain {NODE} --ignore-daemonsets --delete-emptydir-data --force",
    ),
)
JOINING = Worker(
    "system:bootstrap:abcdef",
    ("system:bootstrappers", BOOTSTRAP, "system:authenticated"),
    commands=("get configmap adm-kubeadm-config -n kube-system", f"get node {NODE}"),
)
KUBELET = Worker(
    f"system:node:{NODE}",
    ("system:nodes", "system:authenticated"),
    commands=(
        f"annotate node {NODE} kubeadm.alpha.kubernetes.io/cri-socket=unix:///run/containerd/containerd.sock",
        f"label node {NODE} kubernetes.io/os=linux --overwrite",
    ),
)
TIGERA = Worker(
    account("tigera-operator", "tigera-operator"),
    rules=(
        rule("core", "namespaces pods services endpoints events configmaps secrets serviceaccounts", ["*"]),
        rule("policy", "poddisruptionbudgets", ["*"]),
        rule(RBAC, "clusterroles clusterrolebindings rolebindings roles", ["*"]),
        rule("apps", "deployments daemonsets statefulsets", ["*"]),
        rule("networking.k8s.io", "networkpolicies", ALL),
    ),
    creates=(
        agent("calico-node", "calico-system", priorityClassName="system-node-critical"),
        agent("csi-node-driver", "calico-system"),
        workload("Deployment", "calico-kube-controllers", namespace="calico-system", tolerations=ALL_TAINTS),
        made("Secret", "node-certs", "calico-system", stringData={"tls.key": "x"}),
        made("ConfigMap", "tigera-ca-bundle", "calico-system", data={"a": "b"}),
        made("ServiceAccount", "calico-node", "calico-system"),
        made(
            "Namespace",
            "calico-apiserver",
            None,
            metadata={"labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
        ),
        rbac("ClusterRole", "calico-node", None, rule("core", "pods", ["get"])),
        binding(
            "calico-node",
            {"kind": "ServiceAccount", "name": "calico-node", "namespace": "calico-system"},
            role="view",
            namespace="calico-system",
        ),
    ),
    commands=("label namespace calico-system pod-security.kubernetes.io/enforce=privileged --overwrite",),
)
CILIUM = Worker(
    account("kube-system", "cilium-operator"),
    rules=(
        rule("core", "nodes nodes/status", ["get", "list", "watch", "patch"]),
        rule("core", "pods", ["get", "list", "watch", "delete"]),
        rule("core", "services services/status", ALL),
    ),
    commands=(
        f"taint node {NODE} node.cilium.io/agent-not-ready=true:NoSchedule",
        f"patch node {NODE} --subresource=status --type=merge"
        ' -p {"status":{"conditions":[{"type":"NetworkUnavailable","status":"False"}]}}',
        f"delete pod own-pod -n {STAGE}",
    ),
)
FLANNEL = Worker(
    account("kube-flannel", "flannel"),
    rules=(rule("core", "pods", ["get"]), rule("core", "nodes nodes/status", ["get", "list", "watch", "patch"])),
    commands=(f"annotate node {NODE} flannel.alpha.coreos.com/backend-type=vxlan",),
)
ROOK = Worker(
    account("rook-ceph", "rook-ceph-system"),
    rules=(
        rule("core", "pods secrets configmaps services serviceaccounts persistentvolumes persistentvolumeclaims"),
        rule("apps", "daemonsets deployments replicasets statefulsets"),
        rule("batch", "jobs cronjobs"),
    ),
    creates=(
        agent("csi-rbdplugin", "rook-ceph", priorityClassName="system-node-critical"),
        workload("Deployment", "rook-ceph-osd-0", PRIVILEGED, namespace="rook-ceph", volumes=HOST, hostPID=True),
        workload(
            "Job", "rook-ceph-osd-prepare", PRIVILEGED, namespace="rook-ceph", volumes=HOST, tolerations=ALL_TAINTS
        ),
        made("Secret", "rook-ceph-mon", "rook-ceph", stringData={"key": "x"}),
        a_volume("pvc-1", csi={"driver": "rook-ceph.rbd.csi.ceph.com", "volumeHandle": "1"}),
    ),
    commands=(f"annotate pvc models -n {STAGE} volume.kubernetes.io/selected-node=a",),
)
LOCAL_PATH = Worker(
    account("local-path-storage", "local-path-provisioner-service-account"),
    rules=(rule("core", "pods persistentvolumes persistentvolumeclaims"),),
    creates=(
        pod("helper", namespace="local-path-storage", volumes=HOST, tolerations=ALL_TAINTS, nodeName=NODE),
        a_volume("pvc-2", hostPath={"path": "/opt/local-path-provisioner/pvc-2"}),
    ),
)
# One that nobody has named: what strict is for.
UNNAMED = Worker(
    account(OTHER, "storage-operator"),
    rules=(rule("apps", "daemonsets"), rule("core", "persistentvolumes")),
    creates=(
        agent("unnamed-csi", OTHER),
        a_volume("pvc-3", hostPath={"path": "/"}),
        workload("DaemonSet", "on-other-nodes", PRIVILEGED, namespace=OTHER, volumes=HOST),
    ),
    refused={"strict": {"unnamed-csi": ("host-access", "gpu-use"), "pvc-3": ("host-volumes",)}},
)
PROMETHEUS = Worker(
    account("monitoring", "prometheus-operator"),
    rules=(
        rule("apps", "statefulsets", ["*"]),
        rule("core", "configmaps secrets", ["*"]),
        rule("core", "pods", ["list", "delete"]),
        rule("core", "services services/finalizers endpoints", ["get", "create", "update", "delete"]),
    ),
    creates=tuple(
        item
        for namespace, suffix in (("monitoring", ""), (MONITORING, "-of-a-stage"))
        for item in (
            made("Secret", f"prometheus-k8s{suffix}", namespace, stringData={"prometheus.yaml.gz": "x"}),
            made("ConfigMap", f"prometheus-k8s-rulefiles{suffix}", namespace, data={"a": "b"}),
            service(f"prometheus-operated{suffix}", namespace),
            workload("StatefulSet", f"prometheus-k8s{suffix}", namespace=namespace, volumes=PROMETHEUS_VOLUMES),
        )
    ),
    # docs/admission.md says what to do: a namespace that is no stage, or exemptions.
    refused={"strict": {"prometheus-k8s-of-a-stage": ("pods", "secrets")}},
)
GPU_OPERATOR = Worker(
    account("gpu-operator", "gpu-operator"),
    rules=(
        rule(RBAC, "clusterroles clusterrolebindings roles rolebindings"),
        rule("core", "nodes namespaces events pods pods/eviction configmaps secrets serviceaccounts services"),
        rule("apps", "daemonsets deployments"),
        rule("scheduling.k8s.io", "priorityclasses", ["get", "list", "watch", "create"]),
        rule("node.k8s.io", "runtimeclasses"),
    ),
    creates=(
        agent("nvidia-driver-daemonset", "gpu-operator", hostPID=True, priorityClassName="system-node-critical"),
        agent("nvidia-dcgm-exporter", "gpu-operator"),
        pod("nvidia-cuda-validator", container(resources=GPU), namespace="gpu-operator", tolerations=ALL_TAINTS),
        made("ConfigMap", "default-mig-parted-config", "gpu-operator", data={"a": "b"}),
        made("Secret", "license", "gpu-operator", stringData={"a": "b"}),
        made("ServiceAccount", "nvidia-driver", "gpu-operator"),
        rbac("Role", "nvidia-driver", "gpu-operator", rule("core", "pods", ["get"])),
        rbac("ClusterRole", "nvidia-driver", None, rule("core", "nodes", ["get", "patch"])),
        made("RuntimeClass", "nvidia-adm", None, "node.k8s.io/v1", handler="nvidia"),
    ),
    commands=(
        f"label node {NODE} nvidia.com/gpu.present=true nvidia.com/gpu.deploy.driver=true --overwrite",
        "label namespace gpu-operator pod-security.kubernetes.io/enforce=privileged --overwrite",
        f"cordon {NODE}",
    ),
)
KSERVE = Worker(
    account(OTHER, "kserve-controller-manager"),
    rules=(
        rule("core", "configmaps", ["get", "create", "update"]),
        rule("core", "services events"),
        rule("core", "secrets serviceaccounts", ["get"]),
        rule("apps", "deployments"),
        rule("autoscaling", "horizontalpodautoscalers"),
    ),
    creates=(
        workload("Deployment", "llm-predictor", container(resources=GPU), tolerations=[GPU_TOLERATION]),
        service("llm-predictor", STAGE),
        scaler("llm-predictor", STAGE),
        made("ConfigMap", "modelconfig-llm", STAGE, data={"models.json": "[]"}),
        workload("Deployment", "sklearn-predictor", namespace=OTHER),
        # Its own image to fetch models, unless its configuration names a pinned one.
        workload(
            "Deployment",
            "unpinned-predictor",
            initContainers=[container("init", image="kserve/storage-initializer:v1")],
        ),
    ),
    refused={
        profile: {"unpinned-predictor": ("image-digests", "image-registries")} for profile in ("standard", "strict")
    },
)
JOBSET = Worker(
    account(OTHER, "jobset-controller-manager"),
    rules=(rule("batch", "jobs"), rule("core", "pods"), rule("core", "services")),
    creates=(
        workload("Job", "pretrain-worker-0", container(resources=GPU), tolerations=[GPU_TOLERATION]),
        pod("pretrain-master-0", container(resources=GPU), tolerations=[GPU_TOLERATION]),
        service("pretrain", STAGE),
    ),
    commands=(
        f'patch job trained -n {STAGE} --type=merge -p {{"spec":{{"suspend":false}}}}',
        f"delete pod own-pod -n {STAGE}",
    ),
)
CERT_MANAGER = Worker(
    account(OTHER, "cert-manager"),
    rules=(rule("core", "secrets pods services"),),
    creates=(
        made("Secret", "serving-tls", STAGE, type="kubernetes.io/tls", stringData={"tls.crt": "", "tls.key": ""}),
    ),
    commands=(f"annotate secret own-secret -n {STAGE} cert-manager.io/revision=2",),
)
ARGO_CD = Worker(
    account("adm-team", "argocd-application-controller"),
    rules=(rule("*", "*", ["*"]),),
    creates=(agent("of-a-chart", OTHER), made("Namespace", "network-operator", None)),
    commands=("label node gpu-a100-0 node-type=gpu --overwrite", f"delete serviceaccount adm-trainer -n {STAGE}"),
)
PEOPLE = Worker(
    "adm-edit",
    commands=(
        f"rollout pause deployment/own -n {STAGE}",
        f"rollout resume deployment/own -n {STAGE}",
        f"rollout restart deployment/own -n {STAGE}",
        f"rollout status deployment/own -n {STAGE} --watch=false",
        f"rollout history deployment/own -n {STAGE}",
    ),
)
WORKERS = (
    KUBEADM,
    JOINING,
    KUBELET,
    TIGERA,
    CILIUM,
    FLANNEL,
    ROOK,
    LOCAL_PATH,
    UNNAMED,
    PROMETHEUS,
    GPU_OPERATOR,
    KSERVE,
    JOBSET,
    CERT_MANAGER,
    ARGO_CD,
    PEOPLE,
)


def rights() -> list[Json]:
    """What the workers may do."""
    given = [
        item
        for worker in WORKERS
        if worker.rules
        for item in (
            rbac("ClusterRole", f"adm-{worker.name}", None, *worker.rules),
            binding(f"adm-{worker.name}", user(worker.user), role=f"adm-{worker.name}", namespace=None),
        )
    ]
    return [
        *given,
        binding("adm-kubeadm", group("kubeadm:cluster-admins"), role="cluster-admin", namespace=None),
        rbac("ClusterRole", "adm-joining", None, READS_CONFIG, rule("core", "nodes", ["get"])),
        binding("adm-joining", group(BOOTSTRAP), role="adm-joining", namespace=None),
        rbac("Role", "adm-cluster-info", "kube-public", READS_CONFIG),
        binding("adm-edit", user("adm-edit"), role="edit"),
    ]
