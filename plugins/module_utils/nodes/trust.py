# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which labels a node can give itself, and so which selectors prove anything of a node. Pure.

A kubelet writes the status of its node, its ResourceSlices, and most of its labels: all that GPUs are found by is what
a node says of itself. Source: the admission plugin NodeRestriction and IsKubeletLabel of k8s.io/kubelet.
"""

from __future__ import annotations

from collections.abc import Collection

_KUBERNETES = ("kubernetes.io", "k8s.io")
_KUBELET_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_KUBELET_LABELS = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
    }
)


def kubelet_may_set(key: str) -> bool:
    """Whether a kubelet may give its own node a label: ``nvidia.com/gpu.present`` or NFD's, but not our own mark."""
    prefix = key.rpartition("/")[0]
    if not _is_of(prefix, _KUBERNETES):
        return True
    return key in _KUBELET_LABELS or _is_of(prefix, _KUBELET_NAMESPACES)


def proves(keys: Collection[str]) -> bool:
    """Whether a selector of these labels says something that no node can say of itself."""
    return bool(keys) and not any(kubelet_may_set(key) for key in keys)


def _is_of(prefix: str, domains: Collection[str]) -> bool:
    return any(prefix == domain or prefix.endswith(f".{domain}") for domain in domains)
