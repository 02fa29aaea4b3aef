# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods and objects that a hardened stage refuses, and an honest pod that it admits. Pure.

Each is sent as a dry run by whoever verifies. So what the policies leave to administrators is not among them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import version_path
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Place

Json = dict[str, Any]
DIGEST = "sha256:" + "0123456789abcdef" * 4
NAME = "verify-probe"
HOST_PATHS = (
    "/",
    "/dev",
    "/dev/nvidia0",
    "/dev/nvidiactl",
    "/var/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/lib/kubelet",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet/pod-resources",
    "/var/lib/etcd",
    "/etc",
    "/proc",
    "/sys",
    "/root",
)
CAPABILITIES = [
    "ALL",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_BOOT",
    "SYS_TIME",
    "SYS_RESOURCE",
    "NET_ADMIN",
    "NET_RAW",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "SYSLOG",
    "IPC_LOCK",
    "BPF",
    "PERFMON",
]
BASELINE, RESTRICTED = "baseline", "restricted"


@dataclass(frozen=True)
class Attempt:
    """One object.

    Attributes:
        what: in a few words.
        path: where it is sent.
        expected: ``refused`` or ``allowed``.
    """

    what: str
    path: str
    body: Json
    place: Place
    expected: str = "refused"


def attempts(stage: Mapping[str, Any], registry: str, policies: Collection[str]) -> list[Attempt]:
    """What is tried in a stage.

    Args:
        stage: as ``stages/model.py`` has it.
        registry: one that is approved there.
        policies: names of this collection's policies that refuse in it.
    """
    honest = honest_pod(stage, f"{registry}/{NAME}@{DIGEST}", NAME)
    level = stage["pod_security"]["enforce"]
    found = [_attempt("an honest pod", honest, "allowed")]
    if level in (BASELINE, RESTRICTED):
        found += [_attempt(what, body) for what, body in _beyond_baseline(honest)]
    if level == RESTRICTED:
        found += [_attempt(what, body) for what, body in _beyond_restricted(honest)]
    for policy, make in _OF_POLICIES.items():
        if policy in policies:
            found += [_attempt(what, body) for what, body in make(honest)]
    return found


def honest_pod(stage: Mapping[str, Any], image: str, name: str) -> Json:
    """A pod with the labels and the account of a stage, which no layer refuses if the image is approved there."""
    container = {
        "name": "main",
        "image": image,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": stage["namespace"], "labels": dict(stage["pods"])},
        "spec": {
            "serviceAccountName": stage["service_account"]["name"],
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


_PATHS = {
    "Pod": "pods",
    "Deployment": "deployments",
    "Job": "jobs",
    "CronJob": "cronjobs",
    "Role": "roles",
}


def _attempt(what: str, body: Json, expected: str = "refused") -> Attempt:
    namespace, kind = body["metadata"]["namespace"], body["kind"]
    path = f"{version_path(body['apiVersion'])}/namespaces/{namespace}/{_PATHS[kind]}"
    place = Place(body["apiVersion"], kind, namespace, body["metadata"]["name"])
    return Attempt(f"{what} in {namespace}", path, body, place, expected)


def _changed(pod: Json, change: Callable[[Json], object]) -> Json:
    body = copy.deepcopy(pod)
    change(body)
    return body


def _container(pod: Json, **keys: Any) -> Json:
    return _changed(pod, lambda body: body["spec"]["containers"][0].update(keys))


def _security(pod: Json, **keys: Any) -> Json:
    return _changed(pod, lambda body: body["spec"]["containers"][0]["securityContext"].update(keys))


def _spec(pod: Json, **keys: Any) -> Json:
    return _changed(pod, lambda body: body["spec"].update(keys))


def _pod_security(pod: Json, **keys: Any) -> Json:
    return _changed(pod, lambda body: body["spec"]["securityContext"].update(keys))


def _with_init(pod: Json, **keys: Any) -> Json:
    first = {**copy.deepcopy(pod["spec"]["containers"][0]), "name": "init", **keys}
    return _spec(pod, initContainers=[first])


def _beyond_baseline(pod: Json) -> Iterator[tuple[str, Json]]:
    # The API server wants the two to agree.
    yield "a privileged container", _security(pod, privileged=True, allowPrivilegeEscalation=True)
    yield "a privileged init container", _with_init(pod, securityContext={"privileged": True})
    yield "a pod in the network of the node", _spec(pod, hostNetwork=True)
    yield "a pod with the processes of the node", _spec(pod, hostPID=True)
    yield "a pod with the shared memory of the node", _spec(pod, hostIPC=True)
    yield "a port of the node", _container(pod, ports=[{"containerPort": 8080, "hostPort": 8080}])
    for path in HOST_PATHS:
        yield f"the host path {path}", _spec(pod, volumes=[{"name": "host", "hostPath": {"path": path}}])
    for name in CAPABILITIES:
        # SYS_ADMIN and gaining no rights exclude each other.
        gained = {"allowPrivilegeEscalation": True} if name in ("SYS_ADMIN", "ALL") else {}
        yield f"the capability {name}", _security(pod, capabilities={"drop": ["ALL"], "add": [name]}, **gained)
    yield "a container without seccomp", _security(pod, seccompProfile={"type": "Unconfined"})
    yield "a pod without seccomp", _pod_security(pod, seccompProfile={"type": "Unconfined"})
    yield "a container without AppArmor", _security(pod, appArmorProfile={"type": "Unconfined"})
    yield "another SELinux user", _security(pod, seLinuxOptions={"user": "system_u"})
    yield "an SELinux type of the host", _security(pod, seLinuxOptions={"type": "spc_t"})
    for name in ("kernel.msgmax", "net.core.somaxconn"):
        yield f"the sysctl {name}", _pod_security(pod, sysctls=[{"name": name, "value": "1024"}])


def _beyond_restricted(pod: Json) -> Iterator[tuple[str, Json]]:
    yield "a container as root", _security(pod, runAsUser=0, runAsNonRoot=False)
    yield "a pod that may be root", _pod_security(pod, runAsNonRoot=False)
    yield "a container that may gain rights", _security(pod, allowPrivilegeEscalation=True)
    yield "a container with the runtime's capabilities", _security(pod, capabilities={})
    yield "a container with the capability CHOWN", _security(pod, capabilities={"drop": ["ALL"], "add": ["CHOWN"]})
    yield "a pod that names no seccomp profile", _spec(pod, securityContext={"runAsNonRoot": True, "runAsUser": 65532})
    yield (
        "an init container as root",
        _with_init(
            pod,
            securityContext={**pod["spec"]["containers"][0]["securityContext"], "runAsUser": 0, "runAsNonRoot": False},
        ),
    )
    share = {"name": "share", "nfs": {"server": "192.0.2.1", "path": "/"}}
    yield "a volume of NFS", _spec(pod, volumes=[share])


def _images(pod: Json) -> Iterator[tuple[str, Json]]:
    image = pod["spec"]["containers"][0]["image"].partition("@")[0]
    yield "an image by tag", _container(pod, image=f"{image}:v1")
    yield "the latest image", _container(pod, image=f"{image}:latest@{DIGEST}")
    yield "an image without a tag", _container(pod, image=image)
    yield "an init container by tag", _with_init(pod, image=f"{image}:v1")
    template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": _container(pod, image=f"{image}:v1")["spec"]}
    once = {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}
    metadata = {"name": NAME, "namespace": pod["metadata"]["namespace"]}
    selected = {"replicas": 0, "selector": {"matchLabels": pod["metadata"]["labels"]}, "template": template}
    yield "a Deployment by tag", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": selected}
    job = {"suspend": True, "template": once}
    yield "a Job by tag", {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job}
    scheduled = {"suspend": True, "schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": once}}}
    yield "a CronJob by tag", {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": scheduled}


def _registries(pod: Json) -> Iterator[tuple[str, Json]]:
    registry, _slash, rest = pod["spec"]["containers"][0]["image"].partition("/")
    for other in ("docker.io/library", "registry.invalid", f"{registry}.invalid", f"registry.invalid/{registry}"):
        yield f"an image from {other}", _container(pod, image=f"{other}/{rest.rpartition('/')[2]}")
    yield "an init container from registry.invalid", _with_init(pod, image=f"registry.invalid/{NAME}@{DIGEST}")


def _secrets(pod: Json) -> Iterator[tuple[str, Json]]:
    key = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": NAME, "key": "token"}}}
    yield "a Secret as a variable", _container(pod, env=[key])
    yield "a Secret as all variables", _container(pod, envFrom=[{"secretRef": {"name": NAME}}])
    yield "a Secret as a variable of an init container", _with_init(pod, env=[key])
    secret = {"secretName": NAME}
    items = [{"key": "token", "path": "token", "mode": 0o444}]
    for what, volume in (
        ("files of a Secret for everybody", {"secret": secret}),
        ("a file of a Secret for everybody", {"secret": {**secret, "defaultMode": 0o400, "items": items}}),
        ("a projected Secret for everybody", {"projected": {"sources": [{"secret": {"name": NAME}}]}}),
    ):
        yield what, _spec(pod, volumes=[{"name": "secret", **volume}])


def _placement(pod: Json) -> Iterator[tuple[str, Json]]:
    yield "a toleration of every taint", _spec(pod, tolerations=[{"operator": "Exists"}])
    yield "a pod past the scheduler", _spec(pod, nodeName="verify-probe")
    yield "the stage's label on another account", _spec(pod, serviceAccountName="default")


def _gpu_use(pod: Json) -> Iterator[tuple[str, Json]]:
    for name, value in (("NVIDIA_VISIBLE_DEVICES", "all"), ("NVIDIA_VISIBLE_DEVICES", "0")):
        yield f"{name}={value}", _container(pod, env=[{"name": name, "value": value}])
    mount = {"name": "gpus", "mountPath": "/var/run/nvidia-container-devices/all"}
    mounted = _container(pod, volumeMounts=[mount])
    yield "a GPU by a mount", _spec(mounted, volumes=[{"name": "gpus", "emptyDir": {}}])
    gpu = {"limits": {"nvidia.com/gpu": "1", "cpu": "1", "memory": "1Gi"}}
    # The label of the stage on another account is refused by another policy.
    alone = _changed(_spec(pod, serviceAccountName="default"), lambda body: body["metadata"].update(labels={}))
    yield "a GPU for another account", _container(alone, resources=gpu)
    noted = _changed(
        alone, lambda body: body["metadata"].update(annotations={"cdi.k8s.io/probe": "nvidia.com/gpu=all"})
    )
    yield "a GPU by an annotation", noted


def _roles(pod: Json) -> Iterator[tuple[str, Json]]:
    metadata = {"name": NAME, "namespace": pod["metadata"]["namespace"]}
    for what, rule in (
        ("a Role with every verb", {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}),
        ("a Role with every resource", {"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}),
        ("a Role with every API group", {"apiGroups": ["*"], "resources": ["jobs"], "verbs": ["get"]}),
        ("a Role that lists Secrets", {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}),
        ("a Role that watches Secrets", {"apiGroups": [""], "resources": ["secrets"], "verbs": ["watch"]}),
    ):
        body: Json = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata}
        yield what, {**body, "rules": [rule]}


_OF_POLICIES: Mapping[str, Callable[[Json], Iterator[tuple[str, Json]]]] = {
    "image_digests": _images,
    "image_registries": _registries,
    "secrets": _secrets,
    "placement": _placement,
    "gpu_use": _gpu_use,
    "rbac": _roles,
}
