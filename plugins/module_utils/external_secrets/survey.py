# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a cluster which External Secrets Operators it has, what was applied for them, and where its API is."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.readiness import readiness
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.operators import (
    GROUP,
    Operator,
    aggregated,
    describe,
    excess,
    find_operators,
    is_own_webhook,
)

DEPLOYMENTS_PATH = "/apis/apps/v1/deployments"
BINDINGS_PATH = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
ROLES_PATH = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
SLICES_PATH = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
SERVICE_PATH = "/api/v1/namespaces/default/services/kubernetes"
API_VERSION = f"{GROUP}/v1"
KINDS = ("ExternalSecret", "SecretStore", "ClusterSecretStore")
NEEDED = ("ExternalSecret", "SecretStore")
RETRY = "gpu-cluster.hardening/retry"
OURS = {"labelSelector": "app.kubernetes.io/part-of=gpu-cluster-hardening"}


@dataclass(frozen=True)
class Survey:
    """What there is.

    Attributes:
        operators: with what of the rights of each is wider than needed.
        webhook: whether there is one that this collection applied, or what makes its certificate.
        aggregated: ClusterRoles that every user with edit or admin has.
        applied: our objects of the operator's kinds.
        api_server: rules of a NetworkPolicy that let pods reach the API server.
        unserved: of each kind that every store needs and the server does not serve, a sentence that says so.
    """

    operators: Sequence[tuple[Operator, list[str]]]
    webhook: bool
    aggregated: Sequence[str]
    applied: Sequence[dict[str, Any]]
    api_server: Sequence[dict[str, Any]]
    unserved: Sequence[str] = ()

    def result(self) -> dict[str, Any]:
        """What the module returns."""
        return {
            "operators": [operator.facts(wider) for operator, wider in self.operators if not operator.own],
            "own": [operator.facts() for operator, _wider in self.operators if operator.own],
            "webhook": self.webhook,
            "applied": [_reference(item) for item in self.applied],
            "retry_marks": {_title(item): mark for item in self.applied if (mark := _retry(item))},
            "api_server": list(self.api_server),
        }

    def warnings(self) -> list[str]:
        """What a user should know of it."""
        return [describe(operator, wider, self.aggregated) for operator, wider in self.operators if not operator.own]


def survey(client: Client, needs_kinds: bool = False) -> Survey:
    """Look at all Deployments, at the rights of operators that are not ours, and at our objects of their kinds.

    Args:
        client: the server.
        needs_kinds: whether the kinds that every store needs must be there already.
    """
    operators: list[Operator] = []
    webhook = False
    for page in client.pages(DEPLOYMENTS_PATH):
        operators += find_operators(page["items"])
        webhook = webhook or any(is_own_webhook(deployment) for deployment in page["items"])
    discovery = Discovery(client)
    roles: dict[str, dict[str, Any]] = {}
    bindings: list[dict[str, Any]] = []
    if not all(operator.own for operator in operators):
        roles = {role["metadata"]["name"]: role for page in client.pages(ROLES_PATH) for role in page["items"]}
        bindings = [binding for page in client.pages(BINDINGS_PATH) for binding in page["items"]]
    return Survey(
        [(operator, [] if operator.own else excess(operator, bindings, roles)) for operator in operators],
        webhook,
        aggregated(roles),
        _applied(client, discovery),
        _api_server(client),
        [
            f"The cluster {client.server} does not serve {kind} ({API_VERSION}). {discovery.hint(API_VERSION, kind)}"
            for kind in (NEEDED if needs_kinds else ())
            if discovery.find(API_VERSION, kind) is None
        ],
    )


def _applied(client: Client, discovery: Discovery) -> list[dict[str, Any]]:
    found = []
    for kind in KINDS:
        resource = discovery.find(API_VERSION, kind)
        for page in client.pages(resource.path(None), OURS) if resource else ():
            found += [{**item, "apiVersion": API_VERSION, "kind": kind} for item in page["items"]]
    return found


def _reference(item: Mapping[str, Any]) -> dict[str, Any]:
    place = {key: item["metadata"][key] for key in ("name", "namespace") if key in item["metadata"]}
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": place}


def _title(item: Mapping[str, Any]) -> str:
    metadata = item["metadata"]
    return "/".join([item["kind"], *filter(None, (metadata.get("namespace"), metadata["name"]))])


def _retry(item: Mapping[str, Any]) -> str:
    """After failures the operator waits for minutes; a mark that changes while an object is not ready ends that."""
    if readiness(item).ready:
        return str((item["metadata"].get("annotations") or {}).get(RETRY, ""))
    return str(item["metadata"]["resourceVersion"])


def _api_server(client: Client) -> list[dict[str, Any]]:
    """Where the API server is: its own addresses, and that of its Service, as some networks look at that one."""
    selector = {"labelSelector": "kubernetes.io/service-name=kubernetes"}
    slices = [item for page in client.pages(SLICES_PATH, selector) for item in page["items"]]
    targets = {
        (_addresses(item), entry["port"])
        for item in slices
        if item.get("addressType") in ("IPv4", "IPv6")
        for entry in item.get("ports") or ()
        if entry.get("port")
    }
    spec = _service(client).get("spec", {})
    addresses = tuple(spec.get("clusterIPs") or ())
    targets |= {(addresses, entry["port"]) for entry in spec.get("ports") or ()}
    return [_rule(addresses, port) for addresses, port in sorted(targets) if addresses]


def _addresses(item: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted({address for endpoint in item.get("endpoints") or () for address in endpoint["addresses"]}))


def _service(client: Client) -> dict[str, Any]:
    try:
        body: dict[str, Any] = client.get(SERVICE_PATH).body
    except ApiError as error:
        if error.status in (403, 404):
            return {}
        raise
    return body


def _rule(addresses: Sequence[str], port: int) -> dict[str, Any]:
    blocks = [{"ipBlock": {"cidr": str(ipaddress.ip_network(address))}} for address in addresses]
    return {"to": blocks, "ports": [{"protocol": "TCP", "port": port}]}
