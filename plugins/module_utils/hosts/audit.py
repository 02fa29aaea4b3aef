# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit daemon of a machine writes down about GPUs and about what gives containers a GPU. Pure.

Sources: audit.rules(7), auditctl(8), augenrules(8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.places import (
    AUDIT_RULES,
    WATCHED_PATHS,
    WATCHED_PROGRAMS,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostFile, HostPlan, Step

DEVICES_KEY = "gpu-device"
LOADING_KEY = "gpu-module"
SETTINGS_KEY = "gpu-settings"
PROGRAMS_KEY = "gpu-programs"
_IMMUTABLE = 2
_NUMBERS_OF_PEOPLE = "-F auid>=1000 -F auid!=unset"


def plan(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> HostPlan:
    """What the audit rules of a machine should be.

    Args:
        facts: ``augenrules`` (path of the program, or empty), ``enabled`` (what the kernel says: 0, 1, 2 for rules that
            are locked until a reboot, None if it says nothing), ``devices`` (device files and folders of GPUs),
            ``present`` (which of the watched paths are there), ``written`` (the file of rules as it is, None if it is
            not there) and ``machine`` (as uname says).
        settings: ``extra_paths`` (further files and folders whose changes are written down; a folder ends with a
            slash), ``without_auditd`` (fail or warn).

    Raises:
        HardeningError: there is no audit daemon, and that is to fail; or a path cannot be written in a rule.
    """
    if not facts["augenrules"]:
        said = "This machine has no augenrules. Install the audit daemon (Debian, Ubuntu: auditd; RHEL: audit)"
        if settings["without_auditd"] == "fail":
            raise HardeningError(f"{said}, or set host_audit_without_auditd: warn.")
        return HostPlan(warnings=(f"{said}: nothing of this machine's GPUs is written down.",))
    text = "\n".join(_lines(facts, settings)) + "\n"
    locked = facts["enabled"] == _IMMUTABLE
    silent = facts["enabled"] is None
    return HostPlan(
        files=(HostFile(AUDIT_RULES, text, "0640"),),
        # Locked rules can only be read at the next start, and loading them would end with an error.
        steps=() if locked or silent else (Step(command=(facts["augenrules"], "--load")),),
        reboot_owed="the audit rules are locked until a reboot" if locked and facts["written"] != text else "",
        warnings=("the kernel keeps no audit log here: rules have no effect",) if silent else (),
    )


def _lines(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    yield "# Written by gpu_cluster.hardening.host_audit."
    yield "# Containers have no login: GPUs in use by people of this machine, past the scheduler."
    for path in facts["devices"]:
        yield f"-a always,exit {_place(path)} -F perm=rw {_NUMBERS_OF_PEOPLE} -k {DEVICES_KEY}"
    yield "# Whoever changes owner or mode of a device file, or makes one."
    for path in facts["devices"]:
        yield f"-a always,exit {_place(path)} -F perm=a -k {DEVICES_KEY}"
    for word in _architectures(facts["machine"]):
        yield f"-a always,exit -F arch={word} -S mknod,mknodat -F dir=/dev -k {DEVICES_KEY}"
    yield "# Modules that come and go, by whomever."
    for word in _architectures(facts["machine"]):
        yield f"-a always,exit -F arch={word} -S init_module,finit_module,delete_module -k {LOADING_KEY}"
    yield "# What decides which container gets which GPU, and what the kubelet and the driver are told."
    for path in [*_there(WATCHED_PATHS, facts["present"]), *settings["extra_paths"]]:
        yield f"-a always,exit {_place(path)} -F perm=wa -k {SETTINGS_KEY}"
    yield "# Programs of the toolkit in the hands of people."
    for path in _there(WATCHED_PROGRAMS, facts["present"]):
        yield f"-a always,exit {_place(path)} -F perm=x {_NUMBERS_OF_PEOPLE} -k {PROGRAMS_KEY}"
    for path in _there(WATCHED_PROGRAMS, facts["present"]):
        yield f"-a always,exit {_place(path)} -F perm=wa -k {PROGRAMS_KEY}"


def _there(paths: Iterable[str], present: Iterable[str]) -> Sequence[str]:
    """A rule for a path whose folder is missing would stop all rules after it."""
    there = set(present)
    return [path for path in paths if path in there]


def _place(path: str) -> str:
    if any(character.isspace() or character == "#" for character in path) or not path.startswith("/"):
        raise HardeningError(f"{path!r} cannot stand in an audit rule: it must be absolute and without spaces.")
    return f"-F dir={path.rstrip('/')}" if path.endswith("/") else f"-F path={path}"


def _architectures(machine: str) -> Sequence[str]:
    """Programs of 32 bits have system calls of their own where the machine runs them."""
    return ("b64", "b32") if machine == "x86_64" else ("b64",)
