# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a cluster, or at files of one, and finds out what an inventory for it should say. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import MERGE_PATCH, Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.pod_security import (
    PREFIX,
    Violation,
    in_warnings,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks import from_api, from_folder
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster, Settings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import Snapshot, pods_as_served
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.api_audience import (
    ISSUER_PATH,
    api_audience,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.cluster_dns import cluster_dns
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.distribution import (
    distribution,
    runtime_sockets,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.findings import Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.gpu_nodes import find_gpu_nodes, plans
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.node_agents import cut_off
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.prometheus import (
    rule_labels,
    scrapers,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.running import running
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import Wanted, intolerant_pods
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.resource_slices import read_slices
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.enforcement import enforcement

OWN_RULES = ("gpu-security-alerts",)
"""Rules of this collection, which say nothing of others'."""


@dataclass(frozen=True)
class Asked:
    """What the API server was asked beside the lists; what files do not tell stays empty.

    Attributes:
        issuer: the document about who issues tokens; None where it was not to be read.
        products: by node, what slices of NVIDIA's DRA driver say.
        violations: running pods that the levels of the stages would not admit again.
        unread: what could not be asked, and why.
    """

    issuer: Mapping[str, Any] | None = None
    products: Mapping[str, str] | None = None
    violations: Sequence[Violation] = ()
    unread: Sequence[str] = ()


def take(client: Client | None, folder: Path | None, home: str) -> Snapshot:
    """A snapshot of the cluster, or of the folder where there is no client."""
    return from_api.take(client, home) if client else from_folder.take(folder or Path(), home)


def ask(client: Client, snapshot: Snapshot, stages: Sequence[Mapping[str, Any]]) -> Asked:
    """Ask for what lists do not tell. Levels are set as dry runs, of which the server says whom they would refuse."""
    there = {item["metadata"]["name"] for item in snapshot.objects.get("Namespace", ())}
    found: list[Violation] = []
    unread: list[str] = []
    for stage in (stage for stage in stages if stage["namespace"] in there):
        try:
            found += _would_violate(client, stage["namespace"], stage["pod_security"]["enforce"])
        except ApiError as error:
            if error.status != 403:
                raise
            unread.append(
                f"Whether pods in {stage['namespace']} would violate Pod Security is not known: the user may not patch "
                "namespaces, not even as a dry run."
            )
    return Asked(_issuer(client), read_slices(client), found, unread)


def find_out(snapshot: Snapshot, asked: Asked, settings: Settings) -> Findings:
    """All that an inventory needs. Pure."""
    cluster = Cluster(snapshot, settings)
    labels = {**settings.node_labels, **settings.confirmed_labels}
    gpus = find_gpu_nodes(cluster.of("Node"), asked.products or {}, labels)
    wanted = Wanted(labels, "", {}, settings.taints)
    planned = plans(gpus, wanted)
    tainted = {plan.node.name: plan for plan in planned if plan.new_taints()}
    stay_away = [pod for pod in intolerant_pods(list(pods_as_served(snapshot)), tainted) if not pod.daemon_set]
    what = distribution(snapshot)
    names = {node.name for node in gpus.nodes}
    runtimes = [
        item["status"]["nodeInfo"]["containerRuntimeVersion"]
        for item in cluster.of("Node")
        if item["metadata"]["name"] in names
    ]
    version = snapshot.version or ""
    return Findings(
        version,
        what,
        enforcement(cluster.of("DaemonSet"), version),
        cluster_dns(snapshot),
        tuple(scrapers(snapshot)),
        rule_labels(snapshot, OWN_RULES),
        api_audience(snapshot, asked.issuer),
        gpus,
        tuple(runtime_sockets(what, runtimes)),
        cluster.components,
        tuple(cut_off([*cluster.of("DaemonSet")], planned, wanted)),
        running(
            cluster,
            asked.violations,
            [f"{pod.namespace}/{pod.name} on {pod.node}" for pod in stay_away],
            asked.unread,
        ),
        snapshot.unread,
    )


def _would_violate(client: Client, namespace: str, level: str) -> list[Violation]:
    body = {"metadata": {"labels": {f"{PREFIX}enforce": level, f"{PREFIX}enforce-version": "latest"}}}
    path = f"/api/v1/namespaces/{namespace}"
    answer = client.request("PATCH", path, {"dryRun": "All"}, body, MERGE_PATCH)
    return in_warnings(namespace, f"{level}:latest", answer.warnings)


def _issuer(client: Client) -> Mapping[str, Any] | None:
    try:
        return client.get(ISSUER_PATH).body
    except ApiError as error:
        if error.status in (403, 404):
            return None
        raise
