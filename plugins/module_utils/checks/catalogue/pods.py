# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How pods of stages are made: without root, without a writable root, with limits."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import (
    STAGE_PODS,
    Rule,
    in_stages,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import WORKLOADS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import (
    Workload,
    asks_for_gpu,
    containers,
    effective,
    security,
)

_BY_ADMISSION = Remedy(
    "Set it in the pod; docs/workloads.md has pods that do.", "admission_policies", "admission_policies_pods_actions"
)
_BY_LEVEL = Remedy(
    "Set it in the pod; a namespace that enforces restricted refuses it otherwise.",
    "pod_security",
    "pod_security_stages",
)
_RUNNING = ("initContainers", "containers")


def as_root(workload: Workload) -> Iterator[Finding]:
    """Containers that may be root."""
    for path, container in containers(workload.spec):
        user = effective(workload.spec, container, "runAsUser")
        if user == 0 or effective(workload.spec, container, "runAsNonRoot") is not True:
            field = f"{path}.securityContext.runAsNonRoot"
            yield workload.finding(f"container {container.get('name')} may run as root", field)


def escalation(workload: Workload) -> Iterator[Finding]:
    """Containers whose processes may gain rights."""
    for path, container in containers(workload.spec):
        if security(container).get("allowPrivilegeEscalation") is not False:
            field = f"{path}.securityContext.allowPrivilegeEscalation"
            yield workload.finding(f"container {container.get('name')} may gain rights by setuid programs", field)


def undropped(workload: Workload) -> Iterator[Finding]:
    """Containers that keep the runtime's capabilities."""
    for path, container in containers(workload.spec):
        dropped = (security(container).get("capabilities") or {}).get("drop") or ()
        if "ALL" not in dropped:
            field = f"{path}.securityContext.capabilities.drop"
            yield workload.finding(f"container {container.get('name')} keeps capabilities of the runtime", field)


def seccomp(workload: Workload) -> Iterator[Finding]:
    """Containers without a filter of system calls."""
    for path, container in containers(workload.spec):
        profile = effective(workload.spec, container, "seccompProfile") or {}
        if profile.get("type") not in ("RuntimeDefault", "Localhost"):
            field = f"{path}.securityContext.seccompProfile"
            yield workload.finding(
                f"container {container.get('name')} has no seccomp profile", field, profile.get("type")
            )


def writable(workload: Workload) -> Iterator[Finding]:
    """Containers that can change their own programs."""
    for path, container in containers(workload.spec, _RUNNING):
        if security(container).get("readOnlyRootFilesystem") is not True:
            field = f"{path}.securityContext.readOnlyRootFilesystem"
            yield workload.finding(f"container {container.get('name')} can write to its own file system", field)


def unlimited(workload: Workload) -> Iterator[Finding]:
    """Containers that may use all of a node."""
    for path, container in containers(workload.spec, _RUNNING):
        limits = (container.get("resources") or {}).get("limits") or {}
        lacking = [name for name in ("cpu", "memory") if name not in limits]
        if lacking:
            text = f"container {container.get('name')} has no limit of {' and '.join(lacking)}"
            yield workload.finding(text, f"{path}.resources.limits")


def unlimited_disk(workload: Workload) -> Iterator[Finding]:
    """Folders that may fill the disk of a node."""
    for volume in workload.spec.get("volumes") or ():
        if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
            field = f"volumes[{volume.get('name')}].emptyDir.sizeLimit"
            yield workload.finding(f"volume {volume.get('name')} may fill the disk of the node", field)


def debugged(workload: Workload) -> Iterator[Finding]:
    """Containers that somebody put into a running pod."""
    for path, container in containers(workload.spec, ("ephemeralContainers",)):
        yield workload.finding(f"somebody put the container {container.get('name')} into the running pod", path)


def shared_processes(workload: Workload) -> Iterator[Finding]:
    """Containers that see each other's processes."""
    if workload.spec.get("shareProcessNamespace") is True:
        yield workload.finding("its containers see each other's processes", "shareProcessNamespace", "true")


def writable_models(workload: Workload) -> Iterator[Finding]:
    """Model servers that can write to claims: who serves a model has no need to change it."""
    if not workload.template or workload.place.kind != "Deployment" or not asks_for_gpu(workload.spec):
        return
    claims = {
        volume.get("name")
        for volume in workload.spec.get("volumes") or ()
        if "persistentVolumeClaim" in volume and not (volume["persistentVolumeClaim"] or {}).get("readOnly")
    }
    for path, container in containers(workload.spec, ("containers",)):
        for mount in container.get("volumeMounts") or ():
            if mount.get("name") in claims and not mount.get("readOnly"):
                field = f"{path}.volumeMounts[{mount.get('mountPath')}].readOnly"
                yield workload.finding(f"the server can write to the claim at {mount.get('mountPath')}", field)


def _check(
    number: int, title: str, severity: str, why: str, rule: Rule, remedy: Remedy, **references: tuple[str, ...]
) -> Check:
    layer = str(remedy.role)
    name = f"GPU-POD-{number:03}"
    return Check(
        name, title, layer, severity, why, remedy, in_stages(rule), ("Namespace", *WORKLOADS), STAGE_PODS, references
    )


CHECKS = (
    _check(
        1,
        "Pods of stages do not run as root",
        "high",
        "Training code and models come from outside; as root, one hole in the runtime or driver is the whole node.",
        as_root,
        _BY_LEVEL,
        cis=("5.2.7", "5.6.3"),
    ),
    _check(
        2,
        "Processes of stages cannot gain rights",
        "medium",
        "A setuid program in a large ML image is enough to become root in the container.",
        escalation,
        _BY_LEVEL,
        cis=("5.2.6",),
    ),
    _check(
        3,
        "Containers of stages drop all capabilities",
        "medium",
        "Training and serving need none. NET_RAW, which runtimes give by default, forges packets on the GPU network.",
        undropped,
        _BY_LEVEL,
        cis=("5.2.8", "5.2.9"),
    ),
    _check(
        4,
        "Containers of stages have a seccomp profile",
        "medium",
        "Without one, every system call is open to code that a model file may bring.",
        seccomp,
        _BY_LEVEL,
        cis=("5.6.2",),
    ),
    _check(
        5,
        "Containers of stages cannot write to their own file system",
        "medium",
        "A model that runs code cannot leave anything behind in the image's programs and Python packages.",
        writable,
        _BY_ADMISSION,
        cis=("5.6.3",),
    ),
    _check(
        6,
        "Containers of stages have limits",
        "medium",
        "One job that takes all memory of a GPU node ends every other job on it, and its GPUs wait.",
        unlimited,
        Remedy("Set limits of cpu and memory.", "admission_policies", "admission_policies_gpu_use_actions"),
        aisvs=("4.6.1",),
    ),
    _check(
        7,
        "Scratch folders of stages have a size",
        "low",
        "A checkpoint in an emptyDir without sizeLimit fills the disk of the node, and the kubelet evicts pods.",
        unlimited_disk,
        Remedy("Set sizeLimit of the emptyDir.", "workloads", "workloads_training_jobs"),
    ),
    _check(
        8,
        "Nobody has put containers into running pods of stages",
        "medium",
        "A debug container sees the weights, data and tokens of the pod, with an image that no template names.",
        debugged,
        Remedy("Find out who it was, and start the pod anew.", "rbac", "rbac_stages"),
        attack=("T1610",),
    ),
    _check(
        9,
        "Containers of stages do not see each other's processes",
        "low",
        "A sidecar then reads the memory and environment of the training process.",
        shared_processes,
        _BY_ADMISSION,
    ),
    _check(
        10,
        "Model servers cannot write to the models they serve",
        "medium",
        "Model files are code: a server that can change them stays compromised after a restart.",
        writable_models,
        Remedy("Mount the claim readOnly.", "workloads", "workloads_model_servers"),
    ),
)
