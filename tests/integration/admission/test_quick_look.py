# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick look of the policies of pods (their condition ``suspicious``) lets nothing pass that they would refuse.

Beside each policy stands a copy without the quick look. Both warn about the same pods, in one request each.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from fault_proxy import connector
from pod_objects import DIGEST, GPU, GPU_TOLERATION, IMAGE, STAGES, Json, container, pod
from policy_canaries import CANARIES
from sandbox_access import Kubectl
from waiting import wait_for

PODS = 400
SEED = 20261126
GOOD = 0.85  # how often a part of a pod is left as it should be
COPY = "thorough-"
SUFFIX = ".gpu-cluster.hardening"
WARNING = re.compile(rf"ValidatingAdmissionPolicy '([^']+){re.escape(SUFFIX)}'")
SAFE = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
OWNER = {"secretName": "a", "defaultMode": 0o400}
TOKEN = {"serviceAccountToken": {"path": "token"}}
CERTIFICATE = {"keyType": "ED25519", "credentialBundlePath": "identity.pem"}

IMAGES = (
    "registry.internal/a:v1",
    f"registry.internal/a:latest@{DIGEST}",
    f"registry.internal/a:LaTest@{DIGEST}",
    f"registry.internal/a@{DIGEST.upper()}",
    f"registry.internal/a:1/b@{DIGEST}",
    f"registry.internal/a@registry.evil/b@{DIGEST}",
    f"registry.internal/a//b@{DIGEST}",
    f"registry.internal/../a@{DIGEST}",
    f"registry.internal/serving/a@{DIGEST}",
    f"registry.internal:5000/a@{DIGEST}",
    f"registry.internal.evil/a@{DIGEST}",
    f"registry.example:5000/ml@{DIGEST}",
    f"registry.example:5000/ml:v1@{DIGEST}",
    f"registry.example:5000/ml/a@{DIGEST}",
    f"registry.example:5000/ml-evil@{DIGEST}",
    f"REGISTRY.INTERNAL/a@{DIGEST}",
    f"nginx@{DIGEST}",
    "registry.internal",
)
ENVIRONMENTS: tuple[list[Json], ...] = (
    [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
    [{"name": "B", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}],
    [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}],
    [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}],
    [{"name": "NVIDIA_MIG_CONFIG_DEVICES", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    [{"name": "NVIDIA_OTHER", "value": "all"}, {"name": "nvidia_visible_devices", "value": "all"}],
    [],
)
LABELS: tuple[Json, ...] = (
    {"app": "training-job"},
    {"app": "model-server", "a": "b"},
    {"app": "ml-monitor"},
    {"a": "b"},
)
ALL_KEYS: tuple[list[Json], ...] = (
    [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "a"}}],
    [{"configMapRef": {"name": "a"}}],
    [],
)
RESOURCES: tuple[Json, ...] = (
    GPU,
    {"limits": {"nvidia.com/gpu": 1}},
    {"limits": {"nvidia.com/gpu": 1, "cpu": "1"}},
    {"limits": {"nvidia.com/gpu": 0, "memory": "1Gi"}},
    {"limits": {"nvidia.com/mig-1g.10gb": 1, "cpu": "1", "memory": "1Gi"}},
    {"limits": {"example.com/nvidia.com": 1}},
    {"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}},
    {"requests": {"cpu": "1"}},
    {},
)
SECURITY: tuple[Json | None, ...] = (SAFE, {**SAFE, "readOnlyRootFilesystem": False})
MOUNTS = (
    [{"name": "v", "mountPath": "/var/run/nvidia-container-devices/0"}],
    [{"name": "v", "mountPath": "/var/run/nvidia"}],
)
VOLUMES: tuple[Json, ...] = (
    *({"emptyDir": {"sizeLimit": size}} for size in ("1Gi", "0", "0.0", "0Mi", "1m", "1e3", "01Gi", "5E")),
    {"emptyDir": {}},
    {"emptyDir": {"medium": "Memory"}},
    {},
    *({"secret": {"secretName": "a", "defaultMode": mode}} for mode in (0o400, 0, 0o440, 0o600, 0o777)),
    {"secret": {"secretName": "a"}},
    {"secret": {**OWNER, "items": [{"key": "a", "path": "a"}, {"key": "b", "path": "b", "mode": 0o444}]}},
    {"secret": {**OWNER, "items": [{"key": "a", "path": "a", "mode": 0o400}]}},
    {"projected": {"sources": [TOKEN]}},
    {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "audience": "vault"}}]}},
    *(
        {"projected": {"sources": [{"podCertificate": {"signerName": signer, **CERTIFICATE}}]}}
        for signer in ("kubernetes.io/kube-apiserver-client-pod", "example.com/a")
    ),
    {"projected": {"sources": [{"configMap": {"name": "a"}}, {"secret": {"name": "a"}}]}},
    {"projected": {"defaultMode": 0o400, "sources": [{"secret": {"name": "a"}}]}},
    {"projected": {"sources": []}},
    {"projected": {}},
    {"configMap": {"name": "a"}},
    {"image": {"reference": IMAGE}},
    {"image": {"reference": "registry.internal/a:v1"}},
    {"image": {"reference": f"registry.evil/a@{DIGEST}"}},
)
TOLERATIONS: tuple[list[Json], ...] = (
    [GPU_TOLERATION],
    [{"operator": "Exists"}],
    [{"operator": "Exists", "effect": "NoExecute"}],
    [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "PreferNoSchedule"}],
    [{"key": "nvidia.com/gpu.shared", "operator": "Exists"}],
    [],
)
ACCOUNTS = ("adm-tuner", "default", None)
ANNOTATIONS = ({"cdi.k8s.io/gpu": "all"}, {"example.com/cdi.k8s.io": "all"})


class PodMaker:
    """Makes pods that are mostly as they should be, always the same ones."""

    def __init__(self) -> None:
        self._chance = random.Random(SEED)

    def __call__(self, number: int) -> Json:
        changes: Json = {
            "initContainers": [self._container(f"init-{n}", restartPolicy="Always") for n in self._some()],
            "volumes": [{"name": "v", **self._volume()}],
            **self._maybe("tolerations", TOLERATIONS),
            **self._maybe("serviceAccountName", ACCOUNTS),
            **self._maybe("automountServiceAccountToken", (True, False)),
            **self._maybe("runtimeClassName", ("nvidia", "adm-other")),
            **self._maybe("nodeName", ("no-such-node",)),
            **self._maybe("priorityClassName", ("system-node-critical", "system-cluster-critical")),
            **self._maybe("resourceClaims", ([{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],)),
            **self._maybe("resources", ({"limits": {"cpu": "640", "memory": "640Gi"}},)),
            **self._maybe("annotations", ANNOTATIONS),
        }
        containers = [self._container("main"), *(self._container(f"more-{n}") for n in self._some())]
        namespace = self._chance.choice(("adm-training", "adm-training", "adm-serving", "adm-monitoring"))
        item = pod(f"random-{number}", *containers, namespace=namespace, **changes)
        item["metadata"]["labels"] = self._chance.choice(LABELS)
        return item

    def _container(self, name: str, **changes: Any) -> Json:
        parts = {
            **self._maybe("image", IMAGES),
            **self._maybe("env", ENVIRONMENTS),
            **self._maybe("envFrom", ALL_KEYS),
            **self._maybe("securityContext", SECURITY),
            **self._maybe("volumeMounts", MOUNTS),
        }
        resources = self._chance.choice((GPU, {"limits": {"cpu": "1", "memory": "1Gi"}}))
        return container(name, **{"resources": resources, **self._maybe("resources", RESOURCES), **parts, **changes})

    def _volume(self) -> Json:
        return self._chance.choice(VOLUMES) if self._chance.random() > GOOD - 0.3 else {"configMap": {"name": "a"}}

    def _maybe(self, key: str, choices: Sequence[Any]) -> Json:
        return {} if self._chance.random() < GOOD else {key: self._chance.choice(choices)}

    def _some(self) -> range:
        return range(self._chance.choice((0, 0, 1)))


@pytest.fixture(scope="module")
def copies(policies: Any, kubectl: Kubectl) -> Iterator[None]:
    """Every policy of pods warns, and so does its copy without the quick look."""
    policies.apply(**{f"admission_policies_{policy}_actions": ["Warn"] for policy in CANARIES})
    objects = [copy for policy in CANARIES for copy in thorough(kubectl, policy)]
    for name in ("nvidia", "adm-other"):
        runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "runc"}
        objects.append({**runtime, "metadata": {"name": name}})
    for stage in STAGES:
        metadata = {"name": "adm-tuner", "namespace": stage["namespace"]}
        kubectl("apply", stdin={"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    try:
        for item in objects:
            kubectl("create", stdin=item)
        yield
    finally:
        for item in objects:
            kubectl("delete", item["kind"], item["metadata"]["name"], "--ignore-not-found")


def thorough(kubectl: Kubectl, policy: str) -> tuple[Json, Json]:
    """A copy of a policy without the quick look, and of its binding."""
    name = policy.replace("_", "-") + SUFFIX
    live = kubectl.get("validatingadmissionpolicy", name)["spec"]
    kept = [condition for condition in live["matchConditions"] if condition["name"] != "suspicious"]
    assert len(kept) == len(live["matchConditions"]) - 1
    binding = kubectl.get("validatingadmissionpolicybinding", name)["spec"]
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": COPY + name}}
    return (
        {**api, "kind": "ValidatingAdmissionPolicy", "spec": {**live, "matchConditions": kept}},
        {**api, "kind": "ValidatingAdmissionPolicyBinding", "spec": {**binding, "policyName": COPY + name}},
    )


def warning(server: HTTPSConnection, item: Json) -> set[str]:
    """The policies that have something against a pod, in a dry run."""
    path = f"/api/v1/namespaces/{item['metadata']['namespace']}/pods?dryRun=All"
    server.request("POST", path, json.dumps(item), {"Content-Type": "application/json"})
    answer = server.getresponse()
    body = answer.read()
    assert answer.status == 201, body
    return {match[1] for text in answer.headers.get_all("Warning", ()) if (match := WARNING.search(text))}


def both_warn(server: HTTPSConnection, name: str, item: Json) -> bool:
    return {name, COPY + name} <= warning(server, item)


def test_a_policy_warns_of_the_same_pods_with_the_quick_look_and_without(
    copies: None, kubeconfig: Path, tmp_path: Path
) -> None:
    server = connector(kubeconfig, tmp_path)()
    names = {policy: policy.replace("_", "-") for policy in CANARIES}
    for policy, name in names.items():
        wait_for(partial(both_warn, server, name, CANARIES[policy]("canary")), f"{policy} and its copy warn")
    make, seen = PodMaker(), Counter[str]()
    for item in map(make, range(PODS)):
        warned = warning(server, item)
        quick = {name for name in warned if not name.startswith(COPY)}
        assert quick == {name.removeprefix(COPY) for name in warned - quick}, item
        seen.update(quick or {"nothing"})
    assert set(seen) == {*names.values(), "nothing"}
    assert min(seen.values()) > PODS // 20, seen
