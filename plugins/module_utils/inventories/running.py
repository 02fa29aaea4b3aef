# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs already and would be refused, cut off or left out by the layers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.pod_security import Violation
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import (
    Workload,
    asks_for_gpu,
    containers,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import OWN_LABEL
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import split_reference


@dataclass(frozen=True)
class Running:
    """What there is.

    Attributes:
        in_stages: objects in the namespaces of stages that make pods.
        violations: running pods that the level of their stage would not admit again.
        unlabelled: of those in stages, the ones without the label of the stage: nothing reaches them, nor they it.
        elsewhere: namespaces of no stage whose pods use GPUs.
        intolerant: pods on GPU nodes that do not tolerate the taint, and that no DaemonSet makes.
        registries: that the images of all these come from.
        unread: why something of it is not known.
    """

    in_stages: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()
    unlabelled: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    intolerant: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def running(
    cluster: Cluster, violations: Iterable[Violation], intolerant: Iterable[str], unread: Iterable[str]
) -> Running:
    """Look at all workloads.

    Args:
        cluster: what there is.
        violations: as the API server says it of the stages.
        intolerant: names of pods that the taint would not let come back.
        unread: what could not be asked.
    """
    inside = [workload for workload in cluster.stage_workloads if not _is_own(workload.labels)]
    outside = {*cluster.stages, *SYSTEM, *cluster.component_namespaces}
    others = [work for work in cluster.workloads if work.namespace not in outside and asks_for_gpu(work.spec)]
    unlabelled = [work for work in inside if not _has_label(cluster, work)]
    return Running(
        _places(inside),
        tuple(violations),
        _places(unlabelled),
        tuple(sorted({work.namespace for work in others})),
        tuple(sorted(intolerant)),
        tuple(sorted({registry(image) for work in (*inside, *others) for image in _images(work.spec)})),
        tuple(unread),
    )


def registry(image: str) -> str:
    """Where an image comes from: of ``pytorch/pytorch:2`` it is ``docker.io``."""
    host, slash, _path = split_reference(image)[0].partition("/")
    return host if slash and ("." in host or ":" in host or host == "localhost") else "docker.io"


def _places(workloads: Iterable[Workload]) -> tuple[str, ...]:
    return tuple(sorted({str(workload.place) for workload in workloads}))


def _has_label(cluster: Cluster, workload: Workload) -> bool:
    return bool(cluster.stages[workload.namespace]["pods"].items() <= workload.labels.items())


def _is_own(labels: Mapping[str, str]) -> bool:
    return PART_OF in labels or labels.get(OWN_LABEL[0]) == OWN_LABEL[1]


def _images(spec: Mapping[str, Any]) -> list[str]:
    return [str(container["image"]) for _path, container in containers(spec) if container.get("image")]
