# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fabric Manager and IMEX: their command ports have no authentication, so they listen on loopback only. Pure.

Both read one file of ``KEY=value`` lines without a folder of drop-ins, so the file is written anew with its lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostFile, HostPlan, Step

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class _Daemon:
    """A daemon: its unit, the keys that bind its ports, and what its restart costs."""

    unit: str
    keys: tuple[str, ...]
    disrupts: str


_DAEMONS: Mapping[str, _Daemon] = {
    "fabric_manager": _Daemon(
        "nvidia-fabricmanager.service",
        ("FM_CMD_BIND_INTERFACE", "BIND_INTERFACE_IP"),
        "a restart of Fabric Manager ends the CUDA jobs of this machine",
    ),
    "imex": _Daemon(
        "nvidia-imex.service",
        ("IMEX_CMD_BIND_INTERFACE_IP",),
        "a restart of IMEX cuts off jobs that share memory with other machines",
    ),
}


def bound_to_loopback(name: str, facts: Mapping[str, Any] | None) -> HostPlan:
    """The daemon's file with its command ports on loopback.

    Args:
        name: ``fabric_manager`` or ``imex``.
        facts: ``path`` and ``text`` of its file, ``mode`` of it and ``running``; None if there is none.
    """
    if facts is None:
        return HostPlan()
    daemon = _DAEMONS[name]
    given = values(facts["text"])
    if given.get("FABRIC_MODE", "0") != "0":
        # A virtual machine of the hypervisor asks it over the network.
        return HostPlan(warnings=(f"{facts['path']}: FABRIC_MODE={given['FABRIC_MODE']} is left as it is",))
    text = with_values(facts["text"], dict.fromkeys(daemon.keys, LOOPBACK))
    changes = text != facts["text"]
    return HostPlan(
        (HostFile(facts["path"], text, facts["mode"]),),
        steps=(Step(service=daemon.unit, action="try-restart"),),
        disrupts=daemon.disrupts if changes and facts["running"] else "",
    )


def values(text: str) -> dict[str, str]:
    """The values of a file by their keys; the last one counts."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def with_values(text: str, wanted: Mapping[str, str]) -> str:
    """A file with other values; lines stay where they are, and keys that are missing come at the end."""
    lines = text.splitlines()
    for key, value in wanted.items():
        lines = list(_with_value(lines, key, value))
    return "\n".join(lines) + "\n"


def _with_value(lines: Iterable[str], key: str, value: str) -> Iterable[str]:
    found = False
    for line in lines:
        if re.match(rf"\s*{key}\s*=", line):
            found = True
            yield f"{key}={value}"
        else:
            yield line
    if not found:
        yield f"{key}={value}"
