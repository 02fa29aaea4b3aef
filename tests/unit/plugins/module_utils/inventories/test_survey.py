# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is found out of clusters of each distribution, and which variables follow from it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.findings import Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.look import Asked, find_out
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.sections import obstacles, sections
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.summary import lines
from cluster_objects import GPU, Json, Objects, container, made, node, pod, pod_spec, workload
from distributions import DISTRIBUTIONS, EVERYTHING, addons, agent, calico, kubeadm, prometheus, spec
from good_cluster import GPU_LABELS, SETTINGS

PORTS = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
PRODUCT = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}
CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}
KUBELETS = {"RKE2": "v1.37.2+rke2r1", "k3s": "v1.37.2+k3s1"}
ISSUER = {"issuer": "https://kubernetes.default.svc.cluster.local"}


def cluster(*items: Json, nodes: tuple[Json, ...] = (), version: str = "v1.37.2") -> Objects:
    """Two GPU nodes and one without, and what runs there."""
    objects = Objects()
    given = nodes or (
        node("control-plane-0", CONTROL_PLANE, [{"key": next(iter(CONTROL_PLANE)), "effect": "NoSchedule"}]),
        node("gpu-0", {**PRODUCT, "kubernetes.io/os": "linux"}, gpus=8),
        node("gpu-1", {**PRODUCT, "kubernetes.io/os": "linux"}, gpus=8),
        node("cpu-0", {"kubernetes.io/os": "linux"}),
    )
    for item in given:
        item["status"]["nodeInfo"]["kubeletVersion"] = version
    objects.add(made("Namespace", "kube-system"), *given, *items)
    return objects


def found(objects: Objects, **asked: Any) -> Findings:
    return find_out(objects.snapshot(), Asked(**asked), SETTINGS)


def variables(findings: Findings, known: bool = True) -> dict[str, Any]:
    """What an inventory sets, or what it has in comments."""
    entries = [entry for part in sections(findings, SETTINGS.taints) for entry in part.entries]
    return {entry.variable: entry.value for entry in entries if entry.variable and entry.known is known}


def text(findings: Findings) -> str:
    entries = [entry for part in sections(findings, SETTINGS.taints) for entry in part.facts()["entries"]]
    return "\n".join(line for entry in entries for line in entry["comment"])


@pytest.mark.parametrize(
    ("name", "plugins", "by", "dns_labels", "local", "audience"),
    [
        (
            "kubeadm",
            ("Cilium",),
            ("Cilium",),
            {"k8s-app": "kube-dns"},
            [],
            "https://kubernetes.default.svc.cluster.local",
        ),
        (
            "kubespray",
            ("Calico",),
            ("Calico",),
            {"k8s-app": "kube-dns"},
            ["169.254.25.10"],
            "https://kubernetes.default.svc.example.org",
        ),
        (
            "RKE2",
            ("Cilium",),
            ("Cilium",),
            {
                "app.kubernetes.io/instance": "rke2-coredns",
                "app.kubernetes.io/name": "rke2-coredns",
                "k8s-app": "kube-dns",
            },
            [],
            "https://kubernetes.default.svc.cluster.local",
        ),
        ("k3s", (), (), {"k8s-app": "kube-dns"}, [], "https://kubernetes.default.svc.cluster.local"),
    ],
)
def test_each_distribution_is_known_by_what_it_leaves(
    name: str, plugins: Any, by: Any, dns_labels: Any, local: Any, audience: str
) -> None:
    findings = found(cluster(*DISTRIBUTIONS[name](), version=KUBELETS.get(name, "v1.37.2")), issuer=ISSUER)
    assert findings.distribution.name == name
    assert (findings.network.titles, findings.network.by) == (plugins, by)
    expected = {"namespace": "kube-system", "pods": dns_labels, "ports": PORTS, "node_local_addresses": local}
    assert variables(findings)["gpu_cluster_dns"] == expected
    assert variables(findings)["external_secrets_api_audience"] == audience
    assert variables(findings)["gpu_nodes_names"] == ["gpu-0", "gpu-1"]
    assert obstacles(findings) == []


def test_k3s_enforces_policies_by_itself() -> None:
    snapshot = cluster(*DISTRIBUTIONS["k3s"]()).snapshot()
    findings = find_out(type(snapshot)(**{**vars(snapshot), "version": "v1.37.2+k3s1"}), Asked(), SETTINGS)
    assert (findings.distribution.name, findings.network.by) == ("k3s", ("k3s",))


def test_rke2_is_known_without_its_version() -> None:
    assert found(cluster(*DISTRIBUTIONS["RKE2"]())).distribution.name == "RKE2"


@pytest.mark.parametrize(("name", "sockets"), [("RKE2", ["/run/k3s/containerd/containerd.sock"]), ("kubespray", None)])
def test_falco_is_told_where_the_runtime_listens_if_not_in_its_usual_place(name: str, sockets: Any) -> None:
    findings = found(cluster(*DISTRIBUTIONS[name](), version=KUBELETS.get(name, "v1.37.2")))
    assert variables(findings).get("falco_container_sockets") == sockets


def test_crio_is_told_to_falco() -> None:
    objects = cluster()
    for item in objects.items["Node"]:
        item["status"]["nodeInfo"]["containerRuntimeVersion"] = "cri-o://1.37.0"
    assert variables(found(objects))["falco_container_sockets"] == ["/run/crio/crio.sock"]


def test_prometheus_and_its_label_are_found_where_it_is() -> None:
    rule = made("PrometheusRule", "node", "monitoring", labels={"release": "stack"}, spec={"groups": []})
    set_ = variables(found(cluster(*prometheus(), rule)))
    assert set_["gpu_cluster_prometheus"] == {
        "namespace": "monitoring",
        "pods": {"app.kubernetes.io/name": "prometheus"},
    }
    assert set_["gpu_alerts_object_labels"] == {"release": "stack"}


def test_what_is_not_found_is_a_comment_that_says_what_to_look_for() -> None:
    findings = found(cluster(calico(), nodes=(node("one", {"kubernetes.io/os": "linux"}),)))
    examples = variables(findings, known=False)
    for name in (
        "gpu_cluster_dns",
        "gpu_cluster_endpoints",
        "gpu_cluster_prometheus",
        "gpu_nodes_names",
        "external_secrets_api_audience",
        "admission_policies_registries",
    ):
        assert name in examples and name not in variables(findings), name
    assert "kubectl get pods -A --show-labels | grep -i dns" in text(findings)
    assert "set gpu_cluster_dns" in str(obstacles(findings))


def test_a_cluster_that_is_too_old_is_said_to_be() -> None:
    objects = cluster(*kubeadm())
    snapshot = objects.snapshot()
    findings = find_out(type(snapshot)(**{**vars(snapshot), "version": "v1.29.9"}), Asked(), SETTINGS)
    assert obstacles(findings) == ["Kubernetes is v1.29.9; 1.30 is the oldest that will do."]


def test_daemon_sets_that_the_taint_keeps_off_are_listed_with_what_keeps_them() -> None:
    findings = found(cluster(calico(), *addons()))
    assert [(one.name, one.purpose, one.nodes, one.network) for one in findings.cut_off] == [
        ("csi-rbdplugin", "storage (CSI)", 2, False),
        ("fluent-bit", "logs", 2, False),
        ("nfd-worker", "node-feature-discovery", 2, False),
    ]
    toleration = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    assert {str(one.tolerations) for one in findings.cut_off} == {str((toleration,))}
    said = {one.name: one.how for one in findings.cut_off}
    assert said["nfd-worker"] == "in the values of its chart, worker.tolerations"
    assert said["csi-rbdplugin"].startswith("kubectl -n kube-system patch daemonset csi-rbdplugin --type=json -p '[")
    assert "the taint keeps off: kube-system/csi-rbdplugin" in "\n".join(lines(findings))
    assert "gpu_nodes_taints" not in variables(findings)


def test_a_network_plugin_that_the_taint_would_remove_keeps_the_taint_away() -> None:
    multus = agent(
        "kube-multus-ds", "kube-system", {"app": "multus"}, spec("ghcr.io/k8snetworkplumbingwg/multus-cni:v4")
    )
    findings = found(cluster(calico(), multus))
    assert variables(findings)["gpu_nodes_taints"] == []
    assert "kube-system/kube-multus-ds does not tolerate nvidia.com/gpu=true:NoSchedule" in text(findings)


def test_where_every_node_has_gpus_there_is_no_taint() -> None:
    nodes = (node("gpu-0", PRODUCT, gpus=8), node("gpu-1", PRODUCT, gpus=8))
    assert variables(found(cluster(*kubeadm(), nodes=nodes)))["gpu_nodes_taints"] == []


def test_a_label_of_exactly_the_gpu_nodes_that_no_kubelet_sets_names_them() -> None:
    pool = {"node-restriction.kubernetes.io/pool": "gpu"}
    worker = {"node-role.kubernetes.io/worker": ""}
    nodes = (
        node("gpu-0", {**PRODUCT, **pool, **worker, **GPU_LABELS}, gpus=8),
        node("gpu-1", {**PRODUCT, **pool, **worker, **GPU_LABELS}, gpus=8),
        node("cpu-0", {}),
    )
    set_ = variables(found(cluster(nodes=nodes)))
    assert set_["gpu_nodes_label_selector"] == "node-restriction.kubernetes.io/pool=gpu"
    assert "gpu_nodes_names" not in set_


def test_nodes_by_a_dra_driver_and_those_without_a_model_are_found() -> None:
    nodes = (node("dra-0", {}), node("nfd-0", {"feature.node.kubernetes.io/pci-10de.present": "true"}), node("c", {}))
    findings = found(cluster(nodes=nodes), products={"dra-0": "NVIDIA H100 80GB HBM3"})
    assert variables(findings)["gpu_nodes_names"] == ["dra-0", "nfd-0"]
    assert list(variables(findings, known=False)["gpu_nodes_types"]) == ["nfd-0"]


def stage_pod(name: str, **labels: str) -> Json:
    return pod(
        name, "ml-training", pod_spec(container(image="quay.io/team/train:v1", resources=GPU)), "gpu-0", **labels
    )


def test_where_stages_have_workloads_nothing_is_refused_at_first() -> None:
    objects = cluster(
        *kubeadm(),
        made("Namespace", "ml-training"),
        stage_pod("labelled", app="training-job"),
        stage_pod("bare", app="other"),
    )
    findings = found(objects)
    assert variables(findings)["gpu_cluster_profile"] == "audit"
    assert findings.running.unlabelled == ("Pod ml-training/bare",)
    assert variables(findings, known=False)["admission_policies_registries"] == ["quay.io"]
    assert findings.running.intolerant == ("ml-training/bare on gpu-0", "ml-training/labelled on gpu-0")


def test_gpus_of_no_stage_are_named_by_their_namespace() -> None:
    work = workload("Deployment", "jupyter", "notebooks", pod_spec(container(resources=GPU)))
    findings = found(cluster(*kubeadm(), made("Namespace", "notebooks"), work))
    assert findings.running.elsewhere == ("notebooks",)
    assert "gpu_cluster_profile" not in variables(findings)


def test_alerts_look_at_components_of_others() -> None:
    exporter = agent(
        "nvidia-dcgm-exporter",
        "gpu-operator",
        {"app": "nvidia-dcgm-exporter"},
        spec("nvcr.io/nvidia/k8s/dcgm-exporter:4.8.3-4.5.3-ubuntu22.04", tolerations=EVERYTHING),
    )
    set_ = variables(found(cluster(*kubeadm(), exporter)))
    place = {"namespace": "gpu-operator", "name": "nvidia-dcgm-exporter"}
    assert set_["gpu_alerts_dcgm_exporter_daemon_sets"] == [place]


def test_what_could_not_be_read_is_not_said_to_be_missing() -> None:
    objects = cluster(*kubeadm())
    objects.unread["DaemonSet"] = "the user may not list daemonsets.apps"
    objects.items.pop("DaemonSet")
    said = text(found(objects))
    assert "Whether anybody enforces NetworkPolicies is not known" in said
    assert "the user may not list daemonsets.apps" in said


def test_no_line_of_a_comment_is_too_long_to_read() -> None:
    nodes = tuple(node(f"gpu-node-with-a-long-name-{number:04}", PRODUCT, gpus=8) for number in range(40))
    said = text(found(cluster(*kubeadm(), nodes=nodes)))
    assert max(len(line) for line in said.splitlines() if not line.startswith("  ")) <= 116
