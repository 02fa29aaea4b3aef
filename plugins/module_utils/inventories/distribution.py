# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which distribution of Kubernetes a cluster is, by what each leaves in it. Pure.

Sources: versions of k3s and RKE2 end in ``+k3s1`` and ``+rke2r1``; kubeadm writes its annotations and labels on the
static pods of the control plane; kubespray's templates add ``dns-autoscaler``, ``nodelocaldns`` and ``nginx-proxy``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import Snapshot

SUFFIXES = (("+rke2", "RKE2"), ("+k3s", "k3s"))
K3S_SOCKET = "/run/k3s/containerd/containerd.sock"
_CHARTS = (("rke2-", "RKE2"),)


@dataclass(frozen=True)
class Distribution:
    """What it is.

    Attributes:
        name: ``RKE2``, ``k3s``, ``kubespray`` or ``kubeadm``; None where nothing says so.
        evidence: what says so.
    """

    name: str | None
    evidence: str


def distribution(snapshot: Snapshot) -> Distribution:
    """The first that is seen: kubespray calls kubeadm, so what is its own comes before."""
    return next(_signs(snapshot), Distribution(None, "nothing that one of the known distributions leaves"))


def runtime_sockets(found: Distribution, runtimes: Sequence[str]) -> list[str]:
    """Sockets of the container runtimes of nodes, where they are not containerd's own; versions as nodes say them."""
    if found.name in ("RKE2", "k3s"):
        return [K3S_SOCKET]
    crio = {"/run/crio/crio.sock" for version in runtimes if version.startswith("cri-o:")}
    contained = {"/run/containerd/containerd.sock" for version in runtimes if version.startswith("containerd:")}
    return sorted(crio | contained)


def _signs(snapshot: Snapshot) -> Iterator[Distribution]:
    versions = [("the API server", snapshot.version or "")]
    versions += [
        (f"node {node['metadata']['name']}", node["status"]["nodeInfo"]["kubeletVersion"])
        for node in snapshot.objects.get("Node", ())
    ]
    for who, version in versions:
        for suffix, name in SUFFIXES:
            if suffix in version:
                yield Distribution(name, f"{who} is {version}")
    for item in _of_system(snapshot, "Deployment"):
        chart = str((item["metadata"].get("labels") or {}).get("helm.sh/chart", ""))
        for prefix, name in _CHARTS:
            if chart.startswith(prefix):
                yield Distribution(name, f"Deployment kube-system/{item['metadata']['name']} is of the chart {chart}")
    for kind, names in (("DaemonSet", ("nodelocaldns",)), ("Deployment", ("dns-autoscaler",))):
        for item in _of_system(snapshot, kind):
            if item["metadata"]["name"] in names:
                yield Distribution("kubespray", f"{kind} kube-system/{item['metadata']['name']}")
    for item in _of_system(snapshot, "Pod"):
        labels = item["metadata"].get("labels") or {}
        if labels.get("k8s-app") == "kube-nginx":
            yield Distribution("kubespray", f"Pod kube-system/{item['metadata']['name']}")
    for item in _of_system(snapshot, "Pod"):
        labels = item["metadata"].get("labels") or {}
        if labels.get("component") == "kube-apiserver" and labels.get("tier") == "control-plane":
            yield Distribution("kubeadm", f"Pod kube-system/{item['metadata']['name']}")


def _of_system(snapshot: Snapshot, kind: str) -> Iterator[Mapping[str, Any]]:
    return (item for item in snapshot.objects.get(kind, ()) if item["metadata"].get("namespace") == SYSTEM[0])
