# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkPolicies as plain dicts, read into what is evaluated. Pure.

Source: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/, whose defaults are
filled in, as a folder of manifests does not have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.label_selector import (
    Requirement,
    read_label_selector,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.blocks import Block, read_block
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.ports import EVERY

Selector = tuple[Requirement, ...]
"""A label selector; an empty one selects everything."""


@dataclass(frozen=True)
class Peer:
    """Who is at the other end. Either a block, or selectors of which at least one is not None.

    Attributes:
        pods: None for any pod.
        namespaces: None for the policy's own namespace.
    """

    block: Block | None = None
    pods: Selector | None = None
    namespaces: Selector | None = None


@dataclass(frozen=True)
class RulePort:
    """Ports of a rule: from ``first`` to ``last``, or those that containers call ``name``."""

    protocol: str
    first: int = EVERY[0]
    last: int = EVERY[1]
    name: str = ""


@dataclass(frozen=True)
class Rule:
    """Lets through what comes from (or goes to) any of the peers and any of the ports; without peers anybody's."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[RulePort, ...] = ()


@dataclass(frozen=True)
class Policy:
    """A NetworkPolicy.

    Attributes:
        ingress: None where it does not isolate its pods in this direction; without rules nothing gets in.
        egress: the same for what goes out.
    """

    namespace: str
    name: str
    pods: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None

    @property
    def full_name(self) -> str:
        """As reports name it."""
        return f"{self.namespace}/{self.name}"


Policies = Mapping[str, Sequence[Policy]]
"""By namespace, in the order of their names."""


def read_policies(objects: Iterable[Mapping[str, Any]]) -> Policies:
    """Read all NetworkPolicies of a cluster.

    Raises:
        HardeningError: names every one that no API server would accept.
    """
    problems: list[str] = []
    found: dict[str, list[Policy]] = {}
    for item in sorted(objects, key=lambda item: str(item["metadata"]["name"])):
        namespace, name = item["metadata"].get("namespace") or "default", item["metadata"]["name"]
        try:
            found.setdefault(namespace, []).append(_policy(namespace, name, item.get("spec") or {}))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            problems.append(f"{namespace}/{name}: {error}. Look at it with: kubectl explain networkpolicy.spec")
    if problems:
        raise HardeningError(join_failures("NetworkPolicies cannot be read", problems))
    return found


def _policy(namespace: str, name: str, spec: Mapping[str, Any]) -> Policy:
    # Without types, egress is isolated only where there are rules for it.
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return Policy(
        namespace,
        name,
        read_label_selector(spec.get("podSelector") or {}),
        _rules(spec.get("ingress"), "from") if "Ingress" in types else None,
        _rules(spec.get("egress"), "to") if "Egress" in types else None,
    )


def _rules(raw: Iterable[Mapping[str, Any] | None] | None, side: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            tuple(_peer(peer) for peer in (rule or {}).get(side) or ()),
            tuple(_port(port) for port in (rule or {}).get("ports") or ()),
        )
        for rule in raw or ()
    )


def _peer(raw: Mapping[str, Any]) -> Peer:
    if raw.get("ipBlock") is not None:
        return Peer(block=read_block(raw["ipBlock"]))
    pods, namespaces = raw.get("podSelector"), raw.get("namespaceSelector")
    if pods is None and namespaces is None:
        raise ValueError("a peer has neither ipBlock nor podSelector nor namespaceSelector")
    return Peer(
        pods=None if pods is None else read_label_selector(pods),
        namespaces=None if namespaces is None else read_label_selector(namespaces),
    )


def _port(raw: Mapping[str, Any]) -> RulePort:
    protocol, port = raw.get("protocol") or "TCP", raw.get("port")
    if port is None:
        return RulePort(protocol)
    if isinstance(port, str):
        return RulePort(protocol, name=port)
    return RulePort(protocol, int(port), int(raw.get("endPort") or port))
