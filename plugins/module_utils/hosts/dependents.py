# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which running pods would lose their GPU when the toolkit obeys variables no more. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GPU_RESOURCE, MIG_PREFIX

Object = Mapping[str, Any]
_GPU = (GPU_RESOURCE, MIG_PREFIX, "deviceclass.resource.kubernetes.io/")
_NAMED = re.compile(r"(GPU-|MIG-|[0-9])")


def asks_for_gpu(pod: Object) -> bool:
    """Whether the scheduler gave a pod a GPU, or a device by a claim."""
    spec = pod["spec"]
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return bool(spec.get("resourceClaims")) or any(
        key.startswith(_GPU) and str(amount) != "0"
        for container in containers
        for key, amount in ((container.get("resources") or {}).get("limits") or {}).items()
    )


def dependents(containers: Iterable[Object], pods: Iterable[Object]) -> list[dict[str, str]]:
    """Pods that rely on the old way, with the reason.

    Args:
        containers: those that see a GPU, as the facts of the machine have them.
        pods: of the node.
    """
    asking = {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods if asks_for_gpu(pod)}
    found = {}
    for container in containers:
        place = (container["namespace"], container["pod"])
        reason = _reason(container, place in asking)
        if reason and all(place):
            found[place] = {"namespace": place[0], "name": place[1], "reason": reason}
    return list(found.values())


def describe(found: Iterable[Mapping[str, str]]) -> str:
    """For a message."""
    by_reason: dict[str, list[str]] = {}
    for pod in found:
        by_reason.setdefault(pod["reason"], []).append(f"{pod['namespace']}/{pod['name']}")
    return "; ".join(f"{name_some(names)} {reason}" for reason, names in by_reason.items())


def evictable(pods: Iterable[Object], also: Iterable[Mapping[str, str]]) -> Iterator[Object]:
    """Pods that would lose their GPU: those that have one, and can be moved; agents of the node stay."""
    others = {(pod["namespace"], pod["name"]) for pod in also}
    for pod in pods:
        metadata = pod["metadata"]
        owners = metadata.get("ownerReferences") or ()
        agent = any(owner.get("controller") and owner["kind"] in ("DaemonSet", "Node") for owner in owners)
        has_gpu = asks_for_gpu(pod) or (metadata["namespace"], metadata["name"]) in others
        finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if has_gpu and not agent and not finished:
            yield pod


def _reason(container: Object, asking: bool) -> str:
    if container["privileged"]:
        return ""  # still obeyed
    if asking:
        if _NAMED.match(container["asked"]):
            return "gets its GPU by a variable: set the strategy of the device plugin to cdi-cri first"
        return ""
    return "sees GPUs that it did not ask for, and will not any more when it starts anew"
