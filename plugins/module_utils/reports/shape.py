# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on one cluster, as docs/schemas/report-1.0.json describes it."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

Severity: TypeAlias = Literal["critical", "high", "medium", "low"]
Status: TypeAlias = Literal["fail", "pass", "waived", "not_applicable", "unknown"]

SCHEMA_VERSION = "1.0"
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
"""The worst one first."""
STATUSES: tuple[Status, ...] = ("fail", "unknown", "waived", "pass", "not_applicable")
"""In the order in which a reader wants to see them."""
STATUS_NAMES: dict[Status, str] = {
    "fail": "failed",
    "unknown": "unknown",
    "waived": "waived",
    "pass": "passed",
    "not_applicable": "not applicable",
}


class Tool(TypedDict):
    """What made the report."""

    name: str
    version: str


class Cluster(TypedDict):
    """What was looked at; ``uid`` is that of the namespace kube-system."""

    name: str
    server: str | None
    version: str | None
    uid: str | None


class Summary(TypedDict):
    """The verdict, and what it counts: checks by status, open findings by severity."""

    status: Literal["fail", "pass"]
    fail_on: str
    checks: dict[str, int]
    findings: dict[str, int]


class ObjectReference(TypedDict):
    """An object of Kubernetes."""

    api_version: str
    kind: str
    namespace: str | None
    name: str


class FindingWaiver(TypedDict):
    """Why a finding is accepted, by whom, and until which day."""

    reason: str
    owner: str
    expires: str


class Finding(TypedDict):
    """One place where a check fails; an ``object`` of None is the cluster itself."""

    message: str
    object: ObjectReference | None
    field: str | None
    value: str | None
    fingerprint: str
    waiver: FindingWaiver | None


class Remedy(TypedDict):
    """What to do, and with which role, variable and tag of this collection."""

    text: str
    role: str | None
    variable: str | None
    tag: str | None


class Check(TypedDict):
    """One check and what it found; ``detail`` says why its status is unknown or not applicable."""

    id: str
    title: str
    layer: str
    severity: Severity
    why: str
    remedy: Remedy
    references: dict[str, list[str]]
    status: Status
    detail: str | None
    findings: list[Finding]


class Waiver(TypedDict):
    """A waiver as the user wrote it, and how many findings it covered."""

    id: str
    scope: object
    reason: str
    owner: str
    expires: str
    used: int
    expired: bool


class Drift(TypedDict):
    """Where the cluster differs from what a layer applied, and who changed it."""

    object: ObjectReference
    field: str | None
    message: str
    manager: str | None
    when: str | None


class Layer(TypedDict):
    """A layer as it was last applied."""

    name: str
    revision: int | None
    version: str | None
    when: str | None
    holds: bool | None
    drift: list[Drift]


class Floor(TypedDict):
    """A program, and the oldest version of it without a known hole."""

    product: str
    where: str
    found: str | None
    floor: str | None
    ok: bool | None
    cves: list[str]
    note: str | None


class Group(TypedDict):
    """Pods that the same policies select, or what is not a pod."""

    name: str
    namespace: str | None
    pods: int
    labels: dict[str, str]
    kind: Literal["pods", "internet", "nodes", "api_server"]


class Port(TypedDict):
    """A port, its name, or ``*`` for all; with ``end_port`` a range."""

    port: int | str
    end_port: int | None
    protocol: str


Cell = TypedDict(
    "Cell",
    {
        "from": str,
        "to": str,
        "ports": list[Port],
        "allowed": bool,
        "egress_by": list[str],
        "ingress_by": list[str],
    },
)
"""What one group may reach at another, and the policies that say so. Not a class, as ``from`` is a keyword."""


class Matrix(TypedDict):
    """Who reaches whom."""

    groups: list[Group]
    cells: list[Cell]


class Probe(TypedDict):
    """Something that was tried, and what came of it."""

    what: str
    object: ObjectReference | None
    expected: Literal["refused", "allowed"]
    got: Literal["refused", "allowed", "error"]
    message: str | None


class Report(TypedDict):
    """All that was found on one cluster; a list is empty where its part was not asked for."""

    schema_version: str
    tool: Tool
    cluster: Cluster
    taken_at: str
    source: Literal["api", "folder"]
    requests: int | None
    summary: Summary
    checks: list[Check]
    waivers: list[Waiver]
    layers: list[Layer]
    floors: list[Floor]
    matrix: Matrix
    probes: list[Probe]
