# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader knows after ten seconds: the verdict, how much is open, and what to do first."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.comparison import Comparison
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import (
    Found,
    counted,
    failed,
    open_findings,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.elements import Html, element
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.labels import (
    badge,
    object_label,
    remedy,
    verdict_word,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.place import Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import (
    SEVERITIES,
    STATUS_NAMES,
    STATUSES,
    Report,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import count, date_and_time

FIRST = 5
"""Checks that are named as what to do first."""
MOST_CHANGES = 50
"""Findings that each list of changes names."""


def summary_section(report: Report, comparison: Comparison | None, place: Place) -> Html:
    """The section."""
    return place.section(
        "summary",
        "Summary",
        element("div", _verdict(report), _severities(report), class_="verdict-row"),
        _checks_bar(report),
        element("div", _first(report, place), _changes(comparison, place) if comparison else None, class_="next"),
    )


def _verdict(report: Report) -> Html:
    counts, fail_on = report["summary"]["findings"], report["summary"]["fail_on"]
    relevant = counted(fail_on)
    found = [f"{counts.get(severity, 0):,} {severity}" for severity in relevant or SEVERITIES if counts.get(severity)]
    if found:
        listed = " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
        reason = f"{listed} {'finding is' if len(found) == 1 and found[0].startswith('1 ') else 'findings are'} open."
    else:
        reason = f"No finding that is {fail_on} or worse is open." if any(counts.values()) else "No finding is open."
    limit = f"It fails on findings that are {fail_on} or worse." if relevant else f"Threshold: {fail_on}."
    unknown = report["summary"]["checks"].get("unknown", 0)
    doubt = f" {count(unknown, 'check')} could not be judged." if unknown else None
    return element(
        "div",
        element("p", verdict_word(report), class_="verdict-word"),
        element("p", f"{reason} ", element("span", limit, class_="quiet"), doubt),
        class_=f"verdict {report['summary']['status']}",
    )


def _severities(report: Report) -> Html:
    counts = report["summary"]["findings"]
    tiles = [
        element(
            "div",
            element("dd", f"{counts.get(severity, 0):,}"),
            element("dt", severity),
            class_=f"tile {severity}" + ("" if counts.get(severity) else " none"),
        )
        for severity in SEVERITIES
    ]
    return element("dl", *tiles, class_="tiles", aria_label="Open findings by severity")


def _checks_bar(report: Report) -> Html | None:
    counts = {status: report["summary"]["checks"].get(status, 0) for status in STATUSES}
    total = sum(counts.values())
    if not total:
        return element("p", "No check was run.", class_="quiet")
    parts, at = [], 0.0
    for status, number in counts.items():
        width = 1000 * number / total
        parts.append(
            element("rect", x=f"{at:.1f}", y=0, width=f"{max(width - 2, 0):.1f}", height=10, class_=f"bar-{status}")
        )
        at += width
    shown = [
        element(
            "li", element("span", class_=f"dot bar-{status}", aria_hidden="true"), f"{number:,} {STATUS_NAMES[status]}"
        )
        for status, number in counts.items()
        if number
    ]
    picture = element(
        "svg", *parts, viewBox="0 0 1000 10", preserveAspectRatio="none", aria_hidden="true", focusable="false"
    )
    return element(
        "div", picture, element("ul", element("li", count(total, "check")), *shown, class_="legend"), class_="bar"
    )


def _first(report: Report, place: Place) -> Html | None:
    worst = failed(report)
    if not worst:
        return None
    items = [
        element(
            "li",
            element(
                "p",
                badge(check["severity"], check["severity"]),
                " ",
                element("a", check["title"], href=f"#{place.id('check-' + check['id'])}"),
                element("span", f" {count(len(open_findings(check)), 'finding')}", class_="quiet"),
            ),
            element("p", remedy(check), class_="remedy"),
        )
        for check in worst[:FIRST]
    ]
    more = len(worst) - FIRST
    rest = element("p", f"{count(more, 'more check')} failed; see the findings.", class_="quiet") if more > 0 else None
    return element("div", place.inner_heading("What to do first"), element("ol", *items, class_="first"), rest)


def _changes(comparison: Comparison, place: Place) -> Html:
    lists = [
        _change_list("New", comparison.new, place, linked=True),
        _change_list("Gone", comparison.gone, place),
        _change_list("Accepted by a waiver since", comparison.waived, place, linked=True),
        _change_list("Not looked at this time", comparison.not_looked_at, place),
    ]
    sentence = element(
        "p",
        element("strong", f"{len(comparison.new):,} new"),
        f", {len(comparison.gone):,} gone, {len(comparison.same):,} as before",
        f", {len(comparison.waived):,} accepted" if comparison.waived else None,
        f", {len(comparison.not_looked_at):,} not looked at this time" if comparison.not_looked_at else None,
        ".",
    )
    heading = place.inner_heading(f"Since {date_and_time(comparison.since)}")
    return element("div", heading, sentence, *lists, class_="changes")


def _change_list(title: str, found: tuple[Found, ...], place: Place, linked: bool = False) -> Html | None:
    if not found:
        return None
    items = [
        element(
            "li",
            badge(one.check["severity"], one.check["severity"]),
            " ",
            element("a", one.check["id"], href=f"#{place.id('check-' + one.check['id'])}")
            if linked
            else one.check["id"],
            " ",
            object_label(one.finding["object"]),
            f": {one.finding['message']}",
        )
        for one in found[:MOST_CHANGES]
    ]
    rest = element("li", f"and {len(found) - MOST_CHANGES:,} more") if len(found) > MOST_CHANGES else None
    return element(
        "details", element("summary", f"{title} ({len(found):,})"), element("ul", *items, rest, class_="plain")
    )
