# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes have GPUs by NVIDIA's driver for dynamic resource allocation, where there may be no device plugin.

Source of the names: dra-driver-nvidia-gpu. Before ``v1`` (Kubernetes 1.34) attributes are in ``basic``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError

DRIVER = "gpu.nvidia.com"
VERSIONS = ("v1", "v1beta1")


def read_slices(client: Client) -> dict[str, str]:
    """Product by node, empty where the driver does not say it; no node if slices are not served or not ours to read."""
    for version in VERSIONS:
        products: dict[str, str] = {}
        try:
            for page in client.pages(
                f"/apis/resource.k8s.io/{version}/resourceslices", {"fieldSelector": f"spec.driver={DRIVER}"}
            ):
                products.update({**slice_products(page["items"]), **{k: v for k, v in products.items() if v}})
        except ApiError as error:
            if error.status == 404:
                continue
            if error.status == 403:
                return {}
            raise
        return products
    return {}


def slice_products(slices: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The same, of some slices."""
    products: dict[str, str] = {}
    for item in slices:
        spec = item.get("spec") or {}
        node, devices = spec.get("nodeName"), spec.get("devices") or ()
        if spec.get("driver") != DRIVER or not node or not devices:
            continue
        said = [_product(device) for device in devices]
        products[node] = products.get(node) or next(filter(None, said), "")
    return products


def _product(device: Mapping[str, Any]) -> str:
    attributes = device.get("attributes") or (device.get("basic") or {}).get("attributes") or {}
    return str((attributes.get("productName") or {}).get("string") or "")
