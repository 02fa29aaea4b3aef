# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the real ansible-playbook of the Python that runs the tests, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import warm_process

ANSIBLE_PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))


def ansible_playbook(
    *arguments: str, environment: Mapping[str, str], cwd: Path, started: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run it with arguments; the caller looks at the exit code and the output.

    ``started`` starts it as a shell does, which a test needs that looks at command lines.
    """
    command = [ANSIBLE_PLAYBOOK, *arguments]
    if not started:
        return warm_process.run(command, environment, cwd)
    return subprocess.run(
        command,
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
