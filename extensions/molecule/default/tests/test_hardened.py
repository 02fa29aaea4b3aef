# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server holds after the whole job, read by kubectl."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Read = Callable[..., Any]
GPU_NODES = "--selector=nvidia.com/gpu.present=true"
NAMESPACES = ["ml-training", "ml-serving", "ml-monitoring"]
ACCOUNTS = [("ml-training", "ml-trainer"), ("ml-serving", "model-server"), ("ml-monitoring", "ml-monitor")]
DNS = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
}


def to_component(name: str, port: int) -> dict[str, Any]:
    """Egress to the pods of a component in the namespace of its name."""
    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
    }
    return {"to": [peer], "ports": [{"port": port, "protocol": "TCP"}]}


def to_network(cidr: str) -> dict[str, Any]:
    """Egress to HTTPS of a network."""
    return {"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"port": 443, "protocol": "TCP"}]}


@pytest.mark.parametrize("product", ["a100", "h100"])
def test_gpu_nodes_have_their_type(read: Read, product: str) -> None:
    """Four nodes of each model are labelled with it."""
    assert len(read("nodes", f"--selector=gpu-type={product}")["items"]) == 4


def test_gpu_nodes_are_labelled_and_tainted(read: Read) -> None:
    """Every GPU node, and no other, keeps pods off that do not tolerate the taint."""
    gpu_nodes = read("nodes", GPU_NODES)["items"]
    assert len(gpu_nodes) == 8
    for node in gpu_nodes:
        labels = node["metadata"]["labels"]
        assert labels["node-type"] == "gpu"
        assert labels["node-restriction.kubernetes.io/node-type"] == "gpu"
        assert {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"} in node["spec"]["taints"]


def test_other_nodes_are_left_alone(read: Read) -> None:
    """CPU and control-plane nodes have neither label nor taint of ours."""
    others = read("nodes", "--selector=nvidia.com/gpu.present!=true")["items"]
    assert len(others) == 3
    for node in others:
        assert "node-type" not in node["metadata"]["labels"]
        assert "nvidia.com/gpu" not in {taint["key"] for taint in node["spec"].get("taints", [])}


@pytest.mark.parametrize(
    ("stage", "namespace", "level"),
    [
        ("training", "ml-training", "restricted"),
        ("serving", "ml-serving", "baseline"),
        ("monitoring", "ml-monitoring", "restricted"),
    ],
)
def test_namespace_enforces_its_level(read: Read, stage: str, namespace: str, level: str) -> None:
    """Enforced as the stage says; audit and warn are always restricted."""
    labels = read("namespace", namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == level
    assert labels["pod-security.kubernetes.io/audit"] == "restricted"
    assert labels["pod-security.kubernetes.io/warn"] == "restricted"
    assert labels["gpu-cluster.hardening/stage"] == stage


def test_privileged_pod_is_refused(kubectl: Read) -> None:
    """The server itself refuses it in the training namespace."""
    overrides = '{"spec": {"containers": [{"name": "x", "image": "x", "securityContext": {"privileged": true}}]}}'
    done = kubectl("run", "x", "--namespace=ml-training", "--image=x", "--dry-run=server", f"--overrides={overrides}")
    assert done.rc == 1
    assert "violates PodSecurity" in done.stderr


@pytest.mark.parametrize(
    ("namespace", "image", "says"),
    [
        ("ml-training", "registry.internal/ml-trainer:v1", "is not pinned"),
        ("ml-serving", "registry.internal/model-server:latest", "is not pinned"),
        ("ml-serving", f"docker.io/vllm/vllm-openai@sha256:{64 * '0'}", "is not approved here"),
    ],
)
def test_images_that_nobody_pinned_or_approved_are_refused(
    kubectl: Read, namespace: str, image: str, says: str
) -> None:
    """The server itself refuses a Deployment that would run them."""
    done = kubectl("create", "deployment", "x", f"--namespace={namespace}", f"--image={image}", "--dry-run=server")
    assert done.rc == 1
    assert "gpu-cluster.hardening' denied request" in done.stderr
    assert says in done.stderr


def test_monitoring_is_warned_where_the_others_are_refused(kubectl: Read) -> None:
    """Nobody has decided on it yet."""
    done = kubectl("create", "deployment", "x", "--namespace=ml-monitoring", "--image=x:v1", "--dry-run=server")
    assert done.rc == 0
    assert "is not pinned" in done.stderr


@pytest.mark.parametrize(
    ("policy", "actions"),
    [
        *((name, ["Deny", "Audit"]) for name in ("image-digests", "image-registries", "secrets", "rbac", "namespaces")),
        *((name, ["Warn", "Audit"]) for name in ("gpu-use", "pods", "gpu-use-elsewhere", "image-digests-trial")),
    ],
)
def test_policies_begin_with_their_actions(read: Read, policy: str, actions: list[str]) -> None:
    """As docs/admission.md says."""
    binding = read("validatingadmissionpolicybinding", f"{policy}.gpu-cluster.hardening")
    assert binding["spec"]["validationActions"] == actions


@pytest.mark.parametrize(("namespace", "account"), ACCOUNTS)
def test_accounts_mount_no_token(read: Read, namespace: str, account: str) -> None:
    """Neither the account of the stage nor the default one."""
    for name in (account, "default"):
        assert read("serviceaccount", name, f"--namespace={namespace}")["automountServiceAccountToken"] is False


@pytest.mark.parametrize(("namespace", "account"), ACCOUNTS)
@pytest.mark.parametrize(
    ("verb", "resource"),
    [("list", "secrets"), ("create", "pods"), ("create", "pods/exec"), ("create", "serviceaccounts/token")],
)
def test_accounts_lack_rights(kubectl: Read, namespace: str, account: str, verb: str, resource: str) -> None:
    """The API server answers no to what would widen an account."""
    user = f"--as=system:serviceaccount:{namespace}:{account}"
    assert kubectl("auth", "can-i", verb, resource, f"--namespace={namespace}", user).stdout.strip() == "no"


@pytest.mark.parametrize(
    ("namespace", "account", "verb", "resource"),
    [
        ("ml-training", "ml-trainer", "get", "configmaps/training-config"),
        ("ml-training", "ml-trainer", "get", "persistentvolumeclaims"),
        ("ml-training", "ml-trainer", "create", "events"),
        ("ml-serving", "model-server", "get", "secrets/model-registry-credentials"),
        ("ml-monitoring", "ml-monitor", "list", "endpointslices.discovery.k8s.io"),
    ],
)
def test_accounts_have_their_rights(kubectl: Read, namespace: str, account: str, verb: str, resource: str) -> None:
    """The API server answers yes to what the work needs."""
    user = f"--as=system:serviceaccount:{namespace}:{account}"
    assert kubectl("auth", "can-i", verb, resource, f"--namespace={namespace}", user).stdout.strip() == "yes"


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_all_traffic_is_denied_by_default(read: Read, namespace: str) -> None:
    """All pods, both directions, no exception."""
    spec = read("networkpolicy", "default-deny", f"--namespace={namespace}")["spec"]
    assert spec["podSelector"] == {}
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    assert not spec.get("ingress")
    assert not spec.get("egress")


@pytest.mark.parametrize(
    ("stage", "namespace", "egress"),
    [
        ("training", "ml-training", [DNS, to_network("10.0.100.0/24"), to_network("10.0.50.0/24")]),
        ("serving", "ml-serving", [DNS, to_network("10.0.50.0/24")]),
        ("monitoring", "ml-monitoring", [DNS, to_component("dcgm-exporter", 9400), to_component("falco", 8765)]),
    ],
)
def test_egress_is_what_the_stage_needs(read: Read, stage: str, namespace: str, egress: list[dict[str, Any]]) -> None:
    """DNS and the endpoints of the stage, nothing else."""
    assert read("networkpolicy", f"allow-{stage}", f"--namespace={namespace}")["spec"]["egress"] == egress


def test_only_the_gateway_reaches_serving(read: Read) -> None:
    """From pods of the gateway in the gateway's namespace, on both inference ports."""
    spec = read("networkpolicy", "allow-serving", "--namespace=ml-serving")["spec"]
    assert spec["podSelector"] == {"matchLabels": {"app": "model-server"}}
    assert spec["ingress"] == [
        {
            "from": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "api-gateway"}},
                    "podSelector": {"matchLabels": {"app": "gateway"}},
                }
            ],
            "ports": [{"port": 8080, "protocol": "TCP"}, {"port": 8081, "protocol": "TCP"}],
        }
    ]


@pytest.mark.parametrize(("stage", "namespace"), [("training", "ml-training"), ("monitoring", "ml-monitoring")])
def test_nothing_reaches_the_other_stages(read: Read, stage: str, namespace: str) -> None:
    """No ingress rule at all."""
    assert not read("networkpolicy", f"allow-{stage}", f"--namespace={namespace}")["spec"].get("ingress")


@pytest.mark.parametrize("name", ["nvidia-device-plugin", "dcgm-exporter", "falco"])
def test_gpu_stack_runs_on_every_gpu_node_and_on_no_other(read: Read, name: str) -> None:
    """One ready pod for each node that has GPUs."""
    status = read("daemonset", name, f"--namespace={name}")["status"]
    assert (status["desiredNumberScheduled"], status["numberAvailable"]) == (8, 8)
    pods = read("pods", f"--namespace={name}", f"--selector=app.kubernetes.io/name={name}")["items"]
    gpu_nodes = {node["metadata"]["name"] for node in read("nodes", GPU_NODES)["items"]}
    assert {pod["spec"]["nodeName"] for pod in pods} == gpu_nodes


@pytest.mark.parametrize("name", ["nvidia-device-plugin", "dcgm-exporter", "falco"])
def test_gpu_stack_is_not_privileged_and_has_no_token(read: Read, name: str) -> None:
    """Its namespace would allow more, as hostPath volumes need it."""
    spec = read("daemonset", name, f"--namespace={name}")["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        security = container["securityContext"]
        assert not security.get("privileged")
        assert security["capabilities"]["drop"] == ["ALL"]
        assert security["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("namespace", ["nvidia-device-plugin", "dcgm-exporter", "falco"])
def test_gpu_stack_is_denied_all_other_traffic(read: Read, namespace: str) -> None:
    """All pods, both directions."""
    policies = read("networkpolicies", f"--namespace={namespace}")["items"]
    everything = [policy for policy in policies if policy["spec"]["podSelector"] == {}]
    assert [sorted(policy["spec"]["policyTypes"]) for policy in everything] == [["Egress", "Ingress"]]
    assert not any(policy["spec"].get("ingress") or policy["spec"].get("egress") for policy in everything)


def test_falco_has_the_ml_rules(read: Read) -> None:
    """What is changed of the stock rules, those of the collection, then what the site says."""
    rules = read("configmap", "falco-rules", "--namespace=falco")["data"]
    assert sorted(rules) == ["05-stock-rules.yaml", "10-ml-rules.yaml", "20-site-rules.yaml"]
    assert "Shell or Network Tool Started by Python Model Server" in rules["10-ml-rules.yaml"]


def test_prometheus_has_the_alerts(read: Read) -> None:
    """As a rule file, as there is no Prometheus Operator here."""
    rules = read("configmap", "gpu-security-alerts", "--namespace=ml-monitoring")["data"]
    assert "alert: UnexpectedGPUUsage" in rules["gpu-security-alerts.yaml"]
