# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: pinned, and from the site's registries."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import STAGE_PODS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import WORKLOADS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import (
    Workload,
    asks_for_gpu,
    containers,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import split_reference

_DIGESTS = Remedy(
    "Pin the image to its digest; playbooks/lock_images.yml finds it.",
    "admission_policies",
    "admission_policies_image_digests_actions",
)


def _images(workload: Workload) -> Iterator[tuple[str, str]]:
    for path, container in containers(workload.spec):
        yield f"{path}.image", str(container.get("image") or "")
    for volume in workload.spec.get("volumes") or ():
        reference = (volume.get("image") or {}).get("reference")
        if reference:
            yield f"volumes[{volume.get('name')}].image.reference", str(reference)


def by_tag(cluster: Cluster) -> Iterator[Finding]:
    """Images of stages without a digest."""
    for workload in cluster.stage_workloads:
        for field, image in _images(workload):
            if "@sha256:" not in image:
                yield workload.finding(f"image {image} is not pinned to a digest", field, image)


def latest(cluster: Cluster) -> Iterator[Finding]:
    """Images with GPUs that are another one tomorrow."""
    for workload in cluster.workloads:
        for field, image in _images(workload) if asks_for_gpu(workload.spec) else ():
            if "@" not in image and split_reference(image)[1] in ("", "latest"):
                yield workload.finding(f"image {image} is whatever is the latest", field, image)


def strange(cluster: Cluster) -> Iterator[Finding]:
    """Images of stages from elsewhere."""
    allowed = cluster.settings.registries
    for workload in cluster.stage_workloads if allowed else ():
        for field, image in _images(workload):
            if not any(image.startswith(f"{registry}/") for registry in allowed):
                yield workload.finding(f"image {image} is of no approved registry", field, image)


def components(cluster: Cluster) -> Iterator[Finding]:
    """Images of privileged agents without a digest."""
    for workload in cluster.workloads:
        if workload.place.kind != "DaemonSet" or workload.namespace not in cluster.component_namespaces:
            continue
        for field, image in _images(workload):
            if "@sha256:" not in image:
                yield workload.finding(
                    f"image {image} of an agent of GPU nodes is not pinned to a digest", field, image
                )


def without_host(cluster: Cluster) -> Iterator[Finding]:
    """Images whose registry the node chooses."""
    for workload in cluster.workloads:
        for field, image in _images(workload) if asks_for_gpu(workload.spec) else ():
            host = image.partition("/")[0]
            if "/" not in image or (not any(sign in host for sign in ".:") and host != "localhost"):
                yield workload.finding(f"image {image} names no registry, so the runtime chooses one", field, image)


def by_name(cluster: Cluster) -> Iterator[Finding]:
    """Images of stages that a node may have of somebody else."""
    for workload in cluster.stage_workloads:
        for path, container in containers(workload.spec):
            image, policy = str(container.get("image") or ""), container.get("imagePullPolicy")
            if policy == "Never" or (policy == "IfNotPresent" and "@sha256:" not in image):
                text = f"container {container.get('name')} takes any image of that name that the node has"
                yield workload.finding(text, f"{path}.imagePullPolicy", policy)


_REGISTRIES = Condition(
    lambda cluster: bool(cluster.stage_workloads and cluster.settings.registries),
    "No registries are named, or no stage has pods.",
)
_COMPONENTS = Condition(lambda cluster: bool(cluster.components), "None of the components is here.")
_NEEDS = ("Namespace", *WORKLOADS)
CHECKS = (
    Check(
        "GPU-IMG-001",
        "Images of stages are pinned to a digest",
        "admission_policies",
        "high",
        "Who may push a tag changes what trains and what serves, without a change in the cluster.",
        _DIGESTS,
        by_tag,
        _NEEDS,
        STAGE_PODS,
        {"cis": ("5.5.1",), "attack": ("T1204.003",)},
    ),
    Check(
        "GPU-IMG-002",
        "No image with GPUs is the latest",
        "admission_policies",
        "medium",
        "Nobody can say afterwards which code computed a model.",
        _DIGESTS,
        latest,
        WORKLOADS,
        None,
        {"cis": ("5.5.1",)},
    ),
    Check(
        "GPU-IMG-003",
        "Images of stages come from approved registries",
        "admission_policies",
        "high",
        "ML images from public hubs are the usual way of miners and of stolen credentials.",
        Remedy("Copy the image into the site's registry.", "admission_policies", "admission_policies_registries"),
        strange,
        _NEEDS,
        _REGISTRIES,
        {"cis": ("5.5.1",), "attack": ("T1204.003",)},
    ),
    Check(
        "GPU-IMG-004",
        "Images of agents of GPU nodes are pinned to a digest",
        "admission_policies",
        "medium",
        "They are privileged on every GPU node: one tag that moves is root on all of them.",
        Remedy("Run playbooks/lock_images.yml.", "cluster", "gpu_cluster_image_lock"),
        components,
        ("DaemonSet",),
        _COMPONENTS,
        {"cis": ("5.5.1",)},
    ),
    Check(
        "GPU-IMG-005",
        "Images with GPUs name their registry",
        "admission_policies",
        "low",
        "Another node, or a mirror that was taken over, gives another image of that name.",
        Remedy("Write the whole name.", "admission_policies", "admission_policies_registries"),
        without_host,
        WORKLOADS,
    ),
    Check(
        "GPU-IMG-006",
        "Pods of stages do not run what a node happens to have",
        "admission_policies",
        "low",
        "A private model image that another tenant pulled runs then without a login at its registry.",
        _DIGESTS,
        by_name,
        _NEEDS,
        STAGE_PODS,
    ),
)
