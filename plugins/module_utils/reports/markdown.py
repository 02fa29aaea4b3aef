# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as Markdown, short enough for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.comparison import Comparison
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import failed, open_findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import SEVERITIES, Check, Report
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import (
    count,
    date_and_time,
    object_name,
    one_line,
    remedy_names,
)

MOST_CLUSTERS = 10
"""Of a fleet, that have a part of their own: those that fail first."""
MOST_CHECKS = 10
MOST_OBJECTS = 3
LONGEST = 200
"""Characters of one text."""

# Markup, mathematics, and what GitHub makes links of.
_SPECIAL = re.compile(r"([\\`*_\[\]#!|~$]|:(?=//)|(?<=www)\.)")


def markdown_text(reports: Sequence[Report], comparisons: Sequence[Comparison | None]) -> str:
    """The verdict, the counts, and what to do first, for each cluster."""
    pairs = list(zip(reports, comparisons, strict=True))
    blocks = _fleet(reports) if len(pairs) > 1 else []
    pairs.sort(key=lambda pair: pair[0]["summary"]["status"] != "fail")
    for report, comparison in pairs[:MOST_CLUSTERS]:
        blocks += _cluster(report, comparison)
    if more := pairs[MOST_CLUSTERS:]:
        blocks.append(f"And {count(len(more), 'more cluster')}; their reports have the rest.")
    return "\n\n".join(blocks) + "\n"


def _fleet(reports: Sequence[Report]) -> list[str]:
    rows = [
        [_plain(r["cluster"]["name"]), _verdict(r), *(str(r["summary"]["findings"].get(s, 0)) for s in SEVERITIES)]
        for r in reports
    ]
    failing = sum(report["summary"]["status"] == "fail" for report in reports)
    return [
        f"## GPU cluster hardening: {failing} of {count(len(reports), 'cluster')} fail",
        _table(["Cluster", "Verdict", *(severity.capitalize() for severity in SEVERITIES)], rows),
    ]


def _cluster(report: Report, comparison: Comparison | None) -> list[str]:
    found, checks = report["summary"]["findings"], report["summary"]["checks"]
    counts = ", ".join(f"{found.get(severity, 0)} {severity}" for severity in SEVERITIES)
    verdict = f"**{_verdict(report)}** (threshold: {_plain(report['summary']['fail_on'])}). Open findings: {counts}."
    others = f"Checks: {checks.get('pass', 0)} passed, {checks.get('fail', 0)} failed, {checks.get('waived', 0)} waived"
    others += f", {checks.get('unknown', 0)} unknown, {checks.get('not_applicable', 0)} not applicable."
    blocks = [f"### {_plain(report['cluster']['name'])}", f"{verdict}\n{others}"]
    if comparison:
        blocks.append(
            f"Since {_plain(date_and_time(comparison.since))}: **{len(comparison.new)} new**,"
            f" {len(comparison.gone)} gone, {len(comparison.same)} the same."
        )
    if worst := failed(report):
        new = {found.finding["fingerprint"] for found in comparison.new} if comparison else set()
        rows = [_check_row(check, new) for check in worst[:MOST_CHECKS]]
        blocks.append(_table(["Severity", "Check", "Where", "What to do"], rows))
        if more := worst[MOST_CHECKS:]:
            blocks.append(f"And {count(len(more), 'more failed check')}; the whole report has them.")
    tool = f"{report['tool']['name']} {report['tool']['version']}"
    blocks.append(f"<sub>{_plain(tool)}, {_plain(date_and_time(report['taken_at']))}</sub>")
    return blocks


def _check_row(check: Check, new: set[str]) -> list[str]:
    found = open_findings(check)
    objects = list(dict.fromkeys(object_name(finding["object"]) for finding in found))
    where = [_code(name) for name in objects[:MOST_OBJECTS]]
    if len(objects) > MOST_OBJECTS:
        where.append(f"and {len(objects) - MOST_OBJECTS} more")
    fresh = sum(finding["fingerprint"] in new for finding in found)
    title = f"{_code(check['id'])} {_plain(check['title'])}" + (f" **({fresh} new)**" if fresh else "")
    names = dict.fromkeys(name for _kind, name in remedy_names(check))
    remedy = [_plain(check["remedy"]["text"]), *map(_code, names)]
    return [check["severity"], title, ", ".join(where), " ".join(remedy)]


def _verdict(report: Report) -> str:
    return "Fails" if report["summary"]["status"] == "fail" else "Passes"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _short(text: object) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _plain(text: object) -> str:
    """Text that is shown as it is: no markup, no HTML, nobody mentioned."""
    escaped = _SPECIAL.sub(r"\\\1", _short(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return escaped.replace("@", "@<!-- -->")


def _code(text: object) -> str:
    """A code span: without backticks, as these would end it, and with bars that do not end a cell."""
    return "`" + _short(text).replace("`", "'").replace("\\", "/").replace("|", "\\|") + "`"
