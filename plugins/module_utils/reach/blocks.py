# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``ipBlock`` of a NetworkPolicy, and what the blocks of all policies make of the addresses outside. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

EVERYWHERE: tuple[Network, ...] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


@dataclass(frozen=True)
class Block:
    """A network without parts of it."""

    network: Network
    excluded: tuple[Network, ...] = ()

    def contains(self, address: Address) -> bool:
        """Whether it covers an address; never one of the other family."""
        return address in self.network and not any(address in part for part in self.excluded)


@dataclass(frozen=True)
class Region:
    """Addresses which no rule of any policy tells apart.

    Attributes:
        networks: those of the policies in which they lie; the whole of a family where no policy names a smaller one.
        addresses: one of each network.
    """

    networks: tuple[Network, ...]
    addresses: tuple[Address, ...]


def read_block(raw: dict[str, Any]) -> Block:
    """Read an ipBlock.

    Raises:
        ValueError: there is no CIDR, or it is none.
    """
    network = ipaddress.ip_network(raw.get("cidr") or "", strict=False)
    return Block(network, tuple(ipaddress.ip_network(part, strict=False) for part in raw.get("except") or ()))


def covering(rules: Sequence[Sequence[Block]], address: Address) -> frozenset[int]:
    """Which rules, each given by its blocks, cover an address."""
    return frozenset(i for i, blocks in enumerate(rules) if any(block.contains(address) for block in blocks))


def regions(rules: Sequence[Sequence[Block]], families: Collection[int] = (4, 6)) -> list[Region]:
    """All addresses of these families, divided so that each rule covers all of a region or nothing. The rest is first.

    CIDRs contain each other or have nothing in common. So each, without the smaller ones in it, is a part that no rule
    divides further, and one address of it stands for all. Parts that the same rules cover become one region.
    """
    named = {part for blocks in rules for block in blocks for part in (block.network, *block.excluded)}
    parts: dict[frozenset[int], list[tuple[Network, Address]]] = {}
    wanted = (network for network in named | set(EVERYWHERE) if network.version in families)
    for network in sorted(wanted, key=lambda n: (n.prefixlen, n.version, n.network_address)):
        address = _outside(network, (other for other in named if other != network))
        if address is not None:
            parts.setdefault(covering(rules, address), []).append((network, address))
    return [Region(tuple(n for n, _a in part), tuple(a for _n, a in part)) for part in parts.values()]


def _outside(network: Network, others: Iterable[Network]) -> Address | None:
    """The first address of a network that is in none of the smaller ones; None if these fill it."""
    first, last = int(network.network_address), int(network.broadcast_address)
    inner = sorted(
        (int(other.network_address), int(other.broadcast_address))
        for other in others
        if other.version == network.version and first <= int(other.network_address) <= last
        if other.prefixlen > network.prefixlen
    )
    for begin, end in inner:
        if begin > first:
            break
        first = max(first, end + 1)
    return type(network.network_address)(first) if first <= last else None
