# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts that the plans of driver, control plane, firewall and audit need. No secret is among them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts import places
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.machine import Machine
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.modprobe import shown_parameters
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.units import unit_facts

_MODPROBE_FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")
_DAEMON_FILES = {
    "fabric_manager": ("/usr/share/nvidia/nvswitch/fabricmanager.cfg", "nvidia-fabricmanager"),
    "imex": ("/etc/nvidia-imex/config.cfg", "nvidia-imex"),
}
_STATIC_PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


def part_facts(machine: Machine, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of these parts, by ``driver_part``, ``control_plane_part``, ``firewall_part`` and ``audit_part``.

    Args:
        machine: the machine.
        facts: what is known of it: ``programs``, ``paths``, ``distribution`` and ``control_plane``.
    """
    return {
        "driver_part": _driver(machine, facts["programs"]),
        "control_plane_part": _control_plane(machine, facts),
        "firewall_part": {
            "nft": facts["programs"].get("nft", ""),
            "ssh_ports": _ssh_ports(machine),
            "control_plane": facts["control_plane"],
            "active": unit_facts(machine, places.FIREWALL.removesuffix(".service"))["active"],
        },
        "audit_part": _audit(machine, facts["programs"]),
    }


def _driver(machine: Machine, programs: Mapping[str, str]) -> dict[str, Any]:
    known = re.findall(r"^NVreg_(\w+):", machine.output("modinfo", "-F", "parm", "nvidia"), re.MULTILINE)
    initramfs = next((name for name in ("update-initramfs", "dracut") if name in programs), "")
    has_image = any(name.startswith("initr") for name in machine.names("/boot"))
    return {
        "in_container": machine.has("/run/nvidia/driver/usr"),
        "installed": bool(machine.output("modinfo", "-F", "filename", "nvidia")),
        "known": known or None,
        "loaded": shown_parameters(machine.text("/proc/driver/nvidia/params") or ""),
        "options": dict(_options(machine)),
        "initramfs": initramfs if has_image else "",
        "persistenced": _persistenced(machine),
        **{name: _daemon(machine, *place) for name, place in _DAEMON_FILES.items()},
    }


def _options(machine: Machine) -> Iterator[tuple[str, str]]:
    for folder in _MODPROBE_FOLDERS:
        for name in machine.names(folder):
            path = f"{folder}/{name}"
            text = machine.text(path) or ""
            if name.endswith(".conf") and path != places.DRIVER_OPTIONS and "nvidia" in text:
                yield path, text


def _persistenced(machine: Machine) -> dict[str, Any] | None:
    unit = unit_facts(machine, places.PERSISTENCED.removesuffix(".service"))
    if not unit["loaded"]:
        return None
    command = unit["exec_start"]
    if machine.has(places.PERSISTENCED_DROP_IN):
        command = re.sub(r" --user \S+$", "", command)
    users = {line.partition(":")[0] for line in (machine.text("/etc/passwd") or "").splitlines()}
    ours = re.findall(r"^u (\S+)", machine.text(places.PERSISTENCED_USER) or "", re.MULTILINE)
    return {"exec_start": command, "users": sorted(users - set(ours))}


def _daemon(machine: Machine, path: str, unit: str) -> dict[str, Any] | None:
    text = machine.text(path)
    if text is None:
        return None
    return {"path": path, "text": text, "mode": _mode(machine, path), "running": unit_facts(machine, unit)["active"]}


def _control_plane(machine: Machine, facts: Mapping[str, Any]) -> dict[str, Any]:
    kind, _dash, role = facts["distribution"].partition("-")
    manifests = {}
    for name in _STATIC_PODS:
        path = f"{facts['paths']['static_pods']}/{name}.yaml"
        text = machine.text(path)
        if text is not None:
            manifests[name] = {"path": path, "text": text, "mode": _mode(machine, path)}
    if role:
        return {"kind": kind if role == "server" else "", "manifests": {}}
    return {"kind": "static" if facts["control_plane"] else "", "manifests": manifests}


def _ssh_ports(machine: Machine) -> list[int]:
    found = re.findall(r"^port (\d+)", machine.output("sshd", "-T"), re.MULTILINE)
    return sorted({int(port) for port in found}) or [22]


def _audit(machine: Machine, programs: Mapping[str, str]) -> dict[str, Any]:
    enabled = re.search(r"^enabled (\d)", machine.output("auditctl", "-s"), re.MULTILINE)
    devices = [f"/dev/{name}" for name in machine.names("/dev") if name.startswith("nvidia")]
    return {
        "augenrules": programs.get("augenrules", ""),
        "enabled": int(enabled[1]) if enabled else None,
        "devices": [f"{path}/" if os.path.isdir(machine.root + path) else path for path in devices],
        "present": [
            path for path in (*places.WATCHED_PATHS, *places.WATCHED_PROGRAMS) if machine.has(path.rstrip("/"))
        ],
        "written": machine.text(places.AUDIT_RULES),
        "machine": os.uname().machine,
    }


def _mode(machine: Machine, path: str) -> str:
    return f"{stat.S_IMODE(os.stat(machine.root + path).st_mode):04o}"
