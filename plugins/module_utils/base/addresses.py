# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads CIDRs and ports as a NetworkPolicy takes them.

Source: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
"""

from __future__ import annotations

import ipaddress
import re
from typing import TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import (
    OPTIONAL,
    REQUIRED,
    Entry,
    describe,
)

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
Json = dict[str, object]

PROTOCOLS = ("TCP", "UDP", "SCTP")
_PORT = {"port": REQUIRED, "endPort": OPTIONAL, "protocol": "TCP"}
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")


def read_network(entry: Entry) -> Network | None:
    """A CIDR such as ``10.0.50.0/24`` or ``2001:db8::/64``."""
    text = entry.text()
    if not text:
        return None
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        entry.refuse(f"{text!r} is no CIDR, such as 10.0.50.0/24 or 2001:db8::/64")
        return None
    if "/" not in text:
        entry.refuse(f"{text!r} has no prefix length; one address alone is {loose}")
        return None
    if ipaddress.ip_address(text.partition("/")[0]) != loose.network_address:
        entry.refuse(f"{text!r} is an address in a network; the network is {loose}")
        return None
    if isinstance(loose, ipaddress.IPv6Network) and loose.network_address.ipv4_mapped:
        entry.refuse(f"{text!r} is an IPv4 network in IPv6 clothes; write it as IPv4")
        return None
    return loose


def read_address(entry: Entry) -> Network | None:
    """One address, as the network that holds only it."""
    text = entry.text()
    if not text:
        return None
    try:
        return ipaddress.ip_network(ipaddress.ip_address(text))
    except ValueError:
        entry.refuse(f"{text!r} is no IP address, such as 169.254.20.10 or fd00::10")
        return None


def ip_block(network: Network, excluded: list[Network] | None = None) -> Json:
    """The peer of a NetworkPolicy for a network, without the excluded ones."""
    block: Json = {"cidr": str(network)}
    if excluded:
        block["except"] = [str(part) for part in excluded]
    return {"ipBlock": block}


def read_ports(ports: Entry) -> list[Json]:
    """Ports of a NetworkPolicy. There must be one, as no ports would mean all."""
    read = [_read_port(port) for port in ports.items()]
    if isinstance(ports.value, list | tuple) and not read:
        ports.refuse("must not be empty, as that opens all ports; all TCP ports are {port: 1, endPort: 65535}")
    return read


def _read_port(entry: Entry) -> Json:
    keys = entry.keys(_PORT)
    port: Json = {"protocol": keys["protocol"].choice(PROTOCOLS), "port": _read_number_or_name(keys["port"])}
    if keys["endPort"].given:
        port["endPort"] = _read_end(keys["endPort"], port["port"])
    return port


def _read_number_or_name(entry: Entry) -> int | str:
    value = entry.value
    if isinstance(value, int) and not isinstance(value, bool):
        entry.refuse(_number_problem(value))
        return int(value)
    if not isinstance(value, str):
        if entry.given:
            entry.refuse(f"must be a number or the name of a container port, not {describe(value)}")
        return 0
    if value.isdecimal():
        entry.refuse(f"{value!r} is a string; drop the quotes")
    elif not _PORT_NAME.fullmatch(value):
        entry.refuse(f"{value!r} is no port name: at most 15 lower-case letters, digits or '-', with a letter")
    return str(value)


def _read_end(entry: Entry, first: object) -> int:
    value = entry.value
    if not isinstance(value, int) or isinstance(value, bool):
        entry.refuse(f"must be a number, not {describe(value)}")
        return 0
    entry.refuse(_number_problem(value))
    if isinstance(first, str):
        entry.refuse(f"a range cannot begin at a named port ({first})")
    elif isinstance(first, int) and first > value:
        entry.refuse(f"{value} is below the first port, {first}")
    return int(value)


def _number_problem(port: int) -> str | None:
    return None if 1 <= port <= 65535 else f"{port} is not between 1 and 65535"
