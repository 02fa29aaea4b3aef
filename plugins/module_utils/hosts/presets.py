# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the distributions of Kubernetes keep things on a machine. Data, and who is recognised by what.

Sources: kubeadm's and kubespray's unit files and templates, docs.k3s.io and docs.rke2.io (advanced options).
"""

from __future__ import annotations

from collections.abc import Mapping

Paths = Mapping[str, str]

_COMMON: Paths = {
    "containerd_config": "/etc/containerd/config.toml",
    "containerd_drop_ins": "/etc/containerd/conf.d",
    "containerd_service": "containerd",
    "crio_drop_ins": "/etc/crio/crio.conf.d",
    "crio_service": "crio",
    "kubelet_service": "kubelet",
    "kubelet_config": "/var/lib/kubelet/config.yaml",
    "kubelet_config_dir": "/etc/kubernetes/kubelet.conf.d",
    "kubelet_kubeconfig": "/etc/kubernetes/kubelet.conf",
    "kubelet_folder": "/var/lib/kubelet",
    "static_pods": "/etc/kubernetes/manifests",
    "pki": "/etc/kubernetes/pki",
    "toolkit_config": "/etc/nvidia-container-runtime/config.toml",
}


def _rancher(name: str, service: str) -> Paths:
    agent = f"/var/lib/rancher/{name}/agent"
    return {
        **_COMMON,
        "containerd_config": f"{agent}/etc/containerd/config.toml",
        "containerd_drop_ins": f"{agent}/etc/containerd/config-v3.toml.d",
        "containerd_service": service,
        "kubelet_service": service,
        "kubelet_config": f"{agent}/etc/kubelet.conf.d/00-{name}-defaults.conf",
        "kubelet_config_dir": f"{agent}/etc/kubelet.conf.d",
        "kubelet_kubeconfig": f"{agent}/kubelet.kubeconfig",
        "static_pods": f"{agent}/pod-manifests",
        "pki": f"/var/lib/rancher/{name}/server/tls",
    }


PRESETS: Mapping[str, Paths] = {
    "kubeadm": _COMMON,
    "kubespray": {**_COMMON, "kubelet_config": "/etc/kubernetes/kubelet-config.yaml", "pki": "/etc/kubernetes/ssl"},
    "rke2-server": _rancher("rke2", "rke2-server"),
    "rke2-agent": _rancher("rke2", "rke2-agent"),
    "k3s-server": _rancher("k3s", "k3s"),
    "k3s-agent": _rancher("k3s", "k3s-agent"),
}

MARKS: Mapping[str, tuple[str, ...]] = {
    "rke2-server": ("/var/lib/rancher/rke2/server/db", "/var/lib/rancher/rke2/server/tls"),
    "rke2-agent": ("/var/lib/rancher/rke2/agent",),
    "k3s-server": ("/var/lib/rancher/k3s/server/tls",),
    "k3s-agent": ("/var/lib/rancher/k3s/agent",),
    "kubespray": ("/etc/kubernetes/kubelet-config.yaml",),
    "kubeadm": ("/var/lib/kubelet/kubeadm-flags.env", "/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/config.yaml"),
}
"""A machine is of the first of these of which something is there."""

UNKNOWN = "unknown"
