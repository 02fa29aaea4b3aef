# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a machine that plans need. No secret is among them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.containers import gpu_containers
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.machine import Machine
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.presets import MARKS, PRESETS, UNKNOWN
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.runtimes import (
    OPERATOR_TOOLKIT,
    containerd_facts,
    crio_facts,
    toolkit_facts,
    version_in,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.store import Store
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.units import (
    command_of,
    option_of,
    unit_facts,
)

TOOLKIT_PART = "container_toolkit"
EXTRA_ARGS_FILE = "/etc/kubernetes/gpu-cluster-hardening.env"
"""What we add to the arguments of a kubelet of kubeadm."""
_FOLDERS = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/var/lib/rancher/rke2/bin",
    "/var/lib/rancher/rke2/data/current/bin",
    "/var/lib/rancher/k3s/data/current/bin",
    f"{OPERATOR_TOOLKIT}",
)
_PROGRAMS = (
    *("containerd", "crio", "runc", "crun", "kubelet", "nvidia-ctk", "nvidia-cdi-hook", "nvidia-container-runtime"),
    *("nv-hostengine", "nvidia-modprobe", "nvidia-persistenced", "nv-fabricmanager", "nvidia-imex"),
    *("update-initramfs", "dracut", "nft", "augenrules", "sysctl", "k3s", "rke2"),
)
_SYSCTLS = (
    *("vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops"),
    *(
        "kernel.keys.root_maxkeys",
        "kernel.keys.root_maxbytes",
        "kernel.unprivileged_bpf_disabled",
        "kernel.kptr_restrict",
    ),
)


def gather(
    machine: Machine, store: Store, kind: str = "", own_paths: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """All facts of a machine.

    Args:
        machine: the machine.
        store: of what was there before.
        kind: the distribution of Kubernetes, where it is not to be found out.
        own_paths: paths and services that differ from those of the distribution.

    Raises:
        HardeningError: a path of that name is not known.
    """
    kind = kind or distribution_of(machine)
    paths = {**PRESETS.get(kind, PRESETS["kubeadm"]), **(own_paths or {})}
    if unknown := sorted(set(own_paths or ()) - set(PRESETS["kubeadm"])):
        known = ", ".join(sorted(PRESETS["kubeadm"]))
        raise HardeningError(f"{', '.join(unknown)}: no path of a machine is called so (known: {known})")
    programs = dict(_programs(machine))
    return {
        "name": machine.line("/proc/sys/kernel/hostname"),
        "machine_id": machine.line("/etc/machine-id"),
        "system_uuid": machine.line("/sys/class/dmi/id/product_uuid").lower(),
        "boot_id": machine.line("/proc/sys/kernel/random/boot_id"),
        "addresses": sorted(set(re.findall(r"\binet6? ([0-9a-f.:]+)/", machine.output("ip", "-o", "address", "show")))),
        "os": _os(machine),
        "kernel": machine.line("/proc/sys/kernel/osrelease"),
        "distribution": kind,
        "control_plane": _is_control_plane(machine, kind, paths),
        "paths": paths,
        "programs": programs,
        "containerd": containerd_facts(machine, paths, programs),
        "crio": crio_facts(machine, paths, programs),
        "runc": _version(machine, programs, "runc"),
        "kubelet": kubelet_facts(machine, paths, programs),
        "toolkit": toolkit_facts(machine, paths, programs, store, TOOLKIT_PART),
        "gpu_containers": gpu_containers(machine),
        "driver": _driver(machine),
        "dcgm": version_in(machine.output(programs["nv-hostengine"], "--version"))
        if "nv-hostengine" in programs
        else "",
        "units": {name: unit_facts(machine, name) for name in _units(programs)},
        "sysctls": {name: machine.line(f"/proc/sys/{name.replace('.', '/')}") for name in _SYSCTLS},
        "parts": {name: store.read(name).change is not None for name in store.parts()},
    }


def distribution_of(machine: Machine) -> str:
    """The distribution of Kubernetes, by what its machines have."""
    return next((kind for kind, marks in MARKS.items() if machine.first(marks)), UNKNOWN)


def kubelet_facts(machine: Machine, paths: Mapping[str, str], programs: Mapping[str, str]) -> dict[str, Any]:
    """The kubelet.

    Returns:
        ``version``, its ``unit``, the ``command`` of the process that runs, of its options ``config``, ``config_dir``
        and ``node_name`` (None where they are not given), and ``extra_args``, what the user added to kubeadm's.
    """
    unit = unit_facts(machine, paths["kubelet_service"])
    command = unit["command"]
    if paths["kubelet_service"] != "kubelet":  # a part of another program, or started by one
        command = next(_commands(machine, "kubelet"), None)
    config_dir = option_of(command, "--config-dir")
    if (
        command is None
        and machine.has(paths["kubelet_config"])
        and paths["kubelet_config_dir"] in paths["kubelet_config"]
    ):
        config_dir = paths["kubelet_config_dir"]  # k3s starts no process of its own, and reads its folder
    return {
        "version": _version(machine, programs, "kubelet"),
        "unit": unit,
        "command": command,
        "config": option_of(command, "--config"),
        "config_dir": config_dir,
        "node_name": option_of(command, "--hostname-override"),
        "extra_args": _extra_args(machine, unit["environment_files"]),
    }


def _extra_args(machine: Machine, files: Sequence[str]) -> str:
    """The last file counts."""
    found = ""
    for path in files:
        if path != EXTRA_ARGS_FILE:
            for match in re.finditer(r"^\s*KUBELET_EXTRA_ARGS=(.*)$", machine.text(path) or "", re.MULTILINE):
                found = match[1].strip().strip("\"'")
    return found


def _version(machine: Machine, programs: Mapping[str, str], name: str) -> str:
    return version_in(machine.output(programs[name], "--version")) if name in programs else ""


def _programs(machine: Machine) -> Iterator[tuple[str, str]]:
    for name in _PROGRAMS:
        if path := machine.first([f"{folder}/{name}" for folder in _FOLDERS]):
            yield name, path


def _units(programs: Mapping[str, str]) -> Iterator[str]:
    for name, program in (
        ("nvidia-persistenced", "nvidia-persistenced"),
        ("nvidia-fabricmanager", "nv-fabricmanager"),
        ("nvidia-imex", "nvidia-imex"),
        ("nvidia-dcgm", "nv-hostengine"),
        ("auditd", "augenrules"),
        ("nftables", "nft"),
    ):
        if program in programs:
            yield name


def _commands(machine: Machine, program: str) -> Iterator[list[str]]:
    for name in machine.names("/proc"):
        if name.isdigit() and machine.line(f"/proc/{name}/comm") == program:
            command = command_of(machine, name)
            if command and os.path.basename(command[0]) == program:
                yield command


def _is_control_plane(machine: Machine, kind: str, paths: Mapping[str, str]) -> bool:
    return kind.endswith("-server") or machine.has(f"{paths['static_pods']}/kube-apiserver.yaml")


def _os(machine: Machine) -> dict[str, str]:
    text = machine.text("/etc/os-release") or machine.text("/usr/lib/os-release") or ""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.lower(): values.get(key, "").strip("\"'") for key in ("ID", "ID_LIKE", "VERSION_ID")}


def _driver(machine: Machine) -> dict[str, Any]:
    """Its ``version`` (of the module that is loaded, or else on the disk), ``loaded``, and its ``parameters``."""
    loaded = machine.line("/sys/module/nvidia/version")
    parameters = machine.text("/proc/driver/nvidia/params") or ""
    return {
        "version": loaded or version_in(machine.output("modinfo", "-F", "version", "nvidia")),
        "loaded": bool(loaded),
        "parameters": dict(re.findall(r"^(\w+): *(.*)$", parameters, re.MULTILINE)),
    }
