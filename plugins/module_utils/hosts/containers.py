# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers of a machine see a GPU, and by what, from what the runtime was told of each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.machine import Machine

_BUNDLES = (
    "/run/containerd/io.containerd.runtime.v2.task/k8s.io/{}/config.json",
    "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/{}/config.json",
    "/run/containers/storage/overlay-containers/{}/userdata/config.json",
)
_NAMES = {
    "namespace": ("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
    "pod": ("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"),
    "container": ("io.kubernetes.cri.container-name", "io.kubernetes.container.name"),
}
VARIABLE = "NVIDIA_VISIBLE_DEVICES"
NOTHING = ("", "none", "void")
"""Values of the variable that ask for no GPU."""


def gpu_containers(machine: Machine) -> list[dict[str, Any]]:
    """Containers that see a GPU.

    Returns:
        ``namespace``, ``pod`` and ``container``, ``asked`` (the value of the variable, whoever set it), and
        ``privileged``, which is what the toolkit takes for that: CAP_SYS_ADMIN.
    """
    return [found for config in _configs(machine) for found in _seen(config)]


def _configs(machine: Machine) -> Iterator[Mapping[str, Any]]:
    for pattern in _BUNDLES:
        folder, rest = pattern.split("/{}")
        for name in machine.names(folder):
            try:
                config = json.loads(machine.text(f"{folder}/{name}{rest}") or "{}")
            except ValueError:
                continue  # one that is about to start
            if isinstance(config, dict):
                yield config


def _seen(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    process, linux, notes = (config.get(key) or {} for key in ("process", "linux", "annotations"))
    variables = dict(entry.partition("=")[::2] for entry in process.get("env") or ())
    asked = variables.get(VARIABLE, "")
    devices = any(str(device.get("path", "")).startswith("/dev/nvidia") for device in linux.get("devices") or ())
    hooks = any(
        "nvidia" in str(hook.get("path", "")) for stage in (config.get("hooks") or {}).values() for hook in stage or ()
    )
    if devices or (hooks and asked not in NOTHING):
        names = {name: next((notes[key] for key in keys if key in notes), "") for name, keys in _NAMES.items()}
        bounding = (process.get("capabilities") or {}).get("bounding") or ()
        yield {**names, "asked": asked, "privileged": "CAP_SYS_ADMIN" in bounding}
