# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's own object says about its GPUs. Pure functions on node dicts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

GPU_RESOURCE = "nvidia.com/gpu"
SHARED_GPU_RESOURCE = "nvidia.com/gpu.shared"
MIG_PREFIX = "nvidia.com/mig-"
PRODUCT_LABEL = "nvidia.com/gpu.product"
PRESENT_LABEL = "nvidia.com/gpu.present"
# NFD names a PCI device by vendor, or by class and vendor; 10de is NVIDIA, 0300 and 0302 are VGA and 3D controllers.
NFD_LABEL = re.compile(r"feature\.node\.kubernetes\.io/pci-((0300|0302)_)?10de(_[0-9a-f]{4})*\.present")
CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
VENDOR_WORDS = frozenset({"NVIDIA", "TESLA", "QUADRO", "GRID", "GEFORCE"})
MODEL = re.compile(r"[A-Z]{1,2}\d+[A-Z]*")
FAMILIES = frozenset({"RTX", "GTX", "GT", "TITAN"})
JOINED_FAMILY = re.compile(r"^(RTX|GTX)([A-Z]?\d.*)$")
TITANS = frozenset({"X", "XP", "V", "Z", "RTX", "BLACK"})
VARIANTS = frozenset({"TI", "SUPER", "SFF", "D", "LAPTOP", "ADA"})
"""What comes behind a number and tells two models apart."""
VGPU_PROFILE = re.compile(r"\d+(B4|[ABCQ])")


@dataclass(frozen=True)
class GpuNode:
    """A node and what of it matters here.

    Attributes:
        gpu_type: short name of the model, ``a100`` or ``h100``; None if the node does not say.
        product: value of ``nvidia.com/gpu.product``.
        gpus: allocatable whole (or shared) GPUs.
        mig: allocatable MIG devices by resource name.
        found_by: why it counts as a GPU node: ``gfd``, ``nfd``, ``allocatable``, ``resource_slice``,
            ``label_selector``, ``name``.
        owned_labels: label keys that our field manager set, as far as the node says so.
        confirmed: whether somebody else than the node says so, see ``nodes/trust.py``.
    """

    name: str
    resource_version: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...]
    gpu_type: str | None
    product: str | None
    gpus: int
    mig: Mapping[str, int]
    control_plane: bool
    schedulable: bool
    ready: bool
    found_by: tuple[str, ...]
    owned_labels: frozenset[str]
    confirmed: bool = False


def gpu_node(
    node: Mapping[str, Any],
    manager: str,
    also: tuple[str, ...] = (),
    *,
    slice_product: str | None = None,
    confirmed: bool = False,
) -> GpuNode:
    """Read a node object.

    Args:
        node: as the server returns it.
        manager: our field manager.
        also: further reasons for which it was selected.
        slice_product: what a ResourceSlice says of its GPUs, None if it has none.
        confirmed: whether somebody else than the node says that it is a GPU node.
    """
    metadata, spec, status = node["metadata"], node.get("spec", {}), node.get("status", {})
    labels = metadata.get("labels") or {}
    allocatable = status.get("allocatable") or {}
    product = labels.get(PRODUCT_LABEL) or slice_product or None
    return GpuNode(
        name=metadata["name"],
        resource_version=metadata["resourceVersion"],
        labels=labels,
        taints=tuple(spec.get("taints") or ()),
        gpu_type=gpu_type(product) if product else None,
        product=product,
        gpus=max(_count(allocatable, GPU_RESOURCE), _count(allocatable, SHARED_GPU_RESOURCE)),
        mig={key: _count(allocatable, key) for key in sorted(allocatable) if key.startswith(MIG_PREFIX)},
        control_plane=any(key in labels for key in CONTROL_PLANE_LABELS),
        schedulable=not spec.get("unschedulable", False),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ()),
        found_by=(*_evidence(labels, allocatable), *(() if slice_product is None else ("resource_slice",)), *also),
        owned_labels=_owned_labels(metadata, manager),
        confirmed=confirmed,
    )


def gpu_type(product: str) -> str:
    """Short name of a GPU model from the product that GPU Feature Discovery reports.

    ``NVIDIA-A100-SXM4-80GB-MIG-1g.10gb`` is ``a100``, ``NVIDIA-L40S`` ``l40s``, ``NVIDIA-GeForce-RTX-4090-D``
    ``rtx-4090-d``, ``NVIDIA-RTX-6000-Ada-Generation`` ``rtx-6000-ada``. What tells two models apart stays; memory,
    form, MIG and vGPU profiles and how a GPU is shared go. What fits no pattern is returned in lower case.
    """
    words = _model_words(product)
    if words[:1] and words[0] in FAMILIES:
        found = _family(words)
    else:
        found = next((word for word in words if MODEL.fullmatch(word)), "")
    return found.lower() or re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")[:63].rstrip("-")


def _model_words(product: str) -> list[str]:
    """The words of a product in upper case, without its vendor, and without what is behind the model."""
    words = [word for word in re.split(r"[-_ ]+", product.upper()) if word and word not in VENDOR_WORDS]
    for index, word in enumerate(words):
        if index and (word in ("MIG", "SHARED") or VGPU_PROFILE.fullmatch(word)):
            words = words[:index]
            break
    # vGPU products have them in one word.
    return [part for word in words for part in JOINED_FAMILY.sub(r"\1 \2", word).split()]


def _family(words: Sequence[str]) -> str:
    """RTX, GTX, GT and TITAN: the family and its number, or the model alone where that has letters (``RTX A6000``)."""
    kept = [] if len(words) > 1 and MODEL.fullmatch(words[1]) else [words[0]]
    numbered = False
    for before, word in pairwise(words):
        number = MODEL.fullmatch(word) is not None or word[:1].isdigit()
        if before == "TITAN":
            kept += [word] if word in TITANS else []
        elif (number and not numbered) or word in ("PRO", "TITAN") or (numbered and word in VARIANTS):
            kept.append(word)
        numbered |= number
    return "-".join(kept)


def _evidence(labels: Mapping[str, str], allocatable: Mapping[str, str]) -> tuple[str, ...]:
    gpu_resources = [
        key for key in allocatable if key in (GPU_RESOURCE, SHARED_GPU_RESOURCE) or key.startswith(MIG_PREFIX)
    ]
    found = {
        "gfd": labels.get(PRESENT_LABEL) == "true" or PRODUCT_LABEL in labels,
        "nfd": any(value == "true" and NFD_LABEL.fullmatch(key) for key, value in labels.items()),
        "allocatable": any(_count(allocatable, key) > 0 for key in gpu_resources),
    }
    return tuple(reason for reason, holds in found.items() if holds)


def _count(allocatable: Mapping[str, str], resource: str) -> int:
    value = str(allocatable.get(resource, "0"))
    return int(value) if value.isdigit() else 0


def _owned_labels(metadata: Mapping[str, Any], manager: str) -> frozenset[str]:
    """Label keys that a field manager wrote by patch; all, where the node does not say who wrote what.

    Whoever may write a node can wipe that, and the server then notes nothing any more.
    """
    if not metadata.get("managedFields"):
        return frozenset(metadata.get("labels") or ())
    owned: set[str] = set()
    for entry in metadata["managedFields"]:
        if entry.get("manager") == manager and not entry.get("subresource"):
            fields = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:labels", {})
            owned.update(key[2:] for key in fields if key.startswith("f:"))
    return frozenset(owned)
