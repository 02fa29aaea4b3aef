# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as it was at one time, the same whether the API or files told it. Pure data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """What there is.

    Attributes:
        source: ``api`` or ``folder``.
        taken_at: when, as RFC 3339 in UTC.
        objects: by kind, what there is of it, made small, in the order of namespaces and names.
        unread: by kind, why nothing is known of it: what needs it can never pass.
        server: address of the API server.
        version: its version.
        requests: how many were sent; None for a folder.
    """

    source: str
    taken_at: str
    objects: Mapping[str, tuple[Json, ...]]
    unread: Mapping[str, str] = field(default_factory=dict)
    server: str | None = None
    version: str | None = None
    requests: int | None = None

    @property
    def uid(self) -> str | None:
        """What tells one cluster from another: the uid of the namespace kube-system."""
        for item in self.objects.get("Namespace", ()):
            if item["metadata"]["name"] == "kube-system":
                return str(item["metadata"].get("uid") or "") or None
        return None


def pods_as_served(snapshot: Snapshot) -> Iterator[Json]:
    """Pods as the API has them, with their node in their spec; it is kept apart, so that equal specs are one."""
    for item in snapshot.objects.get("Pod", ()):
        yield {**item, "spec": {**item["spec"], "nodeName": item["nodeName"]}}


def api_server_addresses(snapshot: Snapshot) -> list[str]:
    """Addresses behind the Service ``default/kubernetes``; none where they are not known."""
    return [
        str(address)
        for item in snapshot.objects.get("EndpointSlice", ())
        for endpoint in item.get("endpoints") or ()
        for address in endpoint.get("addresses") or ()
    ]


def api_server_port(snapshot: Snapshot) -> int:
    """Where it listens at these addresses."""
    slices = snapshot.objects.get("EndpointSlice", ())
    return next((int(port["port"]) for item in slices for port in item.get("ports") or () if port.get("port")), 6443)


def in_order(items: Mapping[tuple[str, str], Json]) -> tuple[Json, ...]:
    """Objects by namespace and name, whatever order they came in."""
    return tuple(items[key] for key in sorted(items))


def key_of(item: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and name."""
    return str(item["metadata"].get("namespace") or ""), str(item["metadata"]["name"])
