# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces and their levels of Pod Security."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import STAGES, Find
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import WORKLOADS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place, Remedy, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import asks_for_gpu, is_privileged
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.model import LEVELS

PREFIX = "pod-security.kubernetes.io/"
ADMIN_ACCESS = "resource.kubernetes.io/admin-access"
STAGE_LABEL = "gpu-cluster.hardening/stage"
_ROLE = Remedy("Run the role pod_security.", "pod_security", "pod_security_stages")


def level(cluster: Cluster, namespace: str, mode: str) -> str:
    """The level of a namespace; privileged where it has none."""
    labels = (cluster.namespaces.get(namespace) or {}).get("metadata", {}).get("labels") or {}
    return str(labels.get(f"{PREFIX}{mode}") or "privileged")


def missing(cluster: Cluster) -> Iterator[Finding]:
    """Stages of the inventory without a namespace."""
    for stage in cluster.settings.stages:
        if stage["namespace"] not in cluster.namespaces:
            place = Place("v1", "Namespace", None, stage["namespace"])
            yield Finding(f"Stage {stage['name']} has no namespace {stage['namespace']}.", place)


def _weaker(mode: str) -> Find:
    def find(cluster: Cluster) -> Iterator[Finding]:
        for namespace, stage in cluster.stages.items():
            wanted, found = stage["pod_security"][mode], level(cluster, namespace, mode)
            if found not in LEVELS or LEVELS.index(found) < LEVELS.index(wanted):
                text = f"Namespace {namespace} has {mode}={found}, and stage {stage['name']} wants {wanted}."
                place = place_of(cluster.namespaces[namespace])
                yield Finding(text, place, f"metadata.labels[{PREFIX}{mode}]", found)

    return find


def gpu_without_level(cluster: Cluster) -> Iterator[Finding]:
    """Namespaces of no stage whose pods use GPUs."""
    ours = {*cluster.stages, *cluster.component_namespaces, *SYSTEM}
    used = {workload.namespace for workload in cluster.workloads if asks_for_gpu(workload.spec)}
    for namespace in sorted(used & cluster.namespaces.keys() - ours):
        if level(cluster, namespace, "enforce") == "privileged":
            text = f"Namespace {namespace} has pods with GPUs and enforces no level of Pod Security."
            yield Finding(text, place_of(cluster.namespaces[namespace]), f"metadata.labels[{PREFIX}enforce]")


def without_level(cluster: Cluster) -> Iterator[Finding]:
    """Namespaces with pods of people and no label at all; they are then as privileged as kube-system."""
    used = {workload.namespace for workload in cluster.workloads}
    for namespace in sorted(used & cluster.namespaces.keys() - {*cluster.stages, *SYSTEM}):
        if f"{PREFIX}enforce" not in (cluster.namespaces[namespace]["metadata"].get("labels") or {}):
            text = f"Namespace {namespace} has pods and no level of Pod Security, so a pod there may be privileged."
            yield Finding(text, place_of(cluster.namespaces[namespace]), f"metadata.labels[{PREFIX}enforce]")


def needlessly_privileged(cluster: Cluster) -> Iterator[Finding]:
    """Namespaces that say privileged, and have nothing that needs it."""
    needing = {
        workload.namespace
        for workload in cluster.workloads
        if is_privileged(workload.spec)
        or any(workload.spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
        or any("hostPath" in volume for volume in workload.spec.get("volumes") or ())
    }
    for name, item in cluster.namespaces.items():
        labels = item["metadata"].get("labels") or {}
        if labels.get(f"{PREFIX}enforce") == "privileged" and name not in needing and name not in SYSTEM:
            text = f"Namespace {name} enforces privileged, and no pod there needs it."
            yield Finding(text, place_of(item), f"metadata.labels[{PREFIX}enforce]", "privileged")


def pinned(cluster: Cluster) -> Iterator[Finding]:
    """Levels of an old version, which lack what was added since."""
    for namespace in cluster.stages:
        item = cluster.namespaces[namespace]
        found = (item["metadata"].get("labels") or {}).get(f"{PREFIX}enforce-version") or "latest"
        wanted = cluster.stages[namespace]["pod_security"]["enforce_version"]
        if found not in ("latest", wanted):
            text = f"Namespace {namespace} enforces the level as of {found}, and not what was added since."
            yield Finding(text, place_of(item), f"metadata.labels[{PREFIX}enforce-version]", found)


def admin_access(cluster: Cluster) -> Iterator[Finding]:
    """Namespaces whose claims may reach devices that others use."""
    for item in cluster.namespaces.values():
        if (item["metadata"].get("labels") or {}).get(ADMIN_ACCESS) == "true":
            text = f"Namespace {item['metadata']['name']} lets ResourceClaims ask for admin access to every device."
            yield Finding(text, place_of(item), f"metadata.labels[{ADMIN_ACCESS}]", "true")


def unlabelled(cluster: Cluster) -> Iterator[Finding]:
    """Namespaces of stages that do not say so."""
    for namespace, stage in cluster.stages.items():
        item = cluster.namespaces[namespace]
        found = (item["metadata"].get("labels") or {}).get(STAGE_LABEL)
        if found != stage["name"]:
            text = f"Namespace {namespace} does not have the label of stage {stage['name']}."
            yield Finding(text, place_of(item), f"metadata.labels[{STAGE_LABEL}]", found)


_NEEDS = ("Namespace",)
_PSS = {"cis": ("5.2.1",), "aisvs": ("4.1.1", "4.1.2", "4.1.3")}
CHECKS = (
    Check(
        "GPU-NS-001",
        "Every stage has its namespace",
        "pod_security",
        "high",
        "Without it, the stage's work runs elsewhere, next to other work, and nothing of the hardening holds for it.",
        _ROLE,
        missing,
        _NEEDS,
    ),
    Check(
        "GPU-NS-002",
        "Stages enforce their level of Pod Security",
        "pod_security",
        "critical",
        "A privileged pod on a GPU node has every GPU, every model in memory and every Secret of that node.",
        _ROLE,
        _weaker("enforce"),
        _NEEDS,
        STAGES,
        {**_PSS, "attack": ("T1611",)},
    ),
    Check(
        "GPU-NS-003",
        "Stages warn of what is above their level",
        "pod_security",
        "low",
        "Whoever writes a job learns from the warning what a stricter level would refuse.",
        _ROLE,
        _weaker("warn"),
        _NEEDS,
        STAGES,
    ),
    Check(
        "GPU-NS-004",
        "Stages audit what is above their level",
        "pod_security",
        "low",
        "Without it the audit log does not say which pods a stricter level would have refused.",
        _ROLE,
        _weaker("audit"),
        _NEEDS,
        STAGES,
    ),
    Check(
        "GPU-NS-005",
        "Namespaces whose pods use GPUs enforce a level",
        "pod_security",
        "high",
        "A GPU that is used outside the stages is on the same nodes as theirs; one privileged pod there is enough.",
        Remedy(
            "Make it a stage, or label it pod-security.kubernetes.io/enforce=baseline.",
            "pod_security",
            "gpu_cluster_stages",
        ),
        gpu_without_level,
        (*_NEEDS, *WORKLOADS),
        references=_PSS,
    ),
    Check(
        "GPU-NS-006",
        "Namespaces with pods have a level",
        "pod_security",
        "medium",
        "Privileged is the default: who may make a pod there has the node it runs on, GPU nodes included.",
        Remedy("Label the namespace pod-security.kubernetes.io/enforce with the strictest level that its pods meet."),
        without_level,
        (*_NEEDS, *WORKLOADS),
        references={"cis": ("5.2.1",)},
    ),
    Check(
        "GPU-NS-007",
        "No namespace is privileged for nothing",
        "pod_security",
        "medium",
        "A namespace left privileged by something that has been removed waits for whoever may make pods in it.",
        Remedy("Give the namespace the level that its pods meet, or delete it."),
        needlessly_privileged,
        (*_NEEDS, *WORKLOADS),
        references={"cis": ("5.2.1",)},
    ),
    Check(
        "GPU-NS-008",
        "Stages enforce the level of today",
        "pod_security",
        "low",
        "A level that is pinned to an old version admits what has been found to be dangerous since.",
        Remedy("Run the role pod_security.", "pod_security", "gpu_cluster_pod_security_version"),
        pinned,
        _NEEDS,
        STAGES,
    ),
    Check(
        "GPU-NS-009",
        "No namespace has admin access to devices",
        "admission_policies",
        "high",
        "With dynamic resource allocation, a claim with admin access gets GPUs that other pods are using.",
        Remedy("Take the label away, unless only the monitoring of devices lives there."),
        admin_access,
        _NEEDS,
        references={"aisvs": ("4.7.5",)},
    ),
    Check(
        "GPU-NS-010",
        "Namespaces of stages say which stage they are",
        "pod_security",
        "low",
        "People, alerts and reports find the objects of a stage by that label.",
        _ROLE,
        unlabelled,
        _NEEDS,
        STAGES,
    ),
)
