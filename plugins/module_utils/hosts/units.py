# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd says of a unit of a machine, and how its program was started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.machine import Machine

_ASKED = ("LoadState", "ActiveState", "FragmentPath", "DropInPaths", "KillMode", "MainPID", "EnvironmentFiles")


def unit_facts(machine: Machine, name: str) -> dict[str, Any]:
    """A unit.

    Returns:
        ``loaded``, ``active``, ``file``, ``drop_ins``, ``kill_mode``, ``exec_start`` (as written, before its variables
        are filled in), ``environment_files``, and ``command`` of the process that runs (None if none does).
    """
    said = machine.output("systemctl", "show", f"{name}.service", *(f"--property={key}" for key in _ASKED))
    values: dict[str, list[str]] = {}
    for line in said.splitlines():
        key, _sign, value = line.partition("=")
        values.setdefault(key, []).append(value)
    one = {key: found[0] for key, found in values.items()}
    written = machine.output("systemctl", "cat", f"{name}.service") if one.get("LoadState") == "loaded" else ""
    return {
        "loaded": one.get("LoadState") == "loaded",
        "active": one.get("ActiveState") == "active",
        "file": one.get("FragmentPath", ""),
        "drop_ins": one.get("DropInPaths", "").split(),
        "kill_mode": one.get("KillMode", ""),
        "exec_start": _last_exec_start(written),
        "environment_files": [value.split(" (")[0] for value in values.get("EnvironmentFiles", ()) if value],
        "command": command_of(machine, one.get("MainPID", "0")),
    }


def command_of(machine: Machine, process: str) -> list[str] | None:
    """The command line of a process."""
    text = machine.text(f"/proc/{process}/cmdline") if process.isdigit() and process != "0" else None
    return text.rstrip("\0").split("\0") if text else None


def option_of(command: Sequence[str] | None, name: str) -> str | None:
    """The value of an option of a command line, such as ``--config``; the last one counts."""
    found = None
    words = list(command or ())
    for index, word in enumerate(words):
        key, equals, value = word.partition("=")
        if key == name:
            found = value if equals else (words[index + 1] if index + 1 < len(words) else "")
    return found


def _last_exec_start(text: str) -> str:
    """Drop-ins follow the unit; an empty line takes away what was before it."""
    found = ""
    lines = iter(text.splitlines())
    for line in lines:
        key, equals, value = line.strip().partition("=")
        if equals and key.strip() == "ExecStart":
            while value.endswith("\\"):
                value = value[:-1] + " " + next(lines, "").strip()
            found = value.strip()
    return found
