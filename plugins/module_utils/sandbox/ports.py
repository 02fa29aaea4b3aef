# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loopback ports: kept while they can be, replaced when somebody else has taken one."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterable, Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

CANDIDATES = range(20000, 32000)
"""Below the ports that kernels hand out for outgoing connections (32768 and up on Linux)."""
ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def assign_ports(
    names: Iterable[str],
    remembered: Mapping[str, int],
    in_use_by_us: Callable[[str], bool],
    free: Callable[[int], bool] = is_free,
) -> dict[str, int]:
    """A port for each name: the remembered one if our process listens there or it is free, else a new one.

    Raises:
        HardeningError: no free port was found.
    """
    ports: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        if port is None or port in ports.values() or not (in_use_by_us(name) or free(port)):
            port = _choose({*ports.values(), *remembered.values()}, free)
        ports[name] = port
    return ports


def _choose(taken: set[int], free: Callable[[int], bool]) -> int:
    for port in random.sample(CANDIDATES, ATTEMPTS):
        if port not in taken and free(port):
            return port
    raise HardeningError(
        f"No free loopback port was found between {CANDIDATES.start} and {CANDIDATES.stop - 1} in {ATTEMPTS} attempts."
    )
