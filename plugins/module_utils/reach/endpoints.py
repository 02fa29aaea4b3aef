# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends of connections: pods, and addresses outside the pod network. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.pod_phases import has_finished
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.blocks import Address

NamedPorts = frozenset[tuple[str, str, int]]
"""Name, protocol and number each."""


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One end of a connection.

    Attributes:
        namespace: of a pod on the pod network; None for everything else, which no selector selects.
        labels: of the pod.
        namespace_labels: of its namespace.
        addresses: at most one of each family for a pod; none while it has not started.
        named_ports: of its containers.
        node: where a pod runs, or which node it is; empty where that is not known.
    """

    name: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[Address, ...] = ()
    named_ports: NamedPorts = frozenset()
    node: str = ""

    @property
    def full_name(self) -> str:
        """As messages name it."""
        return self.name if self.namespace is None else f"{self.namespace}/{self.name}"


def outside(address: str, node: str = "") -> Endpoint:
    """An address outside the pod network, of a node if one is named."""
    return Endpoint(address, addresses=(ipaddress.ip_address(address),), node=node)


def read_pods(
    pods: Iterable[Mapping[str, Any]], namespaces: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[Endpoint, bool]]:
    """Read pods: each as an endpoint, and whether it is on the pod network.

    Those that have finished have no network and are left out. Those on their node's network are ends that no policy
    selects, as most network plugins have it: their traffic is that of the node.
    """
    known = {item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in namespaces}
    for pod in pods:
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        if has_finished(pod):
            continue
        name, namespace = pod["metadata"]["name"], pod["metadata"].get("namespace") or "default"
        addresses, node = _addresses(status), spec.get("nodeName") or ""
        if spec.get("hostNetwork"):
            yield Endpoint(f"{namespace}/{name}", addresses=addresses, node=node), False
            continue
        # The API server sets this label by itself, so that manifests do not have it.
        of_namespace = {**known.get(namespace, {}), "kubernetes.io/metadata.name": namespace}
        labels = pod["metadata"].get("labels") or {}
        yield Endpoint(name, namespace, labels, of_namespace, addresses, _named_ports(spec), node), True


def _addresses(status: Mapping[str, Any]) -> tuple[Address, ...]:
    texts = [entry["ip"] for entry in status.get("podIPs") or () if entry.get("ip")]
    return tuple(ipaddress.ip_address(text) for text in texts or [status.get("podIP")] if text)


def _named_ports(spec: Mapping[str, Any]) -> NamedPorts:
    """Ports of containers that run beside each other, which sidecars among the init containers do, too."""
    sidecars = (one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always")
    return frozenset(
        (port["name"], port.get("protocol") or "TCP", port["containerPort"])
        for container in (*(spec.get("containers") or ()), *sidecars)
        for port in container.get("ports") or ()
        if port.get("name")
    )
