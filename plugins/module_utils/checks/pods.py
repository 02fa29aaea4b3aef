# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod is made of, as checks ask for it. Pure functions on specs of pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GPU_RESOURCE, MIG_PREFIX

Json = Mapping[str, Any]
GPU_PREFIXES = (GPU_RESOURCE, MIG_PREFIX, "deviceclass.resource.kubernetes.io/")
LISTS = ("initContainers", "containers", "ephemeralContainers")
CONTROL_PLANE = "kube-system"


@dataclass(frozen=True)
class Workload:
    """What makes pods of one spec, or a pod that nothing makes.

    Attributes:
        place: the outermost object that is known: of a pod its Deployment, of a Job its CronJob.
        template: whether the spec is that of a template, where nobody has chosen a node yet.
    """

    place: Place
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Json
    template: bool

    @property
    def namespace(self) -> str:
        """Where its pods are."""
        return self.place.namespace or ""

    def finding(self, message: str, field: str, value: object = None) -> Finding:
        """A finding in its spec; equal ones of a template and of its pods are one."""
        return Finding(f"{self.place}: {message}", self.place, f"spec.{field}", None if value is None else str(value))


def containers(spec: Json, lists: Sequence[str] = LISTS) -> Iterator[tuple[str, Json]]:
    """Containers of all sorts with their paths, such as ``containers[main]``."""
    for name in lists:
        for container in spec.get(name) or ():
            yield f"{name}[{container.get('name', '')}]", container


def security(container: Json) -> Json:
    """The securityContext of a container."""
    context: Json = container.get("securityContext") or {}
    return context


def effective(spec: Json, container: Json, key: str) -> Any:
    """A setting that a container has, or else its pod."""
    value = security(container).get(key)
    return value if value is not None else (spec.get("securityContext") or {}).get(key)


def added_capabilities(container: Json) -> list[str]:
    """Capabilities that a container gets beside those of the runtime, without the prefix ``CAP_``."""
    added = (security(container).get("capabilities") or {}).get("add") or ()
    return [str(name).upper().removeprefix("CAP_") for name in added]


def host_paths(spec: Json) -> Iterator[tuple[str, str]]:
    """Volumes of the host: their fields and paths, without a slash at the end."""
    for volume in spec.get("volumes") or ():
        path = (volume.get("hostPath") or {}).get("path")
        if path is not None:
            yield f"volumes[{volume.get('name', '')}].hostPath", "/" + str(path).strip("/")


def is_at(path: str, places: Iterable[str]) -> bool:
    """Whether a path is one of these, or below one of them."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def environment(container: Json) -> Mapping[str, str | None]:
    """Variables by name; None for a value that comes from elsewhere."""
    return {
        str(entry.get("name", "")): None if entry.get("valueFrom") else str(entry.get("value") or "")
        for entry in container.get("env") or ()
    }


def gpu_resources(container: Json) -> list[str]:
    """Names of GPU resources that a container asks for."""
    resources = container.get("resources") or {}
    asked = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return sorted(key for key, amount in asked.items() if key.startswith(GPU_PREFIXES) and str(amount) != "0")


def asks_for_gpu(spec: Json) -> bool:
    """Whether the scheduler gives it a GPU, or a device by a claim."""
    return bool(spec.get("resourceClaims")) or any(gpu_resources(container) for _path, container in containers(spec))


def account(spec: Json) -> str:
    """Name of the service account that it runs as."""
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


def is_privileged(spec: Json) -> bool:
    """Whether any of its containers is."""
    return any(security(container).get("privileged") is True for _path, container in containers(spec))
