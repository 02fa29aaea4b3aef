# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses GPUs, and by which way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import (
    PODS,
    STAGES,
    Rule,
    everywhere,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import WORKLOADS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import (
    GPU_PREFIXES,
    Workload,
    account,
    asks_for_gpu,
    containers,
    environment,
    gpu_resources,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import tolerates

RUNTIME_CLASSES = ("nvidia", "nvidia-cdi", "nvidia-legacy")
NO_DEVICES = ("", "none", "void")
"""Values of NVIDIA_VISIBLE_DEVICES that give nothing."""
_REFUSE = Remedy(
    "Refuse it: set the policy gpu_use to Deny.", "admission_policies", "admission_policies_gpu_use_actions"
)
_GPU_STAGES = Condition(lambda cluster: any(map(_uses_gpus, cluster.stages.values())), "No stage uses GPUs.")


def _uses_gpus(stage: Mapping[str, Any]) -> bool:
    return bool(stage["gpu"])


def outside(cluster: Cluster) -> Iterator[Finding]:
    """GPUs that pods of no stage ask for."""
    for workload in cluster.workloads:
        asked = [name for _path, container in containers(workload.spec) for name in gpu_resources(container)]
        stage = cluster.stages.get(workload.namespace)
        if asks_for_gpu(workload.spec) and not (stage and stage["gpu"]):
            what = ", ".join(sorted(set(asked))) or "a device by a ResourceClaim"
            yield workload.finding(f"asks for {what}, and its namespace is of no stage with GPUs", "containers", what)


def by_environment(workload: Workload) -> Iterator[Finding]:
    """GPUs by a variable, in pods that the scheduler gave none."""
    if not asks_for_gpu(workload.spec):
        yield from _named(workload, "names GPUs for itself, without asking for any")


def more_by_environment(workload: Workload) -> Iterator[Finding]:
    """More GPUs by a variable than the scheduler gave."""
    if asks_for_gpu(workload.spec):
        yield from _named(workload, "names GPUs beside those that it was given")


def _named(workload: Workload, what: str) -> Iterator[Finding]:
    for path, container in containers(workload.spec):
        value = environment(container).get("NVIDIA_VISIBLE_DEVICES", "none")
        if value is None or value not in NO_DEVICES:
            field = f"{path}.env[NVIDIA_VISIBLE_DEVICES]"
            yield workload.finding(f"container {container.get('name')} {what}", field)


def management(workload: Workload) -> Iterator[Finding]:
    """The right to divide GPUs, and channels between nodes."""
    for path, container in containers(workload.spec):
        for name in sorted(environment(container)):
            if name in ("NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES", "NVIDIA_IMEX_CHANNELS"):
                yield workload.finding(f"container {container.get('name')} sets {name}", f"{path}.env[{name}]")


def all_capabilities(workload: Workload) -> Iterator[Finding]:
    """All of the driver's libraries."""
    for path, container in containers(workload.spec):
        if environment(container).get("NVIDIA_DRIVER_CAPABILITIES") == "all":
            field = f"{path}.env[NVIDIA_DRIVER_CAPABILITIES]"
            yield workload.finding(f"container {container.get('name')} asks for every part of the driver", field, "all")


def by_mount(workload: Workload) -> Iterator[Finding]:
    """GPUs by the path of a mount."""
    for path, container in containers(workload.spec):
        for mount in container.get("volumeMounts") or ():
            if "nvidia-container-devices" in str(mount.get("mountPath")):
                field = f"{path}.volumeMounts[{mount.get('mountPath')}]"
                yield workload.finding(f"container {container.get('name')} names a GPU by a mount", field)


def by_annotation(workload: Workload) -> Iterator[Finding]:
    """Devices by an annotation of CDI."""
    for key in sorted(workload.annotations):
        if key.startswith("cdi.k8s.io/"):
            text = f"{workload.place}: names devices by the annotation {key}."
            yield Finding(text, workload.place, f"metadata.annotations[{key}]")


def by_runtime_class(workload: Workload) -> Iterator[Finding]:
    """The runtime that gives GPUs, in pods that ask for none."""
    name = workload.spec.get("runtimeClassName")
    if name in RUNTIME_CLASSES and not asks_for_gpu(workload.spec):
        yield workload.finding(f"runs with the runtime {name}, and asks for no GPU", "runtimeClassName", name)


def tolerant(cluster: Cluster) -> Iterator[Finding]:
    """Pods that may land on GPU nodes without need; agents of nodes have to."""
    for workload in cluster.workloads:
        agent = workload.place.kind in ("DaemonSet",) or workload.namespace in SYSTEM
        if agent or asks_for_gpu(workload.spec):
            continue
        for index, toleration in enumerate(workload.spec.get("tolerations") or ()):
            if any(tolerates(toleration, taint) for taint in cluster.settings.taints):
                text = "tolerates the taint of GPU nodes, and asks for no GPU"
                yield workload.finding(text, f"tolerations[{index}]", toleration.get("key"))


def placed(workload: Workload) -> Iterator[Finding]:
    """Pods that choose their node past the scheduler."""
    if workload.template and workload.spec.get("nodeName"):
        yield workload.finding(
            "chooses its node past the scheduler and its taints", "nodeName", workload.spec["nodeName"]
        )


def of_another_account(cluster: Cluster) -> Iterator[Finding]:
    """Pods with GPUs that do not run as the account of their stage."""
    for workload in cluster.stage_workloads:
        stage = cluster.stages[workload.namespace]
        name = account(workload.spec)
        if asks_for_gpu(workload.spec) and name != stage["service_account"]["name"]:
            text = f"uses GPUs as account {name}, and that of the stage is {stage['service_account']['name']}"
            yield workload.finding(text, "serviceAccountName", name)


def without_quota(cluster: Cluster) -> Iterator[Finding]:
    """Stages whose GPUs are not counted."""
    limited = {
        item["metadata"]["namespace"]
        for item in cluster.of("ResourceQuota")
        if any(key.removeprefix("requests.").startswith(GPU_PREFIXES) for key in (item["spec"].get("hard") or {}))
    }
    for namespace, stage in cluster.stages.items():
        if stage["gpu"] and namespace not in limited:
            text = (
                f"Stage {stage['name']} may use every GPU of the cluster: namespace {namespace} has no quota of them."
            )
            yield Finding(text, place_of(cluster.namespaces[namespace]))


def _check(number: int, title: str, severity: str, why: str, rule: Rule, **references: tuple[str, ...]) -> Check:
    name = f"GPU-USE-{number:03}"
    return Check(
        name, title, "admission_policies", severity, why, _REFUSE, everywhere(rule), WORKLOADS, PODS, references
    )


CHECKS = (
    Check(
        "GPU-USE-001",
        "GPUs are used in stages only",
        "admission_policies",
        "high",
        "What runs elsewhere has no default deny, no quota and no policy: miners start there.",
        Remedy("Make its namespace a stage, or move it.", "admission_policies", "admission_policies_cluster_wide"),
        outside,
        ("Namespace", *WORKLOADS),
        PODS,
        {"aisvs": ("4.7.5",), "attack": ("T1496",)},
    ),
    _check(
        2,
        "No pod names GPUs for itself",
        "critical",
        "With the toolkit's defaults NVIDIA_VISIBLE_DEVICES=all gives every GPU of the node, past scheduler and quota.",
        by_environment,
        aisvs=("4.7.5",),
        attack=("T1496",),
    ),
    _check(
        3,
        "No pod names GPUs beside those it was given",
        "high",
        "It sees the GPUs of other jobs on the node, and their memory.",
        more_by_environment,
        aisvs=("4.7.5",),
    ),
    _check(
        4,
        "No pod manages GPUs",
        "high",
        "It may divide GPUs that others use, or open channels to the memory of GPUs in other nodes.",
        management,
        aisvs=("4.7.5",),
    ),
    _check(
        5,
        "No pod asks for every part of the driver",
        "low",
        "Graphics and video libraries are code of the driver that compute does not need; most holes are there.",
        all_capabilities,
    ),
    _check(
        6,
        "No pod names GPUs by a mount",
        "critical",
        "A mount at /var/run/nvidia-container-devices is what the volume-mounts strategy takes for an allocation.",
        by_mount,
        aisvs=("4.7.5",),
    ),
    _check(
        7,
        "No pod names devices by an annotation",
        "high",
        "Where the runtime obeys annotations of CDI, it gets devices that nobody allocated.",
        by_annotation,
        aisvs=("4.7.5",),
    ),
    _check(
        8,
        "Only pods with GPUs run with NVIDIA's runtime",
        "high",
        "That runtime is what gives devices; a pod that asked for none has no business with it.",
        by_runtime_class,
        aisvs=("4.7.5",),
    ),
    Check(
        "GPU-USE-009",
        "Only pods with GPUs tolerate the taint of GPU nodes",
        "gpu_nodes",
        "medium",
        "Other pods take CPU and memory of GPU nodes, and bring their holes next to the GPUs.",
        Remedy("Take the toleration away.", "admission_policies", "admission_policies_placement_actions"),
        tolerant,
        WORKLOADS,
        PODS,
        {"aisvs": ("4.7.5",)},
    ),
    _check(
        10,
        "No template chooses its node",
        "medium",
        "nodeName passes the scheduler: taints, resources and spread are not looked at.",
        placed,
    ),
    Check(
        "GPU-USE-011",
        "Pods with GPUs run as the account of their stage",
        "rbac",
        "medium",
        "Alerts and policies tell legitimate use by the account; another one is noticed by neither.",
        Remedy("Set serviceAccountName.", "admission_policies", "admission_policies_gpu_service_accounts"),
        of_another_account,
        ("Namespace", *WORKLOADS),
        STAGES,
    ),
    Check(
        "GPU-USE-012",
        "Stages have a quota of GPUs",
        "admission_policies",
        "medium",
        "One job, or whoever takes over a stage, may take every GPU of the cluster.",
        Remedy("Set how many GPUs a stage may use.", "admission_policies", "admission_policies_gpu_quotas"),
        without_quota,
        ("Namespace", "ResourceQuota"),
        _GPU_STAGES,
        {"aisvs": ("4.6.1", "4.7.5")},
    ),
)
