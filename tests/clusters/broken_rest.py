# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the good cluster makes one check of the network, nodes, admission, agents, layers or proof fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.waivers import Waiver
from broken_pods import container_of
from cluster_objects import (
    GPU,
    Given,
    Json,
    Objects,
    account,
    binding,
    container,
    made,
    node,
    pod,
    pod_spec,
    policy,
    role,
    rule,
    service,
    webhook,
    workload,
)
from good_cluster import FLOORS, GPU_LABELS, LAYER, PROBES, SETTINGS, TAINT

Break = Callable[[Objects], Any]
SECRETS = "secrets.gpu-cluster.hardening"
SHARING = "nvidia.com/gpu.sharing-strategy"
CONFIRMED = "node-restriction.kubernetes.io/node-type"
ALLOW = ("NetworkPolicy", "allow-serving", "ml-serving")
IN_TRAINING = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["ml-training"]}
DEFAULT_DENY = ("NetworkPolicy", "default-deny", "ml-training")


def agent(objects: Objects, name: str) -> Json:
    """The DaemonSet of a component."""
    found: Json = objects.get("DaemonSet", name, name)
    return found


def spec_of(objects: Objects, name: str, namespace: str = "") -> Json:
    """The spec of its pods."""
    found: Json = objects.get("DaemonSet", name, namespace or name)["spec"]["template"]["spec"]
    return found


def bound(objects: Objects) -> Json:
    """How the policy of Secrets is bound."""
    found: Json = objects.get("ValidatingAdmissionPolicyBinding", SECRETS)["spec"]
    return found


def opened(direction: str, *peers: Json) -> Break:
    """A policy more in a stage."""
    key, side = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    more = policy("more", "ml-training", policyTypes=[direction], **{key: [{side: list(peers)}]})
    return lambda objects: objects.add(more)


def block(cidr: str, *without: str) -> Json:
    return {"ipBlock": {"cidr": cidr, **({"except": list(without)} if without else {})}}


def one_way(direction: str) -> Break:
    """The default deny, without a direction."""
    other = [name for name in ("Ingress", "Egress") if name != direction]

    def change(objects: Objects) -> None:
        objects.get(*DEFAULT_DENY)["spec"]["policyTypes"] = other

    return change


def without_dns(objects: Objects) -> None:
    objects.get("NetworkPolicy", "allow-training", "ml-training")["spec"]["egress"].pop()


def without(*names: str) -> Break:
    """Without some components."""

    def drop(objects: Objects) -> None:
        for name in names:
            objects.drop("DaemonSet", name, name)

    return drop


def node_of(objects: Objects, name: str = "gpu-0") -> Json:
    found: Json = objects.get("Node", name)
    return found


def control_plane(objects: Objects) -> None:
    labels = {**GPU_LABELS, "node-role.kubernetes.io/control-plane": "", "nvidia.com/gpu.present": "true"}
    objects.add(node("control-plane-0", labels, [], 1))


def hook(**changes: Any) -> Break:
    return lambda objects: objects.items["ValidatingWebhookConfiguration"][0]["webhooks"][0].update(changes)


def operator(part: str, **changes: Any) -> Break:
    return lambda objects: objects.items["ClusterPolicy"][0]["spec"][part].update(changes)


def dra(objects: Objects) -> None:
    selector = {"cel": {"expression": "device.driver == 'gpu.nvidia.com'"}}
    objects.add(made("DeviceClass", "gpu", spec={"selectors": [selector]}))


def second_plugin(objects: Objects) -> None:
    spec = pod_spec(
        container("k8s-device-plugin"), tolerations=[{"operator": "Exists"}], nodeSelector={"node-type": "gpu"}
    )
    spec["containers"][0]["env"] = [{"name": "DEVICE_LIST_STRATEGY", "value": "cdi-cri"}]
    objects.add(made("Namespace", "vendor", labels={"pod-security.kubernetes.io/enforce": "baseline"}))
    objects.add(policy("default-deny", "vendor"), workload("DaemonSet", "plugin", "vendor", spec))


def wide_agent(objects: Objects) -> None:
    objects.add(role("agent", rule("create", "", "pods")), binding("agent", account("falco", "default"), "agent"))


def probe(number: int, got: str) -> Break:
    """One of the probes, with another outcome."""
    probes = [{**one, "got": got} if index == number else one for index, one in enumerate(PROBES)]
    return lambda _objects: Given(probes=probes)


def revision(objects: Objects) -> Json:
    found: Json = next(item for item in objects.items["ConfigMap"] if item["metadata"]["name"].endswith("-revision-1"))
    return found


def of_old(objects: Objects) -> None:
    revision(objects)["metadata"]["annotations"]["gpu-cluster.hardening/collection-version"] = "0.0.9"


NETWORK: dict[str, Break] = {
    "GPU-NET-001": one_way("Ingress"),
    "GPU-NET-002": one_way("Egress"),
    "GPU-NET-003": opened("Egress", block("0.0.0.0/0")),
    "GPU-NET-004": opened("Ingress"),
    "GPU-NET-005": opened("Ingress", {"namespaceSelector": {}}),
    "GPU-NET-006": opened("Egress", block("169.254.0.0/16")),
    "GPU-NET-007": without_dns,
    "GPU-NET-008": lambda o: o.get("Deployment", "serve", "ml-serving")["spec"]["template"]["metadata"].update(
        labels={"app": "other"}
    ),
    "GPU-NET-009": lambda o: o.drop("DaemonSet", "calico-node", "kube-system"),
    # Another policy is there, and does not select the exporter.
    "GPU-NET-010": lambda o: o.get("NetworkPolicy", "default-deny", "dcgm-exporter")["spec"].update(
        podSelector={"matchLabels": {"app": "other"}}
    ),
    "GPU-NET-011": lambda o: o.add(service("nvidia-dcgm", "kube-system", 5555)),
    "GPU-NET-012": lambda o: spec_of(o, "dcgm-exporter").update(
        hostNetwork=True, containers=[container("dcgm-exporter", ports=[{"containerPort": 5555}])]
    ),
    "GPU-NET-013": lambda o: o.get("Service", "serve", "ml-serving")["spec"].update(type="NodePort"),
    "GPU-NET-014": lambda o: o.add(
        made("Namespace", "team", labels={"pod-security.kubernetes.io/enforce": "restricted"}),
        workload("Deployment", "work", "team", pod_spec(container(resources=GPU))),
    ),
    "GPU-NET-015": lambda o: o.drop("NetworkPolicy", "default-deny", "falco"),
}
NODES: dict[str, Break] = {
    "GPU-NODE-001": lambda o: node_of(o)["spec"].update(taints=[]),
    "GPU-NODE-002": lambda o: node_of(o)["metadata"]["labels"].pop("node-type"),
    "GPU-NODE-003": lambda o: node_of(o)["metadata"]["labels"].pop("node-restriction.kubernetes.io/node-type"),
    "GPU-NODE-004": lambda o: o.add(node("false", GPU_LABELS, [TAINT])),
    "GPU-NODE-005": lambda o: o.add(pod("web", "kueue-system", pod_spec(), "gpu-0")),
    "GPU-NODE-006": control_plane,
    "GPU-NODE-007": lambda o: node_of(o, "cpu-0")["status"]["nodeInfo"].update(kubeletVersion="v1.33.1"),
    "GPU-NODE-008": lambda o: node_of(o)["status"]["nodeInfo"].update(containerRuntimeVersion="containerd://1.7.11"),
    "GPU-NODE-009": lambda o: o.get("DaemonSet", "calico-node", "kube-system")["spec"]["template"]["spec"].pop(
        "tolerations"
    ),
    "GPU-NODE-010": lambda o: node_of(o)["metadata"]["labels"].update({SHARING: "time-slicing"}),
}
ADMISSION: dict[str, Break] = {
    "GPU-ADM-001": lambda o: o.drop("ValidatingAdmissionPolicy", SECRETS),
    "GPU-ADM-002": lambda o: bound(o).update(validationActions=["Warn"]),
    "GPU-ADM-003": lambda o: bound(o).update(matchResources={"namespaceSelector": {"matchExpressions": [IN_TRAINING]}}),
    "GPU-ADM-004": lambda o: o.get("ValidatingAdmissionPolicy", "secrets.gpu-cluster.hardening")["spec"].update(
        failurePolicy="Ignore"
    ),
    "GPU-ADM-005": lambda o: o.drop("Service", "webhook", "kueue-system"),
    "GPU-ADM-006": lambda o: o.get("NetworkPolicy", "allow", "kueue-system")["spec"].update(
        ingress=[{"from": [{"podSelector": {}}]}]
    ),
    "GPU-ADM-007": lambda o: o.add(
        webhook(
            "vendor", "", "", "MutatingWebhookConfiguration", clientConfig={"url": "https://user@hooks.example.com/x"}
        )
    ),
    "GPU-ADM-008": hook(failurePolicy="Ignore"),
    "GPU-ADM-009": hook(timeoutSeconds=30),
}
AGENTS: dict[str, Break] = {
    "GPU-CMP-001": without("nvidia-device-plugin"),
    "GPU-CMP-002": second_plugin,
    "GPU-CMP-003": dra,
    "GPU-CMP-004": lambda o: container_of(o, "nvidia-device-plugin")["securityContext"].update(privileged=True),
    "GPU-CMP-005": lambda o: container_of(o, "nvidia-device-plugin")["env"][0].update(value="envvar"),
    "GPU-CMP-006": wide_agent,
    "GPU-CMP-007": lambda o: spec_of(o, "falco").pop("automountServiceAccountToken"),
    "GPU-CMP-008": lambda o: agent(o, "dcgm-exporter")["metadata"].update(namespace="ml-monitoring"),
    "GPU-CMP-009": lambda o: spec_of(o, "nvidia-device-plugin").pop("tolerations"),
    "GPU-CMP-010": operator("toolkit", env=[]),
    "GPU-CMP-011": operator("cdi", enabled=False),
    "GPU-CMP-012": operator("dcgm", enabled=True),
    "GPU-RUN-001": without("falco"),
    "GPU-RUN-002": lambda o: spec_of(o, "falco").pop("tolerations"),
    "GPU-RUN-003": lambda o: agent(o, "falco")["status"].update(numberReady=0),
    "GPU-RUN-004": lambda o: container_of(o, "falco")["securityContext"].update(privileged=True),
    "GPU-RUN-005": lambda o: spec_of(o, "falco").pop("volumes"),
    "GPU-OBS-001": without("dcgm-exporter"),
    "GPU-OBS-002": lambda o: spec_of(o, "dcgm-exporter").pop("tolerations"),
    "GPU-OBS-003": lambda o: agent(o, "dcgm-exporter")["status"].update(numberReady=0),
    "GPU-OBS-004": lambda o: container_of(o, "dcgm-exporter")["securityContext"].update(privileged=True),
    "GPU-OBS-005": lambda o: o.drop("PrometheusRule", "gpu", "ml-monitoring"),
    "GPU-OBS-006": lambda o: o.items["ServiceMonitor"][0]["spec"]["endpoints"][0].update(honorLabels=True),
}
LAYERS: dict[str, Break] = {
    "GPU-DRIFT-001": lambda o: o.drop("NetworkPolicy", "allow-serving", "ml-serving"),
    "GPU-DRIFT-002": lambda o: o.get(*ALLOW)["spec"].update(egress=[]),
    "GPU-DRIFT-003": lambda o: o.get(*ALLOW)["metadata"].pop("labels"),
    "GPU-DRIFT-004": lambda o: o.add(made("Role", "false", "ml-training", labels={PART_OF: LAYER.set_id}, rules=[])),
    "GPU-DRIFT-005": lambda o: o.items["ConfigMap"].remove(revision(o)),
    "GPU-DRIFT-006": lambda o: revision(o)["metadata"]["annotations"].update({"gpu-cluster.hardening/sum": "0"}),
    "GPU-DRIFT-007": lambda _o: Given(settings=replace(SETTINGS, expected_layers=(LAYER.name, "rbac"))),
    "GPU-DRIFT-008": of_old,
}
PROOF: dict[str, Break] = {
    "GPU-PROOF-001": probe(1, "allowed"),
    "GPU-PROOF-002": probe(2, "allowed"),
    "GPU-PROOF-003": probe(0, "refused"),
    "GPU-PROOF-004": lambda _o: Given(floors=[{**FLOORS[0], "ok": False, "cves": ["CVE-2025-23266"]}]),
    "GPU-PROOF-006": probe(3, "allowed"),
    "GPU-PROOF-005": lambda _o: Given(waivers=[Waiver("GPU-HOST-001", "For now.", "alice", "2026-11-28")]),
}
BREAKS = {**NETWORK, **NODES, **ADMISSION, **AGENTS, **LAYERS, **PROOF}
