# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report in the Common Test Report Format, which NVIDIA's aicr writes, too: one test a check.

Source: https://ctrf.io, schema 0.0 of the package ctrf 0.3.0.
"""

from __future__ import annotations

import json
from collections import Counter

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import in_order, open_findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Check, Report, Status
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import (
    finding_line,
    moment,
    remedy_line,
)

SPECIFICATION = "0.0.0"
_STATUSES: dict[Status, str] = {
    "fail": "failed",
    "pass": "passed",
    "waived": "skipped",
    "not_applicable": "skipped",
    "unknown": "other",
}


def ctrf_text(report: Report) -> str:
    """The JSON."""
    checks = in_order(report["checks"])
    counts = Counter(_STATUSES[check["status"]] for check in checks)
    taken = moment(report["taken_at"])
    milliseconds = int(taken.timestamp() * 1000) if taken else 0
    summary = {status: counts[status] for status in ("passed", "failed", "skipped", "pending", "other")}
    document = {
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "timestamp": report["taken_at"],
        "generatedBy": report["tool"]["name"],
        "results": {
            "tool": dict(report["tool"]),
            "summary": {"tests": len(checks), **summary, "start": milliseconds, "stop": milliseconds},
            "tests": [_test(check, report["cluster"]["name"]) for check in checks],
            "environment": {
                "appName": report["cluster"]["name"],
                "appVersion": report["cluster"]["version"] or "unknown",
                "healthy": report["summary"]["status"] == "pass",
                "extra": {"cluster": dict(report["cluster"]), "source": report["source"], "summary": report["summary"]},
            },
        },
    }
    return json.dumps(document, indent=2) + "\n"


def _test(check: Check, cluster: str) -> dict[str, object]:
    test: dict[str, object] = {
        "testId": check["id"],
        "name": f"{check['id']} {check['title']}",
        "status": _STATUSES[check["status"]],
        "rawStatus": check["status"],
        "duration": 0,
        "suite": [cluster, check["layer"]],
        "tags": [check["severity"], check["layer"]],
        "extra": {"why": check["why"], "remedy": check["remedy"], "findings": check["findings"]},
    }
    if labels := {key: numbers for key, numbers in check["references"].items() if numbers}:
        test["labels"] = labels
    if message := "\n".join(map(finding_line, open_findings(check))) or check["detail"]:
        test["message"] = message
    if check["status"] == "fail":
        test["trace"] = f"{check['why']}\n{remedy_line(check)}"
    return test
