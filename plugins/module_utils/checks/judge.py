# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks all checks, and takes out what is waived. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.waivers import Waiver, first
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import counted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import SEVERITIES

FAIL_ON = (*SEVERITIES, "never")
MALFORMED = (KeyError, TypeError, AttributeError, ValueError)
"""What reading an object raises that is not as the API lays down."""


@dataclass(frozen=True)
class Verdict:
    """What one check said.

    Attributes:
        status: ``fail``, ``pass``, ``waived``, ``not_applicable`` or ``unknown``.
        detail: why it is one of the last two; empty otherwise.
        findings: each with the waiver that covers it.
    """

    check: Check
    status: str
    detail: str = ""
    findings: tuple[tuple[Finding, Waiver | None], ...] = ()

    @property
    def open(self) -> list[Finding]:
        """Findings that nobody has accepted."""
        return [finding for finding, waiver in self.findings if waiver is None]

    def facts(self) -> dict[str, Any]:
        """As the report has it."""
        check = self.check
        remedy = {
            "text": check.remedy.text,
            "role": check.remedy.role,
            "variable": check.remedy.variable,
            "tag": check.remedy.tag,
        }
        return {
            "id": check.id,
            "title": check.title,
            "layer": check.layer,
            "severity": check.severity,
            "why": check.why,
            "remedy": remedy,
            "references": {name: list(numbers) for name, numbers in check.references.items()},
            "status": self.status,
            "detail": self.detail or None,
            "findings": [_finding(check.id, finding, waiver) for finding, waiver in self.findings],
        }


def judge(cluster: Cluster, checks: Sequence[Check]) -> list[Verdict]:
    """Ask them, in their order."""
    return [_ask(cluster, check) for check in checks]


def _ask(cluster: Cluster, check: Check) -> Verdict:
    unknown = cluster.unknown(check.needs)
    if unknown:
        return Verdict(check, "unknown", f"Not known, as {unknown}.")
    try:
        if check.when and not check.when.holds(cluster):
            return Verdict(check, "not_applicable", check.when.otherwise)
        found = {finding.fingerprint(check.id): finding for finding in reversed(list(check.find(cluster)))}
    except MALFORMED as error:
        # A file may hold anything, and one odd object must not hide all else that is wrong with a cluster.
        reason = f"an object has another form than the API gives it ({type(error).__name__}: {str(error)[:100]})"
        return Verdict(check, "unknown", f"Not known, as {reason}.")
    waived = tuple(
        (finding, first(cluster.waivers, check.id, finding, cluster.today)) for finding in reversed(found.values())
    )
    if any(waiver is None for _finding, waiver in waived):
        return Verdict(check, "fail", "", waived)
    return Verdict(check, "waived" if waived else "pass", "", waived)


def summary(verdicts: Sequence[Verdict], fail_on: str) -> dict[str, Any]:
    """Counts, and whether it is too much. Where nothing could be judged, nothing has passed."""
    statuses = Counter(verdict.status for verdict in verdicts)
    severities: Counter[str] = Counter()
    for verdict in verdicts:
        severities[verdict.check.severity] += len(verdict.open)
    # What needs nothing of the cluster says nothing of it.
    known = any(verdict.status in ("pass", "fail", "waived") for verdict in verdicts if verdict.check.needs)
    nothing_known = not known and fail_on != "never"
    return {
        "status": "fail" if nothing_known or any(severities[name] for name in counted(fail_on)) else "pass",
        "fail_on": fail_on,
        "checks": {name: statuses[name] for name in ("fail", "pass", "waived", "not_applicable", "unknown")},
        "findings": {name: severities[name] for name in SEVERITIES},
    }


def used(verdicts: Sequence[Verdict]) -> Counter[Waiver]:
    """How many findings each waiver covers."""
    return Counter(waiver for verdict in verdicts for _finding, waiver in verdict.findings if waiver)


def _finding(check: str, finding: Finding, waiver: Waiver | None) -> dict[str, Any]:
    return {
        "message": finding.message,
        "object": asdict(finding.place) if finding.place else None,
        "field": finding.field,
        "value": finding.value,
        "fingerprint": finding.fingerprint(check),
        "waiver": {"reason": waiver.reason, "owner": waiver.owner, "expires": waiver.expires} if waiver else None,
    }
