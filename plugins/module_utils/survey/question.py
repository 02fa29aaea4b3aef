# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a survey is to hold against the cluster: from the model's variables, as the user wrote them. Pure.

The model is checked before; what is malformed here all the same is passed over.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

NETWORK_POLICIES = "network_policies"
SCRAPED = frozenset({"dcgm_exporter", "falco", "gpu_alerts"})
"""Layers that rely on ``gpu_cluster_prometheus``."""
EXAMPLE_NETWORKS = {"data_lake": "10.0.100.0/24", "model_registry": "10.0.50.0/24"}
EXAMPLE_HOST = "registry.internal"


@dataclass(frozen=True)
class Pods:
    """Pods that a variable selects.

    Attributes:
        what: the variable, for messages.
        selector: their labels as a query has them.
    """

    what: str
    namespace: str
    selector: str


@dataclass(frozen=True)
class Block:
    """A network that stages may reach.

    Attributes:
        what: where it is written, for messages.
        without: parts of it that they may not reach.
    """

    what: str
    network: Network
    without: tuple[Network, ...] = ()

    def holds(self, other: Network) -> bool:
        """Whether any of another network may be reached."""
        if other.version != self.network.version or not other.overlaps(self.network):
            return False
        return not any(_within(other, part) for part in self.without)


@dataclass(frozen=True)
class Question:
    """What is looked at.

    Attributes:
        policies: whether NetworkPolicies are applied.
        dns: the pods of the cluster's DNS; None if no stage needs it.
        node_local: whether addresses of a DNS cache on the nodes are set.
        peers: other pods that settings name.
        blocks: networks that stages may reach.
        examples: variables that still have values of the example.
        unlocked: variables of images without digest, where nothing is locked.
    """

    policies: bool = False
    dns: Pods | None = None
    node_local: bool = False
    peers: tuple[Pods, ...] = ()
    blocks: tuple[Block, ...] = ()
    examples: tuple[str, ...] = ()
    unlocked: tuple[str, ...] = ()


def read_question(settings: Mapping[str, Any]) -> Question:
    """From the module's option ``survey``."""
    stages = [stage for stage in settings.get("stages") or () if isinstance(stage, Mapping)]
    endpoints = _mapping(settings.get("endpoints"))
    layers = set(settings.get("layers") or ())
    policies = NETWORK_POLICIES in layers
    dns = _mapping(settings.get("dns"))
    needs_dns = policies and any("dns" in _items(stage.get("egress")) for stage in stages)
    peers = [*_ingress(stages, endpoints)] if policies else []
    if layers & SCRAPED:
        peers += _pods("gpu_cluster_prometheus", settings.get("prometheus"))
    return Question(
        policies,
        next(iter(_pods("gpu_cluster_dns", dns)), None) if needs_dns else None,
        bool(dns.get("node_local_addresses")),
        tuple(dict.fromkeys(peers)),
        tuple(_blocks(stages, endpoints)) if policies else (),
        tuple(_examples(endpoints if policies else {}, _mapping(settings.get("texts")))),
        _unlocked(_mapping(settings.get("images")), bool(settings.get("locked"))),
    )


def as_network(text: object) -> Network | None:
    """A CIDR or an address; None if it is none."""
    try:
        return ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        return None


def _ingress(stages: Sequence[Mapping[str, Any]], endpoints: Mapping[str, Any]) -> Iterator[Pods]:
    """Pods that stages let in, but not those of stages: these come with their workloads."""
    own = {stage.get("namespace") for stage in stages}
    for stage in stages:
        for item in _items(stage.get("ingress")):
            entry = endpoints.get(item) if isinstance(item, str) else item
            for pods in _pods(f"ingress of stage {stage.get('name')}", entry):
                if pods.namespace not in own:
                    yield pods


def _blocks(stages: Sequence[Mapping[str, Any]], endpoints: Mapping[str, Any]) -> Iterator[Block]:
    for name, entry in endpoints.items():
        yield from _block(f"gpu_cluster_endpoints.{name}", entry)
    for stage in stages:
        for item in _items(stage.get("egress")):
            yield from _block(f"egress of stage {stage.get('name')}", item)


def _block(what: str, entry: object) -> Iterator[Block]:
    given = _mapping(entry)
    without = tuple(part for text in _items(given.get("except")) if (part := as_network(text)))
    for text in [given.get("cidr"), *_items(given.get("cidrs"))]:
        network = as_network(text) if text else None
        if network is not None:
            yield Block(what, network, without)


def _pods(what: str, entry: object) -> list[Pods]:
    given = _mapping(entry)
    labels = _mapping(given.get("pods"))
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    return [Pods(what, str(given["namespace"]), selector)] if selector and given.get("namespace") else []


def _examples(endpoints: Mapping[str, Any], texts: Mapping[str, Any]) -> Iterator[str]:
    for name, network in EXAMPLE_NETWORKS.items():
        if _mapping(endpoints.get(name)).get("cidr") == network:
            yield f"gpu_cluster_endpoints.{name} ({network})"
    for name, value in texts.items():
        if any(str(text).partition("/")[0] == EXAMPLE_HOST for text in _items(value)):
            yield f"{name} ({EXAMPLE_HOST})"


def _unlocked(images: Mapping[str, Any], locked: bool) -> tuple[str, ...]:
    if locked:
        return ()
    return tuple(name for name, image in images.items() if _mapping(image) and not _mapping(image).get("digest"))


def _within(part: Network, whole: Network) -> bool:
    return part.version == whole.version and part.prefixlen >= whole.prefixlen and part.network_address in whole


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
