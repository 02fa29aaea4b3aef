# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads who may talk to whom, and spells it as the rules of a NetworkPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import (
    Json,
    Network,
    ip_block,
    read_address,
    read_network,
    read_ports,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_label_problem,
    label_problems,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import (
    OPTIONAL,
    REQUIRED,
    Entry,
    suggest,
)

DNS = "dns"
"""The name in ``egress`` that stands for the cluster's DNS."""
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that the API server itself sets on every namespace, so that nobody can forge it."""

_ENDPOINT = {
    "cidr": OPTIONAL,
    "cidrs": OPTIONAL,
    "except": OPTIONAL,
    "internet": False,
    "namespace": OPTIONAL,
    "namespace_labels": OPTIONAL,
    "pods": OPTIONAL,
    "stage": OPTIONAL,
    "ports": REQUIRED,
}
_PROMETHEUS = {"namespace": REQUIRED, "pods": REQUIRED}
_DNS = {"namespace": REQUIRED, "pods": REQUIRED, "ports": REQUIRED, "node_local_addresses": ()}
_DNS_PORTS: list[Json] = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


@dataclass(frozen=True)
class Traffic:
    """Peers, and the ports on which traffic with them is allowed."""

    peers: list[Json]
    ports: list[Json]

    def rule(self, direction: str) -> Json:
        """The rule of a NetworkPolicy; direction is ``from`` or ``to``."""
        return {direction: self.peers, "ports": self.ports}


@dataclass(frozen=True)
class Known:
    """What an entry of ``ingress`` or ``egress`` may refer to by name.

    Attributes:
        stages: the peer for the pods of each stage.
        endpoints: each named endpoint.
        dns: the cluster's DNS.
    """

    stages: Mapping[str, Json]
    endpoints: Mapping[str, Traffic]
    dns: list[Traffic]


def namespace_peer(namespace: str, pods: Mapping[str, str] | None) -> Json:
    """The peer for pods with the given labels (all, if none) in a namespace."""
    peer: Json = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: namespace}}}
    return {**peer, "podSelector": {"matchLabels": dict(pods)}} if pods else peer


def read_labels(entry: Entry) -> dict[str, str]:
    """Labels."""
    labels = entry.strings()
    if isinstance(entry.value, Mapping) and all(isinstance(value, str) for value in entry.value.values()):
        for problem in label_problems(entry.value):
            entry.refuse(problem)
    return labels


def read_prometheus(entry: Entry) -> Json:
    """The peer for the pods of Prometheus: ``gpu_cluster_prometheus``, or what a role has in its place."""
    keys = entry.keys(_PROMETHEUS)
    namespace = _read_namespace(keys["namespace"])
    pods = read_labels(keys["pods"])
    if isinstance(keys["pods"].value, Mapping) and not pods:
        keys["pods"].refuse("must not be empty, as that lets every pod of the namespace in")
    return namespace_peer(namespace, pods)


def read_dns(entry: Entry) -> list[Traffic]:
    """The cluster's DNS: its pods, and the addresses of a cache on the nodes if there is one."""
    keys = entry.keys(_DNS)
    namespace = _read_namespace(keys["namespace"])
    pods = read_labels(keys["pods"])
    if isinstance(keys["pods"].value, Mapping) and not pods:
        keys["pods"].refuse("must not be empty, as that allows every pod of the namespace")
    dns = [Traffic([namespace_peer(namespace, pods)], read_ports(keys["ports"]))]
    addresses = [address for item in keys["node_local_addresses"].items() if (address := read_address(item))]
    return [*dns, Traffic([ip_block(address) for address in addresses], _DNS_PORTS)] if addresses else dns


def read_endpoints(entry: Entry, stages: Mapping[str, Json]) -> dict[str, Traffic]:
    """The endpoints that stages refer to by name."""
    read = {}
    for name, endpoint in entry.named().items():
        if name == DNS:
            endpoint.refuse("this name stands for the cluster's DNS; choose another one")
        read[name] = read_endpoint(endpoint, stages)
    return read


def read_endpoint(entry: Entry, stages: Mapping[str, Json]) -> Traffic:
    """One endpoint: networks, or pods, or the pods of a stage, and ports."""
    keys = entry.keys(_ENDPOINT)
    chosen = [key for key in ("cidr", "cidrs", "namespace", "namespace_labels", "stage") if _is_set(keys[key])]
    ports = read_ports(keys["ports"])
    if not chosen and _is_set(keys["pods"]):
        return Traffic([{"podSelector": {"matchLabels": read_labels(keys["pods"])}}], ports)
    if len(chosen) != 1:
        what = f"{' and '.join(chosen)} exclude each other" if chosen else "it allows everybody"
        if entry.given and isinstance(entry.value, Mapping):
            entry.refuse(f"{what}; give one of cidr, cidrs, namespace, namespace_labels, pods or stage")
        return Traffic([], ports)
    for key, goes_with in (("pods", "namespace"), ("except", "cidr"), ("internet", "cidr")):
        if _is_set(keys[key]) and not chosen[0].startswith(goes_with):
            keys[key].refuse(f"does not go with {chosen[0]}")
    if chosen[0] in ("cidr", "cidrs"):
        return Traffic(_read_blocks(keys), ports)
    if chosen[0] == "stage":
        return Traffic(_read_stage(keys["stage"], stages), ports)
    return Traffic([_read_pods(keys)], ports)


def read_rules(entry: Entry, direction: str, known: Known) -> list[Json]:
    """The entries of ``ingress`` (direction ``from``) or ``egress`` (``to``), as rules of a NetworkPolicy."""
    rules: list[Json] = []
    seen: set[str] = set()
    for item in entry.items():
        if isinstance(item.value, str):
            item.refuse("is there twice" if item.value in seen else None)
            seen.add(item.value)
        for traffic in _read_traffic(item, direction, known):
            rules.append(traffic.rule(direction))
    return rules


def _read_traffic(item: Entry, direction: str, known: Known) -> list[Traffic]:
    if item.value == DNS:
        item.refuse("DNS is a matter of egress" if direction == "from" else None)
        return known.dns
    if isinstance(item.value, str):
        if item.value not in known.endpoints:
            item.refuse(f'no endpoint "{item.value}"{suggest(item.value, [*known.endpoints, DNS])}')
            return []
        traffic = known.endpoints[item.value]
    else:
        traffic = read_endpoint(item, known.stages)
    if direction == "to" and any("ipBlock" in peer for peer in traffic.peers):
        for port in traffic.ports:
            if isinstance(port["port"], str) and not port["port"].isdecimal():
                item.refuse(f"port {port['port']} is the name of a container port, which a CIDR does not have")
    return [traffic]


def _read_blocks(keys: Mapping[str, Entry]) -> list[Json]:
    given = keys["cidrs"].items() if _is_set(keys["cidrs"]) else [keys["cidr"]]
    networks = [network for item in given if (network := _read_allowed(item, keys["internet"]))]
    excluded: dict[Network, list[Network]] = {network: [] for network in networks}
    for item in keys["except"].items():
        part = read_network(item)
        if part is None:
            continue
        homes = [network for network in networks if _strictly_within(part, network)]
        for network in homes:
            excluded[network].append(part)
        if networks and not homes:
            item.refuse(f"{part} is not a part of {', '.join(map(str, networks))}")
    return [ip_block(network, excluded[network]) for network in networks]


def _read_allowed(item: Entry, internet: Entry) -> Network | None:
    network = read_network(item)
    if network and network.prefixlen == 0 and not internet.flag():
        item.refuse(f"{network} is the whole internet; name the networks, or set internet: true")
    return network


def _strictly_within(part: Network, whole: Network) -> bool:
    return part.version == whole.version and part.prefixlen > whole.prefixlen and part.network_address in whole


def _read_pods(keys: Mapping[str, Entry]) -> Json:
    pods = read_labels(keys["pods"]) if _is_set(keys["pods"]) else {}
    if _is_set(keys["namespace"]):
        return namespace_peer(_read_namespace(keys["namespace"]), pods)
    peer: Json = {"namespaceSelector": {"matchLabels": read_labels(keys["namespace_labels"])}}
    return {**peer, "podSelector": {"matchLabels": pods}} if pods else peer


def _read_stage(entry: Entry, stages: Mapping[str, Json]) -> list[Json]:
    name = entry.text()
    if name and name not in stages:
        entry.refuse(f'no stage "{name}"{suggest(name, stages)}')
        return []
    return [stages[name]] if name else []


def _read_namespace(entry: Entry) -> str:
    name = entry.text()
    entry.refuse(dns_label_problem(name, "namespace") if name else None)
    return name


def _is_set(entry: Entry) -> bool:
    return bool(entry.given and entry.value)
