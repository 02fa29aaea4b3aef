# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS of a cluster, as ``gpu_cluster_dns`` has it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import Snapshot
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.dns_cache import find_dns_cache

Json = Mapping[str, Any]
PORT = 53


def cluster_dns(snapshot: Snapshot) -> dict[str, Any] | None:
    """The value of ``gpu_cluster_dns``: pods behind the Service of the DNS, and the caches on the nodes.

    None where no Service offers DNS, or nothing runs behind it.
    """
    cache = find_dns_cache(snapshot.objects.get("DaemonSet", ()))
    for service in sorted(_services(snapshot), key=_rank):
        namespace, selector = service["metadata"]["namespace"], service["spec"]["selector"]
        pods = [
            pod
            for pod in snapshot.objects.get("Pod", ())
            if pod["metadata"]["namespace"] == namespace
            and selector.items() <= (pod["metadata"].get("labels") or {}).items()
        ]
        if pods:
            return {
                "namespace": namespace,
                "pods": dict(selector),
                "ports": _ports(service, pods),
                "node_local_addresses": list(cache.addresses) if cache else [],
            }
    return None


def _services(snapshot: Snapshot) -> Iterator[Json]:
    for service in snapshot.objects.get("Service", ()):
        spec = service["spec"]
        answers = any(p.get("port") == PORT and p.get("protocol") == "UDP" for p in spec.get("ports") or ())
        if answers and spec.get("selector") and spec.get("clusterIP") != "None":
            yield service


def _rank(service: Json) -> tuple[bool, bool, str]:
    """That of the cluster first; others may be a site's own name servers."""
    metadata = service["metadata"]
    named = (metadata.get("labels") or {}).get("k8s-app") == "kube-dns" or metadata["name"] == "dns-default"
    return (not named, metadata["namespace"] not in SYSTEM, metadata["name"])


def _ports(service: Json, pods: Sequence[Json]) -> list[dict[str, Any]]:
    """The ports of the pods: that is what a NetworkPolicy is about, whatever the Service has."""
    found = []
    for entry in service["spec"]["ports"]:
        if entry.get("port") == PORT:
            protocol = entry.get("protocol", "TCP")
            found.append({"port": _number(entry.get("targetPort", PORT), protocol, pods), "protocol": protocol})
    return sorted(found, key=lambda port: str(port["protocol"]), reverse=True)


def _number(target: object, protocol: str, pods: Sequence[Json]) -> object:
    if isinstance(target, int):
        return target
    for pod in pods:
        for container in pod["spec"].get("containers") or ():
            for port in container.get("ports") or ():
                if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                    return port["containerPort"]
    return target
