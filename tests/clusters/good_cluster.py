# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster in which every check passes: hardened, with a GPU Operator's ClusterPolicy, stores and webhooks."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.settings import POLICIES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.admission import policies
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster, Settings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.waivers import Waiver
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import Parent, parent_body
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import revision_body
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.model import validate
from cluster_objects import (
    GPU,
    HOME,
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
    service,
    webhook,
    workload,
)

DEFAULTS = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "roles/cluster/defaults/main.yml").read_text(encoding="utf-8")
)
STAGES = validate(DEFAULTS["gpu_cluster_default_stages"])
TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
GPU_LABELS = {"node-type": "gpu", "node-restriction.kubernetes.io/node-type": "gpu"}
LAYER = Layer("network_policies")
SETTINGS = Settings(
    STAGES,
    (TAINT,),
    DEFAULTS["gpu_cluster_node_labels"],
    DEFAULTS["gpu_cluster_confirmed_node_labels"],
    ("registry.internal",),
    expected_layers=(LAYER.name,),
)
FLOORS: list[Json] = [
    {
        "product": "Driver",
        "where": "gpu-0",
        "found": "595.71.05",
        "floor": "595.71.05",
        "ok": True,
        "cves": [],
        "note": None,
    }
]
POD = {"api_version": "v1", "kind": "Pod", "namespace": "ml-training", "name": "verify-probe"}


def tried(what: str, expected: str) -> Json:
    """A probe that came out as it should."""
    place = None if what.startswith(("account", "connection")) else POD
    return {"what": what, "object": place, "expected": expected, "got": expected, "message": None}


PROBES = [
    tried("an honest pod in ml-training", "allowed"),
    tried("a privileged container in ml-training", "refused"),
    tried("account ml-training/ml-trainer may list secrets", "refused"),
    tried("connection from ml-training to ml-serving, TCP 8080", "refused"),
]
WAIVERS = (Waiver("GPU-HOST-*", "No such thing.", "nobody", "2027-01-31", {"namespace": "nowhere"}),)
TODAY = "2026-11-29T01:00:00Z"


def cluster(objects: Objects, **changes: Any) -> Cluster:
    """What checks get of it."""
    given: Json = {"floors": FLOORS, "probes": PROBES, "waivers": WAIVERS, "today": TODAY, **changes}
    return Cluster(objects.snapshot(), given.pop("settings", SETTINGS), **given)


def good() -> Objects:
    """A new one."""
    objects = Objects()
    objects.add(made("Namespace", "kube-system", metadata={"uid": "11111111-2222-3333-4444-555555555555"}))
    _stages(objects)
    _nodes(objects)
    _components(objects)
    _secrets(objects)
    _admission(objects)
    _layer(objects)
    return objects


def _stages(objects: Objects) -> None:
    for stage in STAGES:
        namespace, name = stage["namespace"], stage["service_account"]["name"]
        levels = {
            f"pod-security.kubernetes.io/{mode}": stage["pod_security"][mode] for mode in ("enforce", "audit", "warn")
        }
        objects.add(
            made("Namespace", namespace, labels={**levels, "gpu-cluster.hardening/stage": stage["name"]}),
            made("ServiceAccount", name, namespace, automountServiceAccountToken=False),
            made("ServiceAccount", "default", namespace, automountServiceAccountToken=False),
            role(f"{name}-role", *copy.deepcopy(stage["rules"]), namespace=namespace),
            binding(f"{name}-binding", account(namespace, name), f"{name}-role", namespace, "Role"),
            policy("default-deny", namespace),
            policy(
                f"allow-{stage['name']}",
                namespace,
                podSelector={"matchLabels": stage["pods"]},
                egress=[{"to": [{"ipBlock": {"cidr": "10.0.50.0/24"}}], "ports": [{"port": 443}]}, _dns()],
            ),
        )
        if stage["gpu"]:
            objects.add(made("ResourceQuota", "gpus", namespace, spec={"hard": {"requests.nvidia.com/gpu": "8"}}))
    trainer = pod_spec(container(resources=GPU), account="ml-trainer", tolerations=[TOLERATION])
    server = pod_spec(
        container(resources=GPU, volumeMounts=[{"name": "model", "mountPath": "/model", "readOnly": True}]),
        account="model-server",
        tolerations=[TOLERATION],
        volumes=[
            {"name": "model", "persistentVolumeClaim": {"claimName": "model", "readOnly": True}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "keys", "secret": {"secretName": "model-registry-credentials", "defaultMode": 0o400}},
        ],
    )
    objects.add(
        workload("Job", "train", "ml-training", trainer, pods={"app": "training-job"}),
        pod("train-abcde", "ml-training", trainer, "gpu-0", ("Job", "train"), app="training-job"),
        workload("Deployment", "serve", "ml-serving", server, pods={"app": "model-server"}),
        pod("serve-5d4f-x", "ml-serving", server, "gpu-0", ("ReplicaSet", "serve-5d4f"), app="model-server"),
        service("serve", "ml-serving", 8080, app="model-server"),
        workload(
            "Deployment", "prometheus", "ml-monitoring", pod_spec(account="ml-monitor"), pods={"app": "ml-monitor"}
        ),
    )


def _dns() -> Json:
    peer = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    return {"to": [peer], "ports": [{"port": 53, "protocol": "UDP"}]}


def _nodes(objects: Objects) -> None:
    found = {"nvidia.com/gpu.present": "true", "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}
    objects.add(
        node("gpu-0", {**GPU_LABELS, **found, "feature.node.kubernetes.io/cpu-model.id": "1"}, [TAINT], 8),
        node("cpu-0", {"kubernetes.io/os": "linux"}),
    )


def _components(objects: Objects) -> None:
    # What they mount of the node is waived, and here left out.
    own = {"app.kubernetes.io/part-of": "gpu-cluster-hardening"}
    by_cdi = container("nvidia-device-plugin", env=[{"name": "DEVICE_LIST_STRATEGY", "value": "cdi-cri"}])
    rules = [{"name": "rules", "configMap": {"name": "falco-rules"}}]
    for name, main, more in (
        ("nvidia-device-plugin", by_cdi, {}),
        ("dcgm-exporter", container("dcgm-exporter"), {}),
        ("falco", container("falco"), {"volumes": rules}),
    ):
        spec = pod_spec(main, tolerations=[TOLERATION], nodeSelector={"node-type": "gpu"}, **more)
        pods = {"app.kubernetes.io/name": name, **own}
        objects.add(
            made("Namespace", name, labels={"pod-security.kubernetes.io/enforce": "baseline"}),
            made("ServiceAccount", "default", name, automountServiceAccountToken=False),
            workload("DaemonSet", name, name, spec, pods=pods, status={"desiredNumberScheduled": 1, "numberReady": 1}),
            policy("default-deny", name),
        )
    plugin = pod_spec(container("calico", image="quay.io/calico/node:v3.31.0"), tolerations=[{"operator": "Exists"}])
    alert = {"alert": "Busy", "expr": "DCGM_FI_DEV_GPU_UTIL > 90"}
    refused = {"name": "ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED", "value": "false"}
    objects.add(
        workload("DaemonSet", "calico-node", "kube-system", plugin, pods={"k8s-app": "calico-node"}),
        made(
            "PrometheusRule",
            "gpu",
            "ml-monitoring",
            spec={"groups": [{"rules": [alert]}]},
        ),
        made("ServiceMonitor", "dcgm-exporter", "dcgm-exporter", spec={"endpoints": [{"port": "metrics"}]}),
        service("dcgm-exporter", "dcgm-exporter", 9400),
        made(
            "ClusterPolicy",
            "cluster-policy",
            spec={
                "toolkit": {"enabled": True, "env": [refused]},
                "cdi": {"enabled": True},
                "dcgm": {"enabled": False},
            },
        ),
    )


def _secrets(objects: Objects) -> None:
    vault = {"server": "https://vault.internal", "auth": {"kubernetes": {"role": "gpu-cluster-serving"}}}
    ready = {"conditions": [{"type": "Ready", "status": "True", "reason": "SecretSynced"}]}
    objects.add(
        made("SecretStore", "vault-backend", "ml-serving", spec={"provider": {"vault": vault}}),
        made(
            "ClusterSecretStore", "shared", spec={"provider": {"vault": vault}, "conditions": [{"namespaces": ["a"]}]}
        ),
        made(
            "ExternalSecret", "model-registry-credentials", "ml-serving", spec={"refreshInterval": "1h"}, status=ready
        ),
    )


def _admission(objects: Objects) -> None:
    for name in (name for each in POLICIES for name in policies(each)):
        objects.add(
            made("ValidatingAdmissionPolicy", name, spec={"failurePolicy": "Fail"}),
            made("ValidatingAdmissionPolicyBinding", name, spec={"policyName": name, "validationActions": ["Deny"]}),
        )
    objects.add(
        made("Namespace", "kueue-system", labels={"pod-security.kubernetes.io/enforce": "restricted"}),
        workload("Deployment", "kueue", "kueue-system", pod_spec(account="kueue"), pods={"app": "kueue"}),
        service("webhook", "kueue-system", 443, app="kueue"),
        policy(
            "allow", "kueue-system", policyTypes=["Ingress"], ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]
        ),
        webhook("kueue", "kueue-system", "webhook"),
    )


def _layer(objects: Objects) -> None:
    """The layer of the network policies, as a run leaves it."""
    members = []
    for item in objects.items["NetworkPolicy"]:
        if item["metadata"]["namespace"].startswith("ml-"):
            item["metadata"]["labels"] = {PART_OF: LAYER.set_id}
            members.append(copy.deepcopy(item))
            item["metadata"]["managedFields"] = []
    kinds, manager = frozenset({("networking.k8s.io", "NetworkPolicy")}), "gpu_cluster.hardening"
    objects.add(
        parent_body(LAYER, Parent(kinds, frozenset({HOME}), 1, "", manager)),
        revision_body(LAYER, 1, members, "2026-11-28T18:00:00Z", "kubernetes-admin"),
    )
