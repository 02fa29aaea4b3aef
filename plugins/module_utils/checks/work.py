# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the parameters of the module ``cluster_audit_info`` to its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client, connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.timestamps import rfc3339
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks import from_api, from_folder
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.proof import LIVE
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import GPU_OPERATOR
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.pod import read_image
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.reading import overridden
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.reading import probes as live_probes
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.run import Live, Run, try_connections
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.targets import source_group, targets
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.options import Request, read_request
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.probing import Tried, probe
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.report import assemble, complaint, lines
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import (
    Snapshot,
    api_server_addresses,
    api_server_port,
    pods_as_served,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.written import write
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.judge import judge as judge_versions
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.sightings import (
    in_pods,
    in_settings,
    on_nodes,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.matrix import Layout, lay_out, matrix_of
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
    if params["live_image"]:
        read_image(params["live_image"])
    client = None if params["folder"] else connect(params)
    home = request.settings.parent_namespace
    snapshot = from_api.take(client, home) if client else from_folder.take(Path(params["folder"]), home)
    tried = _probe(client, request, snapshot) if client and params["probes"] else Tried()
    if snapshot.requests is not None:
        snapshot = replace(snapshot, requests=snapshot.requests + len(tried.probes))
    layout = _layout(snapshot, request.settings.stages)
    live = _live(client, call, request, snapshot, layout)
    report = _report(params, request, snapshot, tried, layout, live)
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


def _report(
    params: Mapping[str, Any],
    request: Request,
    snapshot: Snapshot,
    tried: Tried,
    layout: Layout | None,
    live: Live | None,
) -> Report:
    outcomes = live.outcomes if live else ()
    unproven = {LIVE: "; ".join(live.failures)} if live and live.failures else {}
    cluster = Cluster(
        snapshot,
        request.settings,
        floors=_floors(snapshot),
        probes=[*tried.probes, *live_probes(outcomes)],
        unproven={**tried.unproven, **unproven},
        waivers=request.waivers,
        today=rfc3339(),
    )
    matrix = _matrix(snapshot, layout)
    return assemble(cluster, judge(cluster, CHECKS), params["name"], params["fail_on"], overridden(matrix, outcomes))


def _matrix(snapshot: Snapshot, layout: Layout | None) -> dict[str, Any]:
    """Who reaches whom, as all NetworkPolicies have it; empty where not all that decides it could be read."""
    if layout is None:
        return {"groups": [], "cells": []}
    return matrix_of(layout, len(snapshot.objects.get("Namespace", ())) <= MOST_WITH_DENIED)


def _layout(snapshot: Snapshot, stages: Sequence[Mapping[str, Any]]) -> Layout | None:
    """Who there is; None where not all that decides it could be read."""
    if any(kind in snapshot.unread for kind in ("NetworkPolicy", "Pod", "Namespace")):
        return None
    objects = snapshot.objects
    namespaces = objects.get("Namespace", ())
    there = {item["metadata"]["name"] for item in namespaces if not item["metadata"].get("deletionTimestamp")}
    return lay_out(
        objects.get("NetworkPolicy", ()),
        pods_as_served(snapshot),
        namespaces,
        objects.get("Node", ()),
        api_server_addresses(snapshot),
        expected=[
            {"metadata": {"name": stage["name"], "namespace": stage["namespace"], "labels": stage["pods"]}}
            for stage in stages
            if stage["namespace"] in there
        ],
    )


def _live(
    client: Client | None, call: Call, request: Request, snapshot: Snapshot, layout: Layout | None
) -> Live | None:
    """What pods of the stages reach; None where nobody asked for it, or nothing may be made."""
    image = call.params["live_image"]
    if client is None or layout is None or not image or call.check_mode:
        return None
    cells = _matrix(snapshot, layout)["cells"]
    runs = []
    for stage in request.settings.stages:
        source = source_group(stage, layout.groups)
        if source is not None:
            found = targets(source, layout.groups, cells, pods_as_served(snapshot), api_server_port(snapshot))
            runs += [Run(stage, found)] if found else []
    return try_connections(client, runs, image, call.params["live_seconds"])


def _floors(snapshot: Snapshot) -> list[dict[str, Any]]:
    """NVIDIA's programs, held against the versions without a published hole."""
    seen = [
        *in_pods(pods_as_served(snapshot)),
        *on_nodes(snapshot.objects.get("Node", ())),
        *in_settings(item for kind in GPU_OPERATOR for item in snapshot.objects.get(kind, ())),
    ]
    return judge_versions(seen)
