# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What distributions and network plugins leave in a cluster: names, labels, images, arguments and tolerations.

Shortened from what each project publishes: kubeadm's addons, the templates of kubespray, the charts of RKE2, the
manifests of k3s, those of Calico and the chart of Cilium, kube-prometheus-stack, Node Feature Discovery and Fluent Bit.
All of it can be applied to an API server; pods stand for what controllers and kubelets would make.
"""

from __future__ import annotations

from typing import Any

from cluster_objects import Json, made, pod, workload

SYSTEM = "kube-system"
EVERYTHING = [{"operator": "Exists"}]
NO_SCHEDULE = [{"effect": "NoSchedule", "operator": "Exists"}, {"effect": "NoExecute", "operator": "Exists"}]
CONTROL_PLANE = [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}]


def spec(image: str, *arguments: str, tolerations: Any = (), **more: Any) -> Json:
    """A pod of one container."""
    main = {"name": "main", "image": image, **({"args": list(arguments)} if arguments else {})}
    return {"containers": [{**main, **more}], **({"tolerations": list(tolerations)} if tolerations else {})}


def agent(name: str, namespace: str, labels: Json, body: Json, **own: str) -> Json:
    """A DaemonSet on every Linux node."""
    item = workload("DaemonSet", name, namespace, {**body, "nodeSelector": {"kubernetes.io/os": "linux"}}, pods=labels)
    item["metadata"]["labels"] = own or labels
    return item


def dns(labels: Json, name: str = "kube-dns", target: Any = 53, ip: str = "10.96.0.10", **own: str) -> list[Json]:
    """CoreDNS behind its Service."""
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": target},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": f"{target}-tcp" if target == "dns" else 53},
    ]
    listening = [
        {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
    ]
    body = spec("registry.k8s.io/coredns/coredns:v1.12.4", tolerations=CONTROL_PLANE, ports=listening)
    service = made(
        "Service",
        name,
        SYSTEM,
        labels=own or {"k8s-app": "kube-dns"},
        spec={"selector": labels, "clusterIP": ip, "ports": ports},
    )
    return [service, pod("coredns-7d764666f9-abcde", SYSTEM, body, "cpu-0", **labels)]


def api_server(*flags: str) -> Json:
    """The static pod of kubeadm, and RKE2's, as far as it is told here."""
    body = spec("registry.k8s.io/kube-apiserver:v1.37.2")
    body["containers"][0] |= {"name": "kube-apiserver", "command": ["kube-apiserver", *flags]}
    labels = {"component": "kube-apiserver", "tier": "control-plane"}
    return pod("kube-apiserver-control-plane-0", SYSTEM, body, "control-plane-0", **labels)


def calico() -> Json:
    """Of Calico's manifest."""
    labels = {"k8s-app": "calico-node"}
    tolerations = [*NO_SCHEDULE, {"key": "CriticalAddonsOnly", "operator": "Exists"}]
    return agent("calico-node", SYSTEM, labels, spec("quay.io/calico/node:v3.31.0", tolerations=tolerations))


def cilium(image: str = "quay.io/cilium/cilium:v1.18.4") -> Json:
    """Of Cilium's chart."""
    labels = {"k8s-app": "cilium", "app.kubernetes.io/name": "cilium-agent", "app.kubernetes.io/part-of": "cilium"}
    return agent("cilium", SYSTEM, labels, spec(image, tolerations=EVERYTHING))


def kube_proxy() -> Json:
    return agent(
        "kube-proxy",
        SYSTEM,
        {"k8s-app": "kube-proxy"},
        spec("registry.k8s.io/kube-proxy:v1.37.2", tolerations=EVERYTHING),
    )


def prometheus(release: str = "kube-prometheus-stack") -> list[Json]:
    """Of kube-prometheus-stack."""
    labels = {"app.kubernetes.io/name": "prometheus", "operator.prometheus.io/name": f"{release}-prometheus"}
    body = spec("quay.io/prometheus/prometheus:v3.7.3")
    return [
        made("Namespace", "monitoring"),
        pod(f"prometheus-{release}-prometheus-0", "monitoring", body, "cpu-0", **labels),
    ]


def addons() -> list[Json]:
    """What sites install on every node, by charts that do not tolerate the taint."""
    nfd = {"app.kubernetes.io/name": "node-feature-discovery", "role": "worker"}
    helm = {"app.kubernetes.io/managed-by": "Helm"}
    # As the chart of NVIDIA's device plugin sets it.
    present = [{"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}]
    worker = spec("registry.k8s.io/nfd/node-feature-discovery:v0.18.3", tolerations=[*CONTROL_PLANE, *present])
    driver = spec("quay.io/cephcsi/cephcsi:v3.15.0")
    registrar = {"name": "registrar", "image": "registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.15.0"}
    driver["containers"].append(registrar)
    logs = spec("cr.fluentbit.io/fluent/fluent-bit:4.1.1")
    return [
        made("Namespace", "node-feature-discovery"),
        agent("nfd-worker", "node-feature-discovery", nfd, worker, **nfd, **helm),
        agent("csi-rbdplugin", SYSTEM, {"app": "csi-rbdplugin"}, driver),
        agent("fluent-bit", SYSTEM, {"app.kubernetes.io/name": "fluent-bit"}, logs, **helm),
    ]


def kubeadm() -> list[Json]:
    """kubeadm with Cilium."""
    flags = ("--service-account-issuer=https://kubernetes.default.svc.cluster.local", "--secure-port=6443")
    return [api_server(*flags), kube_proxy(), cilium(), *dns({"k8s-app": "kube-dns"})]


def kubespray() -> list[Json]:
    """kubespray with Calico, its DNS cache and a Prometheus."""
    cache = spec(
        "registry.k8s.io/dns/k8s-dns-node-cache:1.25.0",
        *("-localip", "169.254.25.10", "-conf", "/etc/coredns/Corefile", "-upstreamsvc", "coredns"),
        tolerations=NO_SCHEDULE,
    )
    own = {"k8s-app": "kube-dns", "addonmanager.kubernetes.io/mode": "Reconcile"}
    return [
        api_server("--service-account-issuer=https://kubernetes.default.svc.example.org"),
        calico(),
        kube_proxy(),
        *dns({"k8s-app": "kube-dns"}, name="coredns", ip="10.96.0.3"),
        agent("nodelocaldns", SYSTEM, {"k8s-app": "node-local-dns"}, {**cache, "hostNetwork": True}, **own),
        *prometheus(),
        *addons(),
    ]


def rke2() -> list[Json]:
    """RKE2 with Cilium."""
    labels = {
        "app.kubernetes.io/instance": "rke2-coredns",
        "app.kubernetes.io/name": "rke2-coredns",
        "k8s-app": "kube-dns",
    }
    deployment = workload("Deployment", "rke2-coredns-rke2-coredns", SYSTEM, spec("rancher/hardened-coredns:v1.12.4"))
    deployment["metadata"]["labels"] = {**labels, "helm.sh/chart": "rke2-coredns-1.44.003"}
    deployment["spec"]["replicas"] = 0
    return [
        api_server(
            "--api-audiences=https://kubernetes.default.svc.cluster.local,rke2",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        ),
        cilium("rancher/mirrored-cilium-cilium:v1.18.4"),
        deployment,
        *dns(labels, name="rke2-coredns-rke2-coredns", target="dns", ip="10.96.0.4"),
    ]


def k3s() -> list[Json]:
    """k3s, whose Flannel and whose enforcement are in the program itself."""
    return dns({"k8s-app": "kube-dns"}, target="dns")


DISTRIBUTIONS = {"kubeadm": kubeadm, "kubespray": kubespray, "RKE2": rke2, "k3s": k3s}
