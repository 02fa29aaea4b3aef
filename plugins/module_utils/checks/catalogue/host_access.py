# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that reach the machine below them."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import (
    PODS,
    Rule,
    everywhere,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import WORKLOADS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import (
    Workload,
    added_capabilities,
    containers,
    host_paths,
    is_at,
    security,
)

RUNTIME_SOCKETS = (
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/run/cri-dockerd.sock",
    "/run/podman/podman.sock",
)
DEVICES = ("/dev/nvidia", "/dev/dri", "/dev/infiniband", "/dev/mem", "/dev/kmem")
KUBELET_DEVICES = (
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet/pod-resources",
    "/var/lib/kubelet/plugins",
    "/var/lib/kubelet/plugins_registry",
)
SYSTEM_PATHS = (
    "/etc",
    "/root",
    "/boot",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/opt",
    "/home",
    "/proc",
    "/sys",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/docker",
    "/var/log",
    "/run/nvidia",
)
STRONG = frozenset(
    [
        "ALL",
        "SYS_ADMIN",
        "SYS_MODULE",
        "SYS_PTRACE",
        "SYS_RAWIO",
        "SYS_BOOT",
        "DAC_READ_SEARCH",
        "NET_ADMIN",
        "BPF",
        "PERFMON",
        "MAC_ADMIN",
    ]
)
_NO_HOST = Remedy(
    "Take it out of the pod; a namespace that enforces baseline refuses it.", "pod_security", "pod_security_stages"
)


def _real(path: str) -> str:
    """/var/run is /run."""
    return path.removeprefix("/var") if is_at(path, ("/var/run",)) else path


def _holds(path: str, place: str) -> bool:
    """Whether a volume of this path has a file in it."""
    return path == "/" or place == path or place.startswith(f"{path}/")


def privileged(workload: Workload) -> Iterator[Finding]:
    """Containers that are the machine."""
    for path, container in containers(workload.spec):
        if security(container).get("privileged") is True:
            field = f"{path}.securityContext.privileged"
            yield workload.finding(f"container {container.get('name')} is privileged", field, "true")


def devices(workload: Workload) -> Iterator[Finding]:
    """Device files of GPUs past the device plugin."""
    for field, path in host_paths(workload.spec):
        if path == "/dev" or path.startswith(DEVICES):
            yield workload.finding(f"mounts the devices {path} of the node", field, path)


def sockets(workload: Workload) -> Iterator[Finding]:
    """The runtime's socket, or a folder that it is in."""
    for field, path in host_paths(workload.spec):
        if path != "/" and any(_holds(_real(path), socket) for socket in RUNTIME_SOCKETS):
            yield workload.finding(f"mounts {path}, where the container runtime listens", field, path)


def kubelet(workload: Workload) -> Iterator[Finding]:
    """The kubelet's folder: Secrets and tokens of every pod of the node."""
    for field, path in host_paths(workload.spec):
        if (path != "/" and _holds(path, "/var/lib/kubelet")) or is_at(
            path, ("/var/lib/kubelet/pods", "/var/lib/kubelet/pki")
        ):
            yield workload.finding(f"mounts {path}, where the kubelet keeps what pods get", field, path)


def kubelet_devices(workload: Workload) -> Iterator[Finding]:
    """Where plugins register with the kubelet."""
    for field, path in host_paths(workload.spec):
        if is_at(path, KUBELET_DEVICES):
            yield workload.finding(f"mounts {path}, where device plugins register with the kubelet", field, path)


def root(workload: Workload) -> Iterator[Finding]:
    """The whole file system."""
    for field, path in host_paths(workload.spec):
        if path == "/":
            yield workload.finding("mounts the whole file system of the node", field, path)


def system_paths(workload: Workload) -> Iterator[Finding]:
    """Folders of the operating system."""
    for field, path in host_paths(workload.spec):
        if is_at(_real(path), SYSTEM_PATHS):
            yield workload.finding(f"mounts {path} of the node", field, path)


def _shares(key: str, what: str) -> Rule:
    def rule(workload: Workload) -> Iterator[Finding]:
        if workload.spec.get(key) is True:
            yield workload.finding(f"shares {what} of the node", key, "true")

    return rule


def host_ports(workload: Workload) -> Iterator[Finding]:
    """Ports of the node, which no NetworkPolicy closes; those of pods in its network are no other ports."""
    if workload.spec.get("hostNetwork"):
        return
    for path, container in containers(workload.spec):
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                field = f"{path}.ports[{port.get('containerPort')}].hostPort"
                yield workload.finding(f"listens on port {port['hostPort']} of the node", field, port["hostPort"])


def capabilities(workload: Workload) -> Iterator[Finding]:
    """Capabilities that lead out of a container."""
    for path, container in containers(workload.spec):
        strong = sorted(STRONG & set(added_capabilities(container)))
        if strong and not security(container).get("privileged"):
            field = f"{path}.securityContext.capabilities.add"
            names = ", ".join(strong)
            yield workload.finding(f"container {container.get('name')} has {names}", field, names)


def unmasked(workload: Workload) -> Iterator[Finding]:
    """/proc as the machine sees it."""
    for path, container in containers(workload.spec):
        if security(container).get("procMount") == "Unmasked":
            field = f"{path}.securityContext.procMount"
            yield workload.finding(f"container {container.get('name')} sees an unmasked /proc", field, "Unmasked")


def _check(number: int, title: str, severity: str, why: str, rule: Rule, **references: tuple[str, ...]) -> Check:
    name = f"GPU-HOST-{number:03}"
    return Check(name, title, "pod_security", severity, why, _NO_HOST, everywhere(rule), WORKLOADS, PODS, references)


CHECKS = (
    _check(
        1,
        "No container is privileged",
        "critical",
        "It has every device file, so every GPU of the node and the memory of its models, and the node itself.",
        privileged,
        cis=("5.2.2",),
        attack=("T1611",),
    ),
    _check(
        2,
        "No pod mounts device files",
        "critical",
        "GPUs reached by hostPath are counted by nobody: the scheduler, quotas and alerts do not know of them.",
        devices,
        cis=("5.2.11",),
        aisvs=("4.7.5",),
    ),
    _check(
        3,
        "No pod mounts the socket of the container runtime",
        "critical",
        "Whoever talks to the runtime starts a container with all GPUs and the root of the node, unseen by Kubernetes.",
        sockets,
        cis=("5.2.11",),
        attack=("T1611",),
    ),
    _check(
        4,
        "No pod mounts the folder of the kubelet",
        "critical",
        "It has the Secrets, tokens and volumes of every pod of the node, models and training data included.",
        kubelet,
        cis=("5.2.11",),
        attack=("T1611",),
    ),
    _check(
        5,
        "No pod mounts where device plugins register",
        "high",
        "A false device plugin takes over nvidia.com/gpu, and gives pods what device files and mounts it likes.",
        kubelet_devices,
        cis=("5.2.11",),
        aisvs=("4.7.5",),
    ),
    _check(
        6,
        "No pod mounts the root of the node",
        "critical",
        "It reads and writes all that the node has, from drivers to credentials of the kubelet.",
        root,
        cis=("5.2.11",),
        attack=("T1611",),
    ),
    _check(
        7,
        "No pod mounts folders of the operating system",
        "high",
        "Configuration of the container toolkit, of the runtime and of the driver is there, and decides who gets GPUs.",
        system_paths,
        cis=("5.2.11",),
        attack=("T1611",),
    ),
    _check(
        8,
        "No pod shares the processes of the node",
        "high",
        "It reads the memory and the environment of every process, GPU jobs of others included.",
        _shares("hostPID", "the processes"),
        cis=("5.2.3",),
    ),
    _check(
        9,
        "No pod shares the IPC of the node",
        "high",
        "NCCL and CUDA pass tensors through shared memory, which is then open to it.",
        _shares("hostIPC", "the shared memory"),
        cis=("5.2.4",),
    ),
    _check(
        10,
        "No pod shares the network of the node",
        "high",
        "No NetworkPolicy holds for it, and it reaches what listens on the node alone: DCGM, Fabric Manager, IMEX.",
        _shares("hostNetwork", "the network"),
        cis=("5.2.5",),
    ),
    _check(
        11,
        "No pod has ports of the node",
        "medium",
        "Most network plugins do not apply NetworkPolicies to them.",
        host_ports,
        cis=("5.2.12",),
    ),
    _check(
        12,
        "No container has capabilities that lead out of it",
        "high",
        "The NVIDIA container toolkit takes SYS_ADMIN for privileged, and gives such a container any GPU it names.",
        capabilities,
        cis=("5.2.9",),
        attack=("T1611",),
    ),
    _check(
        13,
        "No container sees an unmasked /proc",
        "high",
        "Settings of the kernel and of the NVIDIA driver under /proc are then in its reach.",
        unmasked,
        attack=("T1611",),
    ),
)
