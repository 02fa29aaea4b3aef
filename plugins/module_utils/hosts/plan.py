# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a part of a machine should be: its files, and what to do once they have changed. Pure.

A plan is made where Ansible runs, from the facts of ``host_info`` and the settings of a role, by a function
``plan(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> HostPlan`` for each part. ``host_files`` carries it
out on the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class HostFile:
    """A file.

    Attributes:
        path: absolute.
        content: all of it.
        mode: in octal, as ``chmod`` takes it.
        owner: name of a user.
        group: name of a group.
        sensitive: whether its content must not be shown.
    """

    path: str
    content: str
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    sensitive: bool = False


@dataclass(frozen=True)
class Step:
    """What makes changed files count: an action on a service, or a command.

    Attributes:
        service: a unit of systemd, which must then be active.
        action: of systemctl, such as restart, reload or try-restart.
        command: a program and its arguments, where no service is named.
        settle: seconds for which the service must stay up.
        paths: files that ask for it; all of the part, if none is named.
    """

    service: str = ""
    action: str = "restart"
    command: tuple[str, ...] = ()
    settle: int = 3
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostPlan:
    """What a part of a machine should be.

    Attributes:
        files: all of them.
        validate: commands that judge the new files before they replace others. ``{stage}`` stands for the folder that
            has them under their paths.
        drafts: further files for these commands alone, in the same folder. ``{stage}`` in them is that folder.
        steps: what to do, in this order, once a file has changed; and again once the old ones are back.
        disrupts: why running work would lose its GPU, or empty.
        reboot_owed: why a reboot is needed before all of it counts, or empty.
        warnings: what the user should know.
    """

    files: tuple[HostFile, ...] = ()
    validate: tuple[tuple[str, ...], ...] = ()
    drafts: tuple[HostFile, ...] = ()
    steps: tuple[Step, ...] = ()
    disrupts: str = ""
    reboot_owed: str = ""
    warnings: tuple[str, ...] = ()


def as_variables(plan: HostPlan) -> Mapping[str, Any]:
    """A plan as a role reads it: the options of ``host_files`` under their names, and the rest."""
    return asdict(plan)
