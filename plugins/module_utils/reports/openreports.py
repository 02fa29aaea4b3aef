# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as objects of openreports.io, which the Policy Reporter and others show.

One Report a namespace, and a ClusterReport for what has none.

Source: config/crd of github.com/openreports/reports-api v0.2.1.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import in_order, is_open
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import (
    Check,
    Finding,
    ObjectReference,
    Report,
    Status,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import (
    moment,
    reference_names,
    remedy_line,
    waiver_line,
)

API_VERSION = "openreports.io/v1alpha1"
NAME = "gpu-cluster-hardening"
MOST = 500
"""Results in one object: at about 1 kB each, a third of what etcd takes by default (1.5 MB)."""

Json = dict[str, Any]
_RESULTS: dict[Status, str] = {
    "fail": "fail",
    "pass": "pass",
    "waived": "skip",
    "not_applicable": "skip",
    "unknown": "error",
}


def manifests(report: Report) -> list[Json]:
    """The objects, those of the cluster first; more than one of a name's place where there are many results."""
    by_namespace: dict[str, list[Json]] = {"": []}
    for check in in_order(report["checks"]):
        for namespace, result in _results(check, report):
            by_namespace.setdefault(namespace, []).append(result)
    return [
        _manifest(namespace, number, results[first : first + MOST], report)
        for namespace, results in sorted(by_namespace.items())
        for number, first in enumerate(range(0, max(len(results), 1), MOST), start=1)
    ]


def openreports_text(report: Report) -> str:
    """All of them as a List in JSON, for ``kubectl apply --server-side -f -``."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests(report)}, indent=2) + "\n"


def _results(check: Check, report: Report) -> Iterator[tuple[str, Json]]:
    """With the namespace that each belongs to."""
    findings = check["findings"] if check["status"] in ("fail", "waived") else []
    for finding in findings:
        namespace = finding["object"]["namespace"] if finding["object"] else None
        yield namespace or "", _finding_result(check, finding, report)
    if not findings:
        yield "", _result(check, report, _RESULTS[check["status"]], check["detail"] or check["title"], {})


def _finding_result(check: Check, finding: Finding, report: Report) -> Json:
    details = {"fingerprint": finding["fingerprint"], "field": finding["field"], "value": finding["value"]}
    if finding["waiver"]:
        details["waiver"] = waiver_line(finding["waiver"])
    result = _result(check, report, "fail" if is_open(finding) else "skip", finding["message"], details)
    if finding["object"]:
        result["resources"] = [_resource(finding["object"])]
    return result


def _result(check: Check, report: Report, result: str, message: str, details: Mapping[str, str | None]) -> Json:
    taken = moment(report["taken_at"])
    properties = {**details, "remedy": remedy_line(check), "references": ", ".join(reference_names(check))}
    return {
        "source": report["tool"]["name"],
        "policy": check["id"],
        "rule": check["title"],
        "category": check["layer"],
        "severity": check["severity"],
        "result": result,
        "scored": True,
        "message": message,
        "timestamp": {"seconds": int(taken.timestamp()) if taken else 0, "nanos": 0},
        "properties": {key: value for key, value in properties.items() if value},
    }


def _resource(reference: ObjectReference) -> Json:
    resource = {"apiVersion": reference["api_version"], "kind": reference["kind"], "name": reference["name"]}
    return {**resource, "namespace": reference["namespace"]} if reference["namespace"] else resource


def _manifest(namespace: str, number: int, results: Sequence[Json], report: Report) -> Json:
    counts = Counter(result["result"] for result in results)
    metadata: Json = {
        "name": NAME if number == 1 else f"{NAME}-{number}",
        "labels": {"app.kubernetes.io/managed-by": NAME},
    }
    manifest: Json = {
        "apiVersion": API_VERSION,
        "kind": "Report" if namespace else "ClusterReport",
        "metadata": {**metadata, "namespace": namespace} if namespace else metadata,
        "source": report["tool"]["name"],
        "summary": {result: counts[result] for result in ("pass", "fail", "warn", "error", "skip")},
        "results": list(results),
    }
    if namespace:
        manifest["scope"] = {"apiVersion": "v1", "kind": "Namespace", "name": namespace}
    return manifest
