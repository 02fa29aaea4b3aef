# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the parameters of the module ``cluster_audit_info`` to its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client, connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.timestamps import rfc3339
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks import from_api, from_folder
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import GPU_OPERATOR
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.options import Request, read_request
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.probing import Tried, probe
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.report import assemble, complaint, lines
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import (
    Snapshot,
    api_server_addresses,
    pods_as_served,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.written import write
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.judge import judge as judge_versions
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.sightings import (
    in_pods,
    in_settings,
    on_nodes,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.matrix import matrix
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Report

MOST_WITH_DENIED = 60
"""Namespaces up to which the matrix also says by which policies a connection is denied: nearly all of it is that."""


def work_audit(call: Call) -> tuple[dict[str, Any], list[str]]:
    """Look at a cluster, judge it, and write the report if a folder is named.

    Raises:
        HardeningError: something is wrong with the parameters, or the cluster cannot be read.
    """
    params = call.params
    request = read_request(params)
    client = None if params["folder"] else connect(params)
    home = request.settings.parent_namespace
    snapshot = from_api.take(client, home) if client else from_folder.take(Path(params["folder"]), home)
    tried = _probe(client, request, snapshot) if client and params["probes"] else Tried()
    if snapshot.requests is not None:
        snapshot = replace(snapshot, requests=snapshot.requests + len(tried.probes))
    report = _report(params, request, snapshot, tried)
    written: Mapping[str, Path] = {}
    warnings: list[str] = []
    if params["report_directory"] and not call.check_mode:
        written, warnings = write(Path(params["report_directory"]), params["name"], report, params["formats"])
    return {
        "changed": False,
        "report": report if params["return_report"] else {"summary": report["summary"]},
        "lines": lines(report),
        "complaint": complaint(report, ", ".join(map(str, written.values())))
        if report["summary"]["status"] == "fail"
        else "",
        "written": [str(path) for path in written.values()],
        "json": str(written.get("json", "")),
    }, warnings


def _probe(client: Client, request: Request, snapshot: Snapshot) -> Tried:
    there = {item["metadata"]["name"] for item in snapshot.objects.get("Namespace", ())}
    stages = [stage for stage in request.settings.stages if stage["namespace"] in there]
    return probe(client, stages, request.registries, request.policies)


def _report(params: Mapping[str, Any], request: Request, snapshot: Snapshot, tried: Tried) -> Report:
    cluster = Cluster(
        snapshot,
        request.settings,
        floors=_floors(snapshot),
        probes=tried.probes,
        unproven=tried.unproven,
        waivers=request.waivers,
        today=rfc3339(),
    )
    return assemble(cluster, judge(cluster, CHECKS), params["name"], params["fail_on"], _matrix(cluster))


def _matrix(cluster: Cluster) -> dict[str, Any]:
    """Who reaches whom, as all NetworkPolicies have it; empty where not all that decides it could be read."""
    snapshot = cluster.snapshot
    if any(kind in snapshot.unread for kind in ("NetworkPolicy", "Pod", "Namespace")):
        return {"groups": [], "cells": []}
    objects = snapshot.objects
    namespaces = objects.get("Namespace", ())
    return matrix(
        objects.get("NetworkPolicy", ()),
        pods_as_served(snapshot),
        namespaces,
        objects.get("Node", ()),
        api_server_addresses(snapshot),
        denied=len(namespaces) <= MOST_WITH_DENIED,
        expected=[
            {"metadata": {"name": stage["name"], "namespace": namespace, "labels": stage["pods"]}}
            for namespace, stage in cluster.stages.items()
        ],
    )


def _floors(snapshot: Snapshot) -> list[dict[str, Any]]:
    """NVIDIA's programs, held against the versions without a published hole."""
    seen = [
        *in_pods(pods_as_served(snapshot)),
        *on_nodes(snapshot.objects.get("Node", ())),
        *in_settings(item for kind in GPU_OPERATOR for item in snapshot.objects.get(kind, ())),
    ]
    return judge_versions(seen)
