# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings and checks in the order in which they matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import (
    SEVERITIES,
    STATUSES,
    Check,
    Finding,
    Report,
    Severity,
)


@dataclass(frozen=True)
class Found:
    """A finding, and the check that has it."""

    check: Check
    finding: Finding


def counted(fail_on: str) -> tuple[Severity, ...]:
    """Severities of which a finding makes a report fail; none where it never does."""
    return SEVERITIES[: SEVERITIES.index(fail_on) + 1] if fail_on in SEVERITIES else ()


def is_open(finding: Finding) -> bool:
    """Whether nobody accepted it."""
    return finding["waiver"] is None


def open_findings(check: Check) -> list[Finding]:
    """Those of a check that failed; a check that did not has none, whatever it lists."""
    return [finding for finding in check["findings"] if is_open(finding)] if check["status"] == "fail" else []


def all_open(report: Report) -> dict[str, Found]:
    """The open findings of a report by fingerprint."""
    return {
        finding["fingerprint"]: Found(check, finding) for check in report["checks"] for finding in open_findings(check)
    }


def in_order(checks: Iterable[Check]) -> list[Check]:
    """By status, severity, number of open findings, and id."""
    return sorted(
        checks,
        key=lambda check: (
            STATUSES.index(check["status"]),
            SEVERITIES.index(check["severity"]),
            -len(open_findings(check)),
            check["id"],
        ),
    )


def failed(report: Report) -> list[Check]:
    """What to do first, and what then."""
    return [check for check in in_order(report["checks"]) if check["status"] == "fail"]
