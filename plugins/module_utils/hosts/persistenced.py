# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The persistence daemon of NVIDIA, as a user of its own: without ``--user`` it stays root. Pure.

Source: nvidia-persistenced(1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.places import (
    PERSISTENCED,
    PERSISTENCED_DROP_IN,
    PERSISTENCED_USER,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostFile, HostPlan, Step

_USER_OPTION = re.compile(r"(?:^|\s)(?:--user[= ]|-u ?)\S+")
_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}")


def confined(facts: Mapping[str, Any] | None, user: str) -> HostPlan:
    """The drop-in that makes the daemon another user's.

    Args:
        facts: ``exec_start`` (the command of its unit, without our drop-in) and ``users`` (whom the
            machine knows without our file); None if there is no such unit.
        user: its name; empty to leave the daemon as it is.
    """
    if user and not _NAME.fullmatch(user):
        raise HardeningError(f"host_driver_persistenced_user: {user!r} is no name of a user")
    if facts is None or not user or not facts["exec_start"] or _USER_OPTION.search(facts["exec_start"]):
        return HostPlan()
    files = [
        HostFile(
            PERSISTENCED_DROP_IN,
            "# Written by gpu_cluster.hardening.host_driver.\n"
            f"[Service]\nExecStart=\nExecStart={facts['exec_start']} --user {user}\n"
            "RuntimeDirectory=nvidia-persistenced\n"
            f"ExecStartPre=+/bin/chown {user}: /run/nvidia-persistenced\n",
        )
    ]
    steps = [Step(command=("systemctl", "daemon-reload")), Step(service=PERSISTENCED, action="try-restart")]
    if user not in facts["users"]:
        files.append(HostFile(PERSISTENCED_USER, f'u {user} - "NVIDIA persistence daemon" /\n'))
        steps.insert(0, Step(command=("systemd-sysusers",)))
    return HostPlan(tuple(files), steps=tuple(steps))
