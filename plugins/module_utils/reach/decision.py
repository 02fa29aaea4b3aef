# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides connections: which policies let them through, or which do not. Pure.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/. A connection must be allowed by what
isolates its source for egress and by what isolates its destination for ingress. Rules only add up; nothing denies but
isolation itself. Answers to a connection are always let through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.label_selector import matches
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.blocks import Address
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.endpoints import Endpoint, NamedPorts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.policies import (
    Peer,
    Policies,
    Policy,
    Rule,
    RulePort,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.ports import (
    ALL,
    NONE,
    Ports,
    intersection,
    union,
)


@dataclass(frozen=True)
class Isolation:
    """The policies that isolate a pod in one direction; without any, everything is let through."""

    direction: str
    policies: tuple[Policy, ...]

    @property
    def names(self) -> list[str]:
        """Of the policies."""
        return [policy.full_name for policy in self.policies]

    def rules(self, policy: Policy) -> tuple[Rule, ...]:
        """What one of them lets through."""
        return (policy.egress if self.direction == "egress" else policy.ingress) or ()


@dataclass(frozen=True)
class Reach:
    """Which ports of a destination a source reaches.

    Attributes:
        ports: all that both sides let through.
        egress_by: policies of the source that let some of them through; where none of them is, those that stop it.
            Empty where the source is not isolated, or only the other side stops it.
        ingress_by: the same for policies of the destination.
    """

    ports: Ports
    egress_by: tuple[str, ...] = ()
    ingress_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Whether one connection is let through.

    Attributes:
        egress_by: see :class:`Reach`.
        ingress_by: see :class:`Reach`.
        reason: why, as a sentence.
    """

    allowed: bool
    egress_by: tuple[str, ...]
    ingress_by: tuple[str, ...]
    reason: str


def isolation(policies: Policies, endpoint: Endpoint, direction: str) -> Isolation:
    """What isolates an endpoint, ``ingress`` or ``egress``. No policy selects what is not on the pod network."""
    found = tuple(
        policy
        for policy in policies.get(endpoint.namespace or "", ())
        if getattr(policy, direction) is not None and matches(policy.pods, endpoint.labels)
    )
    return Isolation(direction, found)


def decide(
    policies: Policies, source: Endpoint, destination: Endpoint, port: int | str, protocol: str = "TCP"
) -> Decision:
    """Decide one connection.

    Args:
        policies: all of the cluster.
        source: who opens it.
        destination: whom to.
        port: of the destination, behind any Service; or the name by which its containers call it.
        protocol: TCP, UDP or SCTP.
    """
    what = f"{protocol} {port} from {source.full_name} to {destination.full_name}"
    local = _never_filtered(source, destination)
    if local:
        return Decision(True, (), (), f"{what}: {local}")
    if isinstance(port, str):
        asked = _resolved((RulePort(protocol, name=port),), destination.named_ports)
        if not asked:
            return Decision(False, (), (), f"{what}: no container of the destination calls a port so")
    else:
        asked = {protocol: ((port, port),)}
    out, into = isolation(policies, source, "egress"), isolation(policies, destination, "ingress")
    found = reach(out, into, source, destination, asked)
    return Decision(bool(found.ports), found.egress_by, found.ingress_by, f"{what}: {_why(found, out, into)}")


def reach(out: Isolation, into: Isolation, source: Endpoint, destination: Endpoint, asked: Ports = ALL) -> Reach:
    """Which of the ports asked for a source reaches, by any family of addresses that both have."""
    ports, by_source, by_destination = [], [], []
    pairs = list(_address_pairs(source, destination))
    holder = destination.named_ports
    for origin, target in pairs:
        leaving = _let_through(out, destination, target, holder, asked)
        entering = _let_through(into, source, origin, holder, asked)
        ports.append(
            intersection(
                union(leaving.values()) if out.policies else asked, union(entering.values()) if into.policies else asked
            )
        )
        by_source.append(leaving)
        by_destination.append(entering)
    through = union(ports)
    if through or not pairs:
        return Reach(through, _names(by_source, through), _names(by_destination, through))
    stopped_out = bool(out.policies) and not any(any(leaving.values()) for leaving in by_source)
    stopped_in = bool(into.policies) and not any(any(entering.values()) for entering in by_destination)
    both = not stopped_out and not stopped_in
    return Reach(NONE, tuple(out.names if stopped_out or both else ()), tuple(into.names if stopped_in or both else ()))


def _never_filtered(source: Endpoint, destination: Endpoint) -> str:
    if source.namespace is not None and source.full_name == destination.full_name:
        return "a pod always reaches itself"
    one_outside = source.namespace is None or destination.namespace is None
    if one_outside and source.node and source.node == destination.node:
        return "no policy stops traffic between a pod and the node that it runs on"
    return ""


def _address_pairs(source: Endpoint, destination: Endpoint) -> Iterator[tuple[Address | None, Address | None]]:
    """Addresses of one family each. A pod that has none yet will have some of a family that the other has."""
    if not source.addresses or not destination.addresses:
        yield from ((a, b) for a in source.addresses or (None,) for b in destination.addresses or (None,))
    yield from ((a, b) for a in source.addresses for b in destination.addresses if a.version == b.version)


def admits(by: Isolation, peer: Endpoint) -> bool:
    """Whether any rule is about this peer, on whatever ports."""
    return any(
        not rule.peers or any(_is_peer(policy, one, peer, address) for one in rule.peers)
        for policy in by.policies
        for rule in by.rules(policy)
        for address in peer.addresses or (None,)
    )


def _let_through(
    by: Isolation, peer: Endpoint, address: Address | None, named: NamedPorts, asked: Ports
) -> dict[str, Ports]:
    """By policy, the ports that it lets through to (or from) a peer."""
    return {
        policy.full_name: union(
            intersection(asked, _resolved(rule.ports, named) if rule.ports else ALL)
            for rule in by.rules(policy)
            if not rule.peers or any(_is_peer(policy, one, peer, address) for one in rule.peers)
        )
        for policy in by.policies
    }


def _is_peer(policy: Policy, peer: Peer, endpoint: Endpoint, address: Address | None) -> bool:
    if peer.block is not None:
        return address is not None and peer.block.contains(address)
    if endpoint.namespace is None:
        return False
    if peer.namespaces is None and endpoint.namespace != policy.namespace:
        return False
    return matches(peer.namespaces or (), endpoint.namespace_labels) and matches(peer.pods or (), endpoint.labels)


def _resolved(ports: Sequence[RulePort], named: NamedPorts) -> Ports:
    """The numbers of ports; a name is what the containers of the destination call so, by the same protocol."""
    numbers: list[Ports] = []
    for port in ports:
        if not port.name:
            numbers.append({port.protocol: ((port.first, port.last),)})
        numbers.extend(
            {protocol: ((number, number),)}
            for name, protocol, number in named
            if port.name and (name, protocol) == (port.name, port.protocol)
        )
    return union(numbers)


def _names(by_pair: Sequence[dict[str, Ports]], ports: Ports) -> tuple[str, ...]:
    some = (name for one in by_pair for name, its_ports in one.items() if intersection(its_ports, ports))
    return tuple(dict.fromkeys(some))


def _why(found: Reach, out: Isolation, into: Isolation) -> str:
    if not found.ports:
        stops = ["egress rule of " + ", ".join(found.egress_by)] if found.egress_by else []
        stops += ["ingress rule of " + ", ".join(found.ingress_by)] if found.ingress_by else []
        return f"no {' and no '.join(stops)} lets it through" if stops else "they share no family of addresses"
    sides = [
        f"{side.direction} by {', '.join(names)}" if names else f"no policy isolates {side.direction}"
        for side, names in ((out, found.egress_by), (into, found.ingress_by))
    ]
    return "; ".join(sides)
