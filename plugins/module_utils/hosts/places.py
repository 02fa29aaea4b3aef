# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where parts keep things on a machine, and what is watched there. Data, for facts and plans alike."""

from __future__ import annotations

# The last one read counts.
DRIVER_OPTIONS = "/etc/modprobe.d/zz-gpu-cluster-hardening.conf"
PERSISTENCED = "nvidia-persistenced.service"
PERSISTENCED_DROP_IN = f"/etc/systemd/system/{PERSISTENCED}.d/50-gpu-cluster-hardening.conf"
PERSISTENCED_USER = "/etc/sysusers.d/gpu-cluster-hardening.conf"

FIREWALL = "gpu-cluster-hardening-firewall.service"
FIREWALL_RULES = "/etc/gpu-cluster-hardening/firewall.nft"
FIREWALL_UNIT = f"/etc/systemd/system/{FIREWALL}"

# auditd keeps what comes first, and 99 is where others lock the rules.
AUDIT_RULES = "/etc/audit/rules.d/70-gpu-cluster-hardening.rules"
# Folders end with a slash.
WATCHED_PATHS = (
    *("/etc/nvidia-container-runtime/", "/etc/nvidia-container-toolkit/", "/etc/cdi/", "/run/cdi/"),
    *("/etc/containerd/", "/etc/crio/", "/etc/modprobe.d/", "/etc/kubernetes/", "/var/lib/kubelet/config.yaml"),
    *("/etc/rancher/", "/var/lib/rancher/rke2/agent/etc/", "/var/lib/rancher/k3s/agent/etc/"),
    *("/etc/nvidia-imex/", "/usr/share/nvidia/nvswitch/"),
)
WATCHED_PROGRAMS = tuple(
    f"/usr/bin/{name}"
    for name in (
        *("nvidia-ctk", "nvidia-cdi-hook", "nvidia-container-cli", "nvidia-container-runtime"),
        *("nvidia-container-runtime-hook", "nvidia-modprobe", "nvidia-smi"),
    )
)
