# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's programs: what their images are called, and where the version stands in a tag. Pure.

Sources: values.yaml of the charts of NVIDIA/gpu-operator, NVIDIA/k8s-device-plugin, NVIDIA/dcgm-exporter,
kubernetes-sigs/dra-driver-nvidia-gpu and NVIDIA/KAI-Scheduler.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import OTHER_VENDORS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import (
    LEADING_VERSION,
    split_reference,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.versions import is_final, numbers

PRODUCTS: Mapping[str, str] = {
    "driver": "the data center driver for Linux",
    "vgpu_manager": "the vGPU manager",
    "container_toolkit": "the container toolkit",
    "gpu_operator": "the GPU Operator",
    "device_plugin": "the device plugin",
    "mig_manager": "the MIG manager",
    "dcgm": "DCGM",
    "dcgm_exporter": "dcgm-exporter",
    "dra_driver": "the DRA driver",
    "gdrcopy": "GDRCopy",
    "kai_scheduler": "the KAI scheduler",
    "triton": "the Triton inference server",
}
BRANCHED = frozenset({"driver", "vgpu_manager"})
"""Products that are mended in several branches at once; the first number of a version is the branch."""

_IMAGES: Mapping[str, tuple[str, ...]] = {
    "driver": ("driver",),
    "vgpu-manager": ("vgpu_manager",),
    "container-toolkit": ("container_toolkit",),
    "gpu-operator": ("gpu_operator",),
    "gpu-operator-validator": ("gpu_operator",),
    "k8s-device-plugin": ("device_plugin",),
    "k8s-mig-manager": ("mig_manager",),
    "dcgm": ("dcgm",),
    # DCGM is a part of its image.
    "dcgm-exporter": ("dcgm_exporter", "dcgm"),
    "dra-driver-nvidia-gpu": ("dra_driver",),
    "k8s-dra-driver-gpu": ("dra_driver",),
    "gdrdrv": ("gdrcopy",),
    "tritonserver": ("triton",),
}
_KAI = "kai-scheduler"
_DRIVER = r"^([0-9]{3}(?:\.[0-9]+){1,2})(?![.0-9])"
_TAGS: Mapping[str, str] = {
    "driver": _DRIVER,
    "vgpu_manager": _DRIVER,
    "dcgm_exporter": r"^[0-9.]+-([0-9]+(?:\.[0-9]+)+)",
}


@dataclass(frozen=True)
class Version:
    """A version as it was found; a release candidate is older than its release."""

    text: str
    final: bool = True

    @property
    def order(self) -> tuple[tuple[int, ...], bool]:
        """To compare it by."""
        return numbers(self.text), self.final

    @property
    def branch(self) -> int:
        """Its first number."""
        return int(self.text.partition(".")[0])


def read_version(product: str, tag: str) -> Version | None:
    """The version in the tag of an image; None if it cannot be read."""
    return _read(_TAGS.get(product, LEADING_VERSION), tag)


def given_version(product: str, text: str) -> Version | None:
    """A version that stands alone, such as a package's; None if it cannot be read."""
    return _read(_DRIVER if product in BRANCHED else LEADING_VERSION, text)


def products_in(image: str) -> Iterator[tuple[str, Version | None]]:
    """Which products are in an image, and in which version; from whatever registry or mirror it comes."""
    repository, tag = split_reference(image)
    *folders, name = repository.split("/")
    if OTHER_VENDORS & set(folders):
        return
    if _KAI in folders:
        yield "kai_scheduler", read_version("kai_scheduler", tag)
    for product in _IMAGES.get(name, ()):
        version = read_version(product, tag)
        # Many images are called so; those of other kinds have other versions.
        if name != "driver" or version is not None or "nvidia" in folders:
            yield product, version


def _read(pattern: str, text: str) -> Version | None:
    match = re.match(pattern, text)
    return Version(match[1], is_final(text[match.end(1) :])) if match else None
