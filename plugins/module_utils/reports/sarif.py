# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as SARIF 2.1.0: one run a cluster, one rule a check, one result a finding.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; what GitHub reads of it:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.comparison import Comparison
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import Found
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import (
    Check,
    Cluster,
    ObjectReference,
    Report,
    Severity,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import (
    finding_line,
    object_name,
    reference_names,
    remedy_line,
)

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://github.com/gpu-cluster/gpu_cluster.hardening"
FINGERPRINT = "gpuClusterHardening/v1"

Json = dict[str, Any]
_LEVELS: dict[Severity, str] = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
# GitHub sorts by this number: above 9.0 critical, from 7.0 high, from 4.0 medium.
_SCORES: dict[Severity, str] = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}


def sarif_text(reports: Sequence[Report], comparisons: Sequence[Comparison | None]) -> str:
    """The JSON. With an earlier report to compare with, results say whether they are new, and gone ones are listed."""
    runs = [_run(report, comparison) for report, comparison in zip(reports, comparisons, strict=True)]
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}, indent=2) + "\n"


def _run(report: Report, comparison: Comparison | None) -> Json:
    gone = comparison.gone if comparison else ()
    known = {check["id"] for check in report["checks"]}
    checks = [
        *report["checks"],
        *{found.check["id"]: found.check for found in gone if found.check["id"] not in known}.values(),
    ]
    indices = {check["id"]: index for index, check in enumerate(checks)}
    return {
        "tool": {
            "driver": {
                "name": report["tool"]["name"],
                "version": report["tool"]["version"],
                "semanticVersion": report["tool"]["version"],
                "informationUri": HOME,
                "rules": [_rule(check) for check in checks],
            }
        },
        "automationDetails": {"id": f"{report['tool']['name']}/{report['cluster']['name']}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "endTimeUtc": report["taken_at"],
                "toolExecutionNotifications": [
                    _notification(check, indices) for check in report["checks"] if check["status"] == "unknown"
                ],
            }
        ],
        "properties": {"cluster": report["cluster"], "summary": report["summary"]},
        "results": [
            *_results(report, comparison, indices),
            *(_result(found, report["cluster"], indices, "absent") for found in gone),
        ],
    }


def _results(report: Report, comparison: Comparison | None, indices: dict[str, int]) -> Iterable[Json]:
    new = {found.finding["fingerprint"] for found in comparison.new} if comparison else set()
    for check in report["checks"]:
        if check["status"] not in ("fail", "waived"):
            continue
        for finding in check["findings"]:
            state = ("new" if finding["fingerprint"] in new else "unchanged") if comparison else None
            yield _result(Found(check, finding), report["cluster"], indices, state)


def _rule(check: Check) -> Json:
    references = reference_names(check)
    listed = f"\n\nReferences: {', '.join(references)}." if references else ""
    return {
        "id": check["id"],
        "shortDescription": {"text": check["title"]},
        "fullDescription": {"text": check["why"]},
        "help": {"text": f"{check['why']}\n\n{remedy_line(check)}{listed}"},
        "defaultConfiguration": {"level": _LEVELS[check["severity"]]},
        "properties": {
            "tags": ["security", "kubernetes", check["layer"], *(name.replace(" ", "/") for name in references)],
            "security-severity": _SCORES[check["severity"]],
            "severity": check["severity"],
        },
    }


def _notification(check: Check, indices: dict[str, int]) -> Json:
    return {
        "level": "warning",
        "message": {"text": f"{check['id']} could not be judged: {check['detail'] or 'no reason is given'}"},
        "associatedRule": {"id": check["id"], "index": indices[check["id"]]},
    }


def _result(found: Found, cluster: Cluster, indices: dict[str, int], state: str | None) -> Json:
    check, finding = found.check, found.finding
    result: Json = {
        "ruleId": check["id"],
        "ruleIndex": indices[check["id"]],
        "kind": "fail",
        "level": _LEVELS[check["severity"]],
        "message": {"text": finding_line(finding)},
        "locations": [_location(finding["object"], finding["field"], cluster)],
        # The second is the only one that GitHub knows.
        "partialFingerprints": {
            FINGERPRINT: finding["fingerprint"],
            "primaryLocationLineHash": f"{finding['fingerprint']}:1",
        },
        "properties": {"field": finding["field"], "value": finding["value"], "severity": check["severity"]},
    }
    if state:
        result["baselineState"] = state
    if waiver := finding["waiver"]:
        suppression = {"kind": "external", "status": "accepted", "justification": waiver["reason"]}
        result["suppressions"] = [
            {**suppression, "properties": {"owner": waiver["owner"], "expires": waiver["expires"]}}
        ]
    return result


def _location(reference: ObjectReference | None, field: str | None, cluster: Cluster) -> Json:
    """The object as a logical location. GitHub shows no result without a file: its path in the API stands for one."""
    parts = [cluster["name"]]
    if reference:
        parts += [
            *reference["api_version"].split("/"),
            reference["namespace"] or "",
            reference["kind"],
            reference["name"],
        ]
    path = "/".join(quote(part, safe="", errors="replace") for part in parts if part)
    logical: Json = {
        "name": reference["name"] if reference else cluster["name"],
        "fullyQualifiedName": path + (f"#{field}" if field else ""),
        "kind": "object" if reference else "module",
        "properties": dict(reference) if reference else {"kind": "Cluster"},
    }
    return {
        "physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": 1}},
        "logicalLocations": [logical],
        "message": {"text": object_name(reference)},
    }
