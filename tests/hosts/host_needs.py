# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine must have to run others, and why it cannot where it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

PACKAGES = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "setpriv": "util-linux",
}
"""Programs, and the packages of Debian that have them."""


@cache
def reason_against_machines() -> str:
    """Nothing if machines can run here; what is missing is installed where that can be."""
    if os.geteuid() != 0:
        return "machines need root: systemd-nspawn, a bridge and control groups of their own"
    missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
    if not missing:
        return ""
    if shutil.which("apt-get") is None:
        return f"machines need {', '.join(missing)}, and there is no apt-get to install them"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run(
            ["apt-get", "--quiet", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=900,
        )
        if done.returncode:
            return f"machines need {', '.join(missing)}, and apt-get {command[0]} failed: {done.stderr.strip()[-300:]}"
    return ""
