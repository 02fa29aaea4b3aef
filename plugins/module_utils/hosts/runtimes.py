# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine has of container runtimes: containerd, CRI-O, NVIDIA's container toolkit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.machine import Machine
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.store import Store
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.units import unit_facts

OPERATOR_TOOLKIT = "/usr/local/nvidia/toolkit"
"""Where the GPU Operator's container puts the toolkit, which it configures anew whenever it starts."""
SPEC_FOLDERS = ("/etc/cdi", "/var/run/cdi")
_VERSION = re.compile(r"\bv?([0-9]+\.[0-9]+(?:\.[0-9]+)?(?:[-~+.][0-9A-Za-z.~+-]+)?)")
_SECTION = re.compile(r"\s*\[(.+)\]\s*(?:#.*)?")
_RUNTIME = re.compile(r"""plugins\.['"]?io\.containerd\.[a-z0-9.]+['"]?\.containerd\.runtimes\.['"]?([\w.-]+)['"]?""")


def version_in(text: str) -> str:
    """The first version in what a program says of itself, or an empty text."""
    match = _VERSION.search(text)
    return match[1] if match else ""


def containerd_facts(machine: Machine, paths: Mapping[str, str], programs: Mapping[str, str]) -> dict[str, Any]:
    """Of containerd.

    Returns:
        ``version``, ``config_version`` of its file (0 if there is none), ``imports`` of it, ``runtimes``,
        ``default_runtime``, ``cdi`` and ``systemd_cgroup`` of all its files together, if they are ``readable``, and its
        ``unit``.
    """
    program = programs.get("containerd", "")
    text = machine.text(paths["containerd_config"])
    said = machine.output(program, "--config", paths["containerd_config"], "config", "dump") if program and text else ""
    whole = said or text or ""
    return {
        "version": version_in(machine.output(program, "--version").partition(" ")[2]) if program else "",
        "config_version": int(_top(text or "", "version") or (1 if text and text.strip() else 0)),
        "has_config": text is not None,
        "imports": _texts(_top(text or "", "imports")),
        "runtimes": sorted({match[1] for match in map(_RUNTIME.search, whole.splitlines()) if match}),
        "default_runtime": _value(whole, "default_runtime_name"),
        "cdi": _value(whole, "enable_cdi"),
        "systemd_cgroup": _value(whole, "SystemdCgroup") == "true",
        "readable": bool(said),
        "unit": unit_facts(machine, paths["containerd_service"]),
    }


def crio_facts(machine: Machine, paths: Mapping[str, str], programs: Mapping[str, str]) -> dict[str, Any]:
    """Of CRI-O: ``version``, ``runtimes``, ``default_runtime``, and its ``unit``."""
    program = programs.get("crio", "")
    said = machine.output(program, "config") if program else ""
    return {
        "version": version_in(machine.output(program, "--version")) if program else "",
        "runtimes": sorted(set(re.findall(r"^\s*\[crio\.runtime\.runtimes\.([\w.-]+)\]", said, re.MULTILINE))),
        "default_runtime": _value(said, "default_runtime"),
        "readable": bool(said),
        "unit": unit_facts(machine, paths["crio_service"]),
    }


def toolkit_facts(
    machine: Machine, paths: Mapping[str, str], programs: Mapping[str, str], store: Store, part: str
) -> dict[str, Any]:
    """NVIDIA's container toolkit.

    Returns:
        ``version``, ``config`` (the file as it was before the part wrote it), whether it is there ``by_operator``,
        whether a unit keeps CDI specifications (``refresh``), which of these others than root may write
        (``unsafe_specs``), and whether ``/dev/char`` has links to the ``devices``.
    """
    program = programs.get("nvidia-ctk", "")
    return {
        "version": version_in(machine.output(program, "--version")) if program else "",
        "config": _original(store, part, paths["toolkit_config"], machine),
        "by_operator": machine.has(OPERATOR_TOOLKIT) and OPERATOR_TOOLKIT in program,
        "refresh": unit_facts(machine, "nvidia-cdi-refresh")["loaded"],
        "unsafe_specs": _unsafe_specs(machine),
        "char_links": any(
            machine.link(f"/dev/char/{name}").rpartition("/")[2].startswith("nvidia")
            for name in machine.names("/dev/char")
        ),
        "devices": [name for name in machine.names("/dev") if re.fullmatch(r"nvidia[0-9]+", name)],
    }


def _unsafe_specs(machine: Machine) -> list[str]:
    """Whoever writes a specification of CDI chooses what of the machine a container gets."""
    found = []
    for folder in SPEC_FOLDERS:
        for path in (folder, *(f"{folder}/{name}" for name in machine.names(folder))):
            about = machine.about(path)
            if about and (about.st_uid or about.st_mode & 0o022):
                found.append(path)
    return found


def _original(store: Store, part: str, path: str, machine: Machine) -> str | None:
    held = store.read(part).holding.files.get(path)
    if held is None:
        return machine.text(path)
    return store.bytes_of(part, held.original).decode(errors="replace") if held.original else None


def _top(text: str, key: str) -> str:
    """The value of a key before the first section, as written; lists may have several lines."""
    found = ""
    for line in text.splitlines():
        if found and not found.rstrip().endswith("]"):
            found += line.partition("#")[0]
            continue
        if _SECTION.fullmatch(line):
            break
        name, equals, value = line.partition("=")
        if equals and name.strip() == key:
            found = value.strip() if value.strip().startswith("[") else value.partition("#")[0].strip()
            if not found.startswith("["):
                return found
    return found


def _texts(value: str) -> list[str]:
    return [first or second for first, second in re.findall(r"\"([^\"]*)\"|'([^']*)'", value)]


def _value(text: str, key: str) -> str:
    """The value of a key in any section: there is one of this name."""
    match = re.search(rf"^\s*{key}\s*=\s*[\"']?([^\"'#\n]*)", text, re.MULTILINE)
    return match[1].strip() if match else ""
