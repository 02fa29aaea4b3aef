# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a machine, as host_info returns them, to vary in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.presets import PRESETS

UNIT = {
    "loaded": True,
    "active": True,
    "kill_mode": "process",
    "drop_ins": [],
    "exec_start": "/usr/bin/kubelet $KUBELET_CONFIG_ARGS $KUBELET_EXTRA_ARGS",
    "environment_files": [],
}
FACTS: Mapping[str, Any] = {
    "name": "gpu-1",
    "machine_id": "3d1219c7c4c5404aaa1f6d2a48adfda4",
    "system_uuid": "",
    "addresses": ["127.0.0.1", "10.0.0.1"],
    "distribution": "kubeadm",
    "paths": PRESETS["kubeadm"],
    "programs": {"containerd": "/usr/bin/containerd", "nvidia-ctk": "/usr/bin/nvidia-ctk"},
    "containerd": {
        "version": "2.3.7",
        "config_version": 3,
        "has_config": True,
        "imports": ["/etc/containerd/conf.d/*.toml"],
        "runtimes": ["runc"],
        "default_runtime": "nvidia",
        "systemd_cgroup": True,
        "unit": UNIT,
    },
    "crio": {"version": "", "runtimes": [], "default_runtime": "", "unit": {**UNIT, "active": False}},
    "kubelet": {"version": "1.37.2", "config_dir": None, "extra_args": "--node-ip=10.0.0.1", "unit": UNIT},
    "toolkit": {
        "version": "1.20.2",
        "config": None,
        "by_operator": False,
        "unsafe_specs": [],
        "char_links": True,
        "devices": ["nvidia0"],
    },
}
TOOLKIT: Mapping[str, Any] = {
    "runtime": "auto",
    "mode": "cdi",
    "accept_envvar": False,
    "accept_volume_mounts": False,
    "driver_capabilities": ["compute", "utility"],
    "ignore_imex_requests": True,
    "no_device_groups": True,
    "cuda_compat": False,
    "cdi_spec_dirs": ["/etc/cdi", "/var/run/cdi"],
    "config": {},
    "minimum_containerd": "2.0",
    "below_floor": "fail",
}
KUBELET: Mapping[str, Any] = {
    "seccomp_default": True,
    "pod_pids_limit": 4096,
    "serve_with_signed_certificate": False,
    "tls_cipher_suites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
    "streaming_idle_timeout": "5m0s",
    "pull_credentials_policy": "AlwaysVerify",
    "protect_kernel_defaults": True,
    "image_minimum_age": "2m0s",
    "image_maximum_age": "720h0m0s",
    "config": {},
}


def facts(**parts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with keys of some parts changed."""
    return {**FACTS, **{name: {**FACTS[name], **part} for name, part in parts.items()}}
