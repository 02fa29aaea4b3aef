# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many clusters at a glance: which fail, and what fails on most of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.comparison import Comparison
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import failed, in_order
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.elements import (
    Html,
    element,
    join,
    table,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.labels import (
    badge,
    remedy,
    verdict_badge,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.place import Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import SEVERITIES, Check, Report
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import date_and_time

MOST_CHECKS = 10
"""Checks that are named as failing on most clusters."""


@dataclass(frozen=True)
class Part:
    """A cluster of the fleet, what changed there, and where on the page it stands."""

    report: Report
    comparison: Comparison | None
    place: Place


def overview_section(parts: Sequence[Part], place: Place) -> Html:
    """The section: clusters that fail first, the worst of them before the others."""
    ordered = sorted(parts, key=_badness)
    failing = sum(part.report["summary"]["status"] == "fail" for part in parts)
    word = f"{failing} of {len(parts)} fail" if failing else f"All {len(parts)} pass"
    head = [
        "Cluster",
        "Verdict",
        *(severity.capitalize() for severity in SEVERITIES),
        "Unknown",
        "Waived",
        "Change",
        "Taken",
    ]
    verdict = element(
        "div", element("p", word, class_="verdict-word"), class_=f"verdict {'fail' if failing else 'pass'}"
    )
    return place.section(
        "overview",
        "Clusters",
        verdict,
        table("Clusters", head, [_row(part) for part in ordered], "rows numbers"),
        _common(parts, place),
    )


def _badness(part: Part) -> tuple[object, ...]:
    summary = part.report["summary"]
    numbers = [-summary["findings"].get(severity, 0) for severity in SEVERITIES]
    return (summary["status"] != "fail", *numbers, part.report["cluster"]["name"])


def _row(part: Part) -> list[str]:
    report, change = part.report, part.comparison
    findings, checks = report["summary"]["findings"], report["summary"]["checks"]
    return [
        element("a", report["cluster"]["name"], href=f"#{part.place.id('summary-title')}"),
        verdict_badge(report),
        *(_number(findings.get(severity, 0), severity) for severity in SEVERITIES),
        _number(checks.get("unknown", 0), "unknown"),
        _number(checks.get("waived", 0), "waived"),
        f"+{len(change.new):,} -{len(change.gone):,}" if change else "—",
        date_and_time(report["taken_at"]),
    ]


def _number(number: int, kind: str) -> Html:
    return element("span", f"{number:,}", class_=f"number {kind}" if number else "number none")


def _common(parts: Sequence[Part], place: Place) -> Html | None:
    """Checks by the number of clusters that fail them: what to do once for all."""
    where: dict[str, list[Part]] = {}
    checks: dict[str, Check] = {}
    for part in parts:
        for check in failed(part.report):
            where.setdefault(check["id"], []).append(part)
            checks.setdefault(check["id"], check)
    if not checks:
        return None
    most = sorted(in_order(checks.values()), key=lambda check: -len(where[check["id"]]))[:MOST_CHECKS]
    rows = [
        [
            join(check["title"], " ", element("span", check["id"], class_="quiet id")),
            badge(check["severity"], check["severity"]),
            f"{len(where[check['id']])} of {len(parts)}",
            remedy(check),
        ]
        for check in most
    ]
    heading = place.inner_heading("What fails on most clusters")
    return join(heading, table("Checks by clusters", ["Check", "Severity", "Clusters", "What to do"], rows, "rows"))
