# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a cluster, or the user, which of NVIDIA's programs are where. Read-only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.judge import Sighting
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.products import (
    PRODUCTS,
    Version,
    given_version,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.sightings import (
    in_pods,
    in_settings,
    on_nodes,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import NODES_PATH

PODS_PATH = "/api/v1/pods"
SETTINGS_PATHS = {
    "ClusterPolicy": "/apis/nvidia.com/v1/clusterpolicies",
    "NVIDIADriver": "/apis/nvidia.com/v1alpha1/nvidiadrivers",
    "GPUCluster": "/apis/nvidia.com/v1alpha1/gpuclusters",
}


def in_cluster(client: Client) -> list[Sighting]:
    """What runs in a cluster, what its nodes say of their drivers, and what the GPU Operator is set to.

    Raises:
        HardeningError: something of it cannot be read.
    """
    found = [*in_pods(_items(client, PODS_PATH)), *on_nodes(_items(client, NODES_PATH))]
    for kind, path in SETTINGS_PATHS.items():
        found += in_settings({**item, "kind": kind} for item in _served(client, path))
    return found


def given(versions: Sequence[Mapping[str, Any]]) -> list[Sighting]:
    """What the user says: ``product``, ``version``, ``where`` and ``cdi`` each."""
    return [_given(entry, given_version(entry["product"], entry["version"])) for entry in versions]


def _given(entry: Mapping[str, Any], version: Version | None) -> Sighting:
    note = "" if version else f"{entry['version']!r} is no version of {PRODUCTS[entry['product']]}"
    return Sighting(entry["product"], entry["where"] or "as given", version, entry["cdi"], note)


def _items(client: Client, path: str) -> Iterator[Mapping[str, Any]]:
    for page in client.pages(path):
        yield from page["items"]


def _served(client: Client, path: str) -> Iterable[Mapping[str, Any]]:
    """Objects of a kind; none where the cluster has no such kind."""
    try:
        return list(_items(client, path))
    except ApiError as error:
        if error.status == 404:
            return ()
        raise
