# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds what the tests run, once on a machine: ``build_servers.py [NAME...]``, all without names.

Two at a time: the compiler uses all cores, but each build ends with minutes of linking, which uses one.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from server_programs import CONTROL_PLANE, SERVERS, server_program


def build(name: str) -> None:
    """Build one, and say so if that took time."""
    began = time.monotonic()
    program = server_program(name)
    seconds = time.monotonic() - began
    print(f"{name}: {program}" + (f", built in {seconds:.0f} s" if seconds > 1 else ""), flush=True)


def main() -> None:
    """Build those that are named, the control plane first, as most tests wait for it."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(build, sys.argv[1:] or (CONTROL_PLANE, *SERVERS)))


if __name__ == "__main__":
    main()
