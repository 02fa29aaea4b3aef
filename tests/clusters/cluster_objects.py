# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as a list of objects of the API, which tests take apart, and the objects it is made of."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import BY_NAME, LAYERS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.slim import Slimmer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import Snapshot, in_order, key_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER

Json = dict[str, Any]
HOME = "gpu-cluster-hardening"
DIGEST = "sha256:" + "0123456789abcdef" * 4
GPU = {"limits": {"nvidia.com/gpu": "1", "cpu": "8", "memory": "32Gi"}}
RBAC = "rbac.authorization.k8s.io"


class Given(dict[str, Any]):
    """What checks get beside the objects, where that is what is wrong."""


@dataclass
class Objects:
    """Objects by kind; a test changes them."""

    items: dict[str, list[Json]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    def add(self, *objects: Json) -> None:
        for item in objects:
            self.items.setdefault(item["kind"], []).append(copy.deepcopy(item))

    def get(self, kind: str, name: str, namespace: str = "") -> Json:
        return next(item for item in self.items[kind] if key_of(item) == (namespace, name))

    def drop(self, kind: str, name: str, namespace: str = "") -> None:
        self.items[kind].remove(self.get(kind, name, namespace))

    def snapshot(self) -> Snapshot:
        """What a snapshot of it holds, as the API gives it."""
        slim = Slimmer()
        found: dict[str, dict[tuple[str, str], Json]] = {name: {} for name in (*BY_NAME, LAYERS)}
        for kind, items in self.items.items():
            for item in items:
                layer = kind == "ConfigMap" and LAYER in (item["metadata"].get("labels") or {})
                found[LAYERS if layer else kind][key_of(item)] = slim(BY_NAME[kind], item)
        objects = {name: in_order(held) for name, held in found.items() if name not in self.unread}
        return Snapshot("api", "2026-11-29T01:00:00Z", objects, self.unread, "https://fake", "v1.37.2", 31)


def made(kind: str, name: str, namespace: str = "", api_version: str = "", **body: Any) -> Json:
    """An object of a kind that a snapshot has."""
    labels = body.pop("labels", {})
    metadata = {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        **({"labels": labels} if labels else {}),
    }
    metadata.update(body.pop("metadata", {}))
    return {"apiVersion": api_version or BY_NAME[kind].api_version, "kind": kind, "metadata": metadata, **body}


def container(name: str = "main", **changes: Any) -> Json:
    whole = {
        "name": name,
        "image": f"registry.internal/{name}:v1@{DIGEST}",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def pod_spec(*containers: Json, account: str = "default", **changes: Any) -> Json:
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": list(containers) or [container()],
        **changes,
    }


def template(spec: Json, labels: Json, annotations: Json | None = None) -> Json:
    metadata: Json = {"labels": labels, **({"annotations": annotations} if annotations else {})}
    return {"metadata": metadata, "spec": spec}


def workload(kind: str, name: str, namespace: str, spec: Json, **more: Any) -> Json:
    """A Deployment, DaemonSet or Job."""
    labels = more.pop("pods", {"app": name})
    body = {"selector": {"matchLabels": labels}, "template": template(spec, labels)}
    return made(kind, name, namespace, spec=body, **more)


def pod(
    name: str, namespace: str, spec: Json, node: str = "", owner: tuple[str, str] | None = None, **labels: str
) -> Json:
    metadata: Json = {"labels": labels}
    if owner:
        version = {"Job": "batch/v1", "ReplicaSet": "apps/v1", "DaemonSet": "apps/v1"}.get(owner[0], "v1")
        metadata["ownerReferences"] = [{"apiVersion": version, "kind": owner[0], "name": owner[1], "controller": True}]
    placed = {**spec, **({"nodeName": node} if node else {})}
    return made("Pod", name, namespace, metadata=metadata, spec=placed, status={"phase": "Running"})


def node(
    name: str, labels: Json, taints: Iterable[Json] = (), gpus: int = 0, runtime: str = "containerd://2.1.4"
) -> Json:
    allocatable = {"cpu": "64", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    info = {"kubeletVersion": "v1.37.2", "containerRuntimeVersion": "containerd://2.1.4"}
    status = {"allocatable": allocatable, "nodeInfo": info, "conditions": [{"type": "Ready", "status": "True"}]}
    return made("Node", name, labels=labels, spec={"taints": list(taints)}, status=status)


def policy(name: str, namespace: str, **spec: Any) -> Json:
    return made(
        "NetworkPolicy", name, namespace, spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"], **spec}
    )


def role(name: str, *rules: Json, namespace: str = "") -> Json:
    return made("Role" if namespace else "ClusterRole", name, namespace, rules=list(rules))


def rule(verbs: str, group: str, *resources: str, names: Iterable[str] = ()) -> Json:
    named = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [group], "resources": list(resources), "verbs": verbs.split(), **named}


def binding(name: str, subject: Json, to: str, namespace: str = "", kind: str = "ClusterRole") -> Json:
    reference = {"apiGroup": RBAC, "kind": kind, "name": to}
    return made(
        "RoleBinding" if namespace else "ClusterRoleBinding", name, namespace, subjects=[subject], roleRef=reference
    )


def account(namespace: str, name: str) -> Json:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def person(name: str) -> Json:
    return {"kind": "User", "name": name, "apiGroup": RBAC}


def service(name: str, namespace: str, port: int, kind: str = "ClusterIP", **selector: str) -> Json:
    return made("Service", name, namespace, spec={"type": kind, "ports": [{"port": port}], "selector": selector})


def webhook(
    name: str, namespace: str, service_name: str, kind: str = "ValidatingWebhookConfiguration", **changes: Any
) -> Json:
    about = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    where = {"service": {"namespace": namespace, "name": service_name}}
    hook = {"name": f"{name}.example.com", "clientConfig": where, "rules": [about], "failurePolicy": "Fail", **changes}
    return made(kind, name, webhooks=[hook])
