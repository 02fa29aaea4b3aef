# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes few folders and networks of the many files and addresses that a program used, for a person to read. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import PurePosixPath

MOST = 16
"""A profile with more folders or networks than these would be accepted unread."""
MOST_BESIDE = 4
"""More folders than these beside each other are one of many, such as one for each request: the one above is meant."""
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run")
"""What is below has names of the moment."""
_PREFIXES = ((24, 64), (16, 48), (8, 32))
"""Lengths for IPv4 and IPv6, the first that makes few networks counts."""


def few_folders(folders: Iterable[str]) -> list[str]:
    """At most ``MOST`` folders that hold all of these, none of them within another, sorted.

    Args:
        folders: absolute paths; others are left out.
    """
    found = {_whole_if_temporary(PurePosixPath(folder)) for folder in folders if folder.startswith("/")}
    for depth in range(max((len(path.parts) for path in found), default=0), 2, -1):
        beside: dict[PurePosixPath, set[PurePosixPath]] = {}
        for path in found:
            if len(path.parts) >= depth:
                above = PurePosixPath(*path.parts[:depth])
                beside.setdefault(above.parent, set()).add(above)
        many = {above for above, below in beside.items() if len(below) > MOST_BESIDE}
        found = {next((above for above in path.parents if above in many), path) for path in found}
    depth = max((len(path.parts) for path in found), default=0)
    while len(_outermost(found)) > MOST and depth > 1:
        depth -= 1
        found = {PurePosixPath(*path.parts[:depth]) for path in found}
    return sorted(map(str, _outermost(found)))


def few_networks(addresses: Iterable[str]) -> list[str]:
    """At most ``MOST`` networks that hold all of these addresses, unless they are spread wider, as sorted CIDRs.

    Args:
        addresses: of IPv4 or IPv6; what is none is left out.
    """
    read = [address for text in addresses if (address := _address(text))]
    found: list[str] = []
    for lengths in _PREFIXES:
        networks = {ipaddress.ip_network(f"{one}/{lengths[one.version == 6]}", strict=False) for one in read}
        found = [str(network) for network in sorted(networks, key=lambda one: (one.version, one))]
        if len(found) <= MOST:
            break
    return found


def _whole_if_temporary(path: PurePosixPath) -> PurePosixPath:
    return next((PurePosixPath(top) for top in _TEMPORARY if path.is_relative_to(top)), path)


def _outermost(paths: Iterable[PurePosixPath]) -> set[PurePosixPath]:
    known = set(paths)
    return {path for path in known if not known.intersection(path.parents)}


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
