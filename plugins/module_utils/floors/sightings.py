# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds NVIDIA's programs in what a cluster has: pods, labels of nodes, settings of the GPU Operator. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.pod_phases import has_finished
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.judge import Sighting
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.products import (
    Version,
    products_in,
    read_version,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import (
    GPU_RESOURCE,
    PRESENT_LABEL,
)

Object = Mapping[str, Any]

# GPU Feature Discovery writes the first; older ones only the others.
DRIVER_LABEL = "nvidia.com/cuda.driver-version.full"
DRIVER_PARTS = (
    tuple(f"nvidia.com/cuda.driver-version.{part}" for part in ("major", "minor", "revision")),
    tuple(f"nvidia.com/cuda.driver.{part}" for part in ("major", "minor", "rev")),
)
STRATEGY = "DEVICE_LIST_STRATEGY"
_SETTINGS: Mapping[str, str] = {
    "driver": "driver",
    "vgpuManager": "vgpu_manager",
    "toolkit": "container_toolkit",
    "devicePlugin": "device_plugin",
    "migManager": "mig_manager",
    "dcgm": "dcgm",
    "dcgmExporter": "dcgm_exporter",
    "draDriver": "dra_driver",
    "gdrcopy": "gdrcopy",
    "validator": "gpu_operator",
}
"""Keys of a ClusterPolicy, a GPUCluster and an NVIDIADriver that have an image."""
_SOME = 3


def in_pods(pods: Iterable[Object]) -> list[Sighting]:
    """What runs, whoever applied it. What has the same version is one sighting, with some of its owners."""
    seen: dict[tuple[str, str, Version | None, bool | None], dict[str, None]] = {}
    for pod in pods:
        spec = pod.get("spec") or {}
        if has_finished(pod):
            continue
        for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            image = str(container.get("image") or "")
            for product, version in products_in(image):
                cdi = _uses_cdi(container) if product == "device_plugin" else None
                seen.setdefault((product, image, version, cdi), {})[_owner(pod)] = None
    return [
        Sighting(product, name_some(list(owners), _SOME), version, cdi, "" if version else f"no version in {image}")
        for (product, image, version, cdi), owners in seen.items()
    ]


def on_nodes(nodes: Iterable[Object]) -> list[Sighting]:
    """The driver of each node with NVIDIA GPUs, as GPU Feature Discovery labels it; nodes with the same as one."""
    seen: dict[Version | None, list[str]] = {}
    for node in nodes:
        labels = node["metadata"].get("labels") or {}
        text = labels.get(DRIVER_LABEL) or next(filter(None, (_joined(labels, keys) for keys in DRIVER_PARTS)), "")
        has_gpus = labels.get(PRESENT_LABEL) == "true" or GPU_RESOURCE in (node.get("status") or {}).get("capacity", {})
        if text or has_gpus:
            seen.setdefault(read_version("driver", text), []).append(node["metadata"]["name"])
    return [
        Sighting(
            "driver",
            f"Node {name_some(names, _SOME)}",
            version,
            note="" if version else "no label nvidia.com/cuda.driver-version.full; GPU Feature Discovery sets it",
        )
        for version, names in seen.items()
    ]


def in_settings(objects: Iterable[Object]) -> list[Sighting]:
    """What ClusterPolicies, GPUClusters and NVIDIADrivers ask for; what they leave to the GPU Operator is left out."""
    return [sighting for item in objects for sighting in _settings(item)]


def _settings(item: Object) -> Iterator[Sighting]:
    spec, name = item.get("spec") or {}, f"{item['kind']} {item['metadata']['name']}"
    if item["kind"] == "NVIDIADriver":
        product = "vgpu_manager" if spec.get("driverType") == "vgpu-host-manager" else "driver"
        yield from _setting(spec, product, f"{name} spec.version")
    for key, product in _SETTINGS.items():
        if isinstance(spec.get(key), Mapping) and spec[key].get("enabled") is not False:
            yield from _setting(spec[key], product, f"{name} spec.{key}.version")


def _setting(part: Object, product: str, where: str) -> Iterator[Sighting]:
    version, image = str(part.get("version") or ""), str(part.get("image") or "")
    if not version and ":" not in image:
        return
    found = read_version(product, version) if version else dict(products_in(image)).get(product)
    yield Sighting(product, where, found, note="" if found else f"no version in {version or image}")


def _joined(labels: Mapping[str, str], keys: Sequence[str]) -> str:
    return ".".join(filter(None, (labels.get(key) for key in keys)))


def _uses_cdi(container: Object) -> bool | None:
    for variable in container.get("env") or ():
        if variable.get("name") == STRATEGY and variable.get("value"):
            return "cdi-" in variable["value"]
    return None


def _owner(pod: Object) -> str:
    """What made a pod, in words: the Deployment rather than the ReplicaSet."""
    metadata = pod["metadata"]
    place = f"{metadata.get('namespace') or 'default'}/"
    owner = next((one for one in metadata.get("ownerReferences") or () if one.get("controller")), None)
    if owner is None:
        return f"Pod {place}{metadata['name']}"
    stem = owner["name"].removesuffix("-" + (metadata.get("labels") or {}).get("pod-template-hash", ""))
    if owner["kind"] == "ReplicaSet" and stem != owner["name"]:
        return f"Deployment {place}{stem}"
    return f"{owner['kind']} {place}{owner['name']}"
