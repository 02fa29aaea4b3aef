# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends of connections that no policy tells apart, as one. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.blocks import (
    Address,
    Block,
    Region,
    covering,
    regions,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.endpoints import Endpoint, NamedPorts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.policies import (
    Peer,
    Policies,
    Rule,
    Selector,
)

OTHER = "*"
"""Shown for a label that the policies ask for, with a value that none of them names."""
_VALUES = ("In", "NotIn")


@dataclass(frozen=True)
class Group:
    """Ends that every policy treats alike.

    Attributes:
        kind: ``pods``, ``nodes``, ``api_server``, or ``internet`` for all other addresses.
        labels: of pods, those that policies ask for.
        pods: how many.
        member: one that stands for all.
    """

    name: str
    kind: str
    member: Endpoint
    pods: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """As a report has it."""
        return {
            "name": self.name,
            "namespace": self.member.namespace,
            "pods": self.pods,
            "labels": dict(self.labels),
            "kind": self.kind,
        }


@dataclass(frozen=True)
class Distinctions:
    """What policies tell ends apart by.

    Attributes:
        values: by label key, the values that selectors name.
        present: label keys of which selectors ask whether they are there.
        blocks: of each rule that has any, the blocks.
        port_names: names of ports.
    """

    values: Mapping[str, frozenset[str]]
    present: frozenset[str]
    blocks: tuple[tuple[Block, ...], ...]
    port_names: frozenset[str]

    def labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Those of a pod that make a difference."""
        found = {}
        for key in sorted(labels.keys() & (self.values.keys() | self.present)):
            if labels[key] in self.values.get(key, ()):
                found[key] = labels[key]
            elif key in self.present:
                found[key] = OTHER
        return found

    def ports(self, named: NamedPorts) -> NamedPorts:
        """Those of a pod that make a difference."""
        return frozenset(port for port in named if port[0] in self.port_names)

    def addresses(self, addresses: Iterable[Address]) -> frozenset[tuple[int, frozenset[int]]]:
        """What makes a difference of addresses: the family, and the rules with a block around each."""
        return frozenset((one.version, covering(self.blocks, one)) for one in addresses)


def distinctions(policies: Policies) -> Distinctions:
    """What these policies tell ends apart by."""
    values: dict[str, set[str]] = {}
    present, names = set(), set()
    for selector in _selectors(policies):
        for one in selector:
            if one.operator in _VALUES:
                values.setdefault(one.key, set()).update(one.values)
            else:
                present.add(one.key)
    rules = list(_rules(policies))
    for rule in rules:
        names |= {port.name for port in rule.ports if port.name}
    blocks = (tuple(peer.block for peer in rule.peers if peer.block is not None) for rule in rules)
    return Distinctions(
        {key: frozenset(some) for key, some in values.items()},
        frozenset(present),
        tuple(dict.fromkeys(filter(None, blocks))),
        frozenset(names),
    )


def pod_groups(pods: Iterable[Endpoint], apart: Distinctions, expected: Iterable[Endpoint] = ()) -> list[Group]:
    """Pods of a namespace with equal labels, named ports and kinds of addresses, as far as these matter.

    Args:
        pods: those that there are.
        apart: what policies tell them apart by.
        expected: pods that may come. Where none of their labels is there, they are a group of none.
    """
    found: dict[object, list[Any]] = {}
    for pod in pods:
        labels = apart.labels(pod.labels)
        ports, addresses = apart.ports(pod.named_ports), apart.addresses(pod.addresses)
        key = (pod.namespace, tuple(labels.items()), ports, addresses)
        found.setdefault(key, [replace(pod, named_ports=ports), labels, 0])[2] += 1
    there = {(member.namespace, tuple(labels.items())) for member, labels, _count in found.values()}
    for pod in expected:
        labels = apart.labels(pod.labels)
        if (pod.namespace, tuple(labels.items())) not in there:
            found.setdefault((pod.namespace, tuple(labels.items())), [pod, labels, 0])
    groups: list[Group] = []
    taken: set[str] = set()
    for member, labels, count in sorted(found.values(), key=lambda one: (one[0].namespace, sorted(one[1].items()))):
        name = "/".join([str(member.namespace), ",".join(f"{key}={value}" for key, value in labels.items())])
        name = _unique(name.rstrip("/"), taken)
        groups.append(Group(name, "pods", member, count, labels))
    return groups


def outside_groups(
    apart: Distinctions,
    nodes: Sequence[Address],
    api_server: Sequence[Address],
    host_pods: int,
    families: Collection[int] = (),
) -> list[Group]:
    """The API server, the nodes, and the addresses of the world as far as policies tell them apart.

    Args:
        apart: what policies tell ends apart by.
        nodes: addresses of nodes; those of the API server are left to it.
        api_server: where the API server is reached.
        host_pods: pods on the network of their nodes, which count as these.
        families: of the addresses that pods have, 4 and 6; both where none is known.
    """
    found = []
    if api_server:
        found.append(Group("api_server", "api_server", Endpoint("api_server", addresses=tuple(api_server))))
    if nodes or host_pods:
        others = [address for address in nodes if address not in api_server]
        alike = {apart.addresses([address]): address for address in reversed(others)}
        member = Endpoint("nodes", addresses=tuple(alike.values()))
        found.append(Group("nodes", "nodes", member, host_pods))
    taken: set[str] = set()
    for region in regions(apart.blocks, families or (4, 6)):
        name = _unique(_region_name(region), taken)
        found.append(Group(name, "internet", Endpoint(name, addresses=region.addresses)))
    return found


def _region_name(region: Region) -> str:
    named = [str(network) for network in region.networks if network.prefixlen]
    whole = [f"IPv{network.version}" for network in region.networks if not network.prefixlen]
    if whole:
        return "internet" if len(whole) == 2 else f"internet ({whole[0]})"
    return named[0] + (f" and {len(named) - 1} more" if named[1:] else "")


def _unique(name: str, taken: set[str]) -> str:
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name} ({number})"
    taken.add(unique)
    return unique


def _rules(policies: Policies) -> Iterator[Rule]:
    for some in policies.values():
        for policy in some:
            yield from (*(policy.ingress or ()), *(policy.egress or ()))


def _selectors(policies: Policies) -> Iterator[Selector]:
    """Selectors of pods; those of namespaces make no difference within one."""
    yield from (policy.pods for some in policies.values() for policy in some)
    peers: Iterator[Peer] = (peer for rule in _rules(policies) for peer in rule.peers)
    yield from (peer.pods for peer in peers if peer.pods is not None)


def read_addresses(texts: Iterable[str]) -> tuple[Address, ...]:
    """Addresses in the order of their first appearance."""
    return tuple(ipaddress.ip_address(text) for text in dict.fromkeys(texts))
