# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks with their findings, and a form that filters them; without scripts all of it is there, unfiltered."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.comparison import Comparison
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import in_order, open_findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.elements import (
    Html,
    element,
    join,
    table,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.labels import (
    badge,
    check_badge,
    object_label,
    remedy,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.place import Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import (
    SEVERITIES,
    STATUS_NAMES,
    STATUSES,
    Check,
    Finding,
    Report,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import count, reference_names

UNFOLDED = 5
"""Failed checks that are shown with their findings at first."""
UNFOLDED_FINDINGS = 20
"""Most findings of such a check."""


def checks_section(report: Report, comparison: Comparison | None, place: Place) -> Html | None:
    """The section."""
    checks = in_order(report["checks"])
    if not checks:
        return None
    new = {found.finding["fingerprint"] for found in comparison.new} if comparison else set()
    shown = [
        _check(check, new, place, unfolded=number < UNFOLDED and 0 < len(open_findings(check)) <= UNFOLDED_FINDINGS)
        for number, check in enumerate(checks)
    ]
    return place.section(
        "findings",
        "Findings",
        _form(checks, place),
        element("div", *shown, class_="checks"),
        element("p", "No check is like that.", class_="nothing", hidden=True),
    )


def _form(checks: list[Check], place: Place) -> Html:
    layers = sorted({check["layer"] for check in checks})
    statuses = [status for status in STATUSES if any(check["status"] == status for check in checks)]
    word = place.id("filter-text")
    search = element("input", type="search", id=word, name="text", autocomplete="off", aria_describedby=f"{word}-keys")
    hint = element("span", "Down goes to the checks, Escape back here.", id=f"{word}-keys", class_="quiet hint")
    return element(
        "form",
        element("div", element("label", "Find", for_=word), search, hint, class_="search"),
        _choice("severity", "Severity", [(severity, severity) for severity in SEVERITIES], place),
        _choice("layer", "Layer", [(layer, layer) for layer in layers], place),
        _choice("status", "Status", [(status, STATUS_NAMES[status]) for status in statuses], place),
        element("p", count(len(checks), "check"), class_="shown", role="status"),
        class_="filter",
        role="search",
        aria_label="Filter the checks",
        hidden=True,
    )


def _choice(name: str, title: str, values: list[tuple[str, str]], place: Place) -> Html:
    options = [element("option", "all", value=""), *(element("option", shown, value=value) for value, shown in values)]
    chosen = place.id(f"filter-{name}")
    return element("div", element("label", title, for_=chosen), element("select", *options, id=chosen, name=name))


def _check(check: Check, new: set[str], place: Place, unfolded: bool) -> Html:
    found, fresh = open_findings(check), sum(finding["fingerprint"] in new for finding in check["findings"])
    head = element(
        "summary",
        check_badge(check),
        element(f"h{place.level + 1}", check["title"]),
        element(
            "span",
            element("span", check["id"], class_="id"),
            f" {check['layer']}",
            f", {count(len(found), 'finding')}" if found else None,
            join(" ", badge(f"{fresh} new", "new")) if fresh else None,
            class_="quiet meta",
        ),
    )
    return element(
        "details",
        head,
        element("div", *_body(check, new), class_="body"),
        id=place.id(f"check-{check['id']}"),
        class_="check",
        open=unfolded,
        data_severity=check["severity"],
        data_layer=check["layer"],
        data_status=check["status"],
    )


def _body(check: Check, new: set[str]) -> list[Html]:
    facts = [("Why", join(check["why"])), ("What to do", remedy(check))]
    if check["detail"]:
        facts.insert(0, ("Detail", join(check["detail"])))
    if references := reference_names(check):
        facts.append(("References", join(", ".join(references))))
    if check["status"] != "fail":
        facts.append(("Severity", join(check["severity"])))
    described = [part for name, value in facts for part in (element("dt", name), element("dd", value))]
    body = [element("dl", *described, class_="facts")]
    if check["findings"]:
        rows = [_finding_row(finding, new) for finding in check["findings"]]
        body.append(table(f"Findings of {check['id']}", ["Object", "Field and value", "What is wrong"], rows, "rows"))
    return body


def _finding_row(finding: Finding, new: set[str]) -> list[str]:
    value = element("code", finding["value"]) if finding["value"] is not None else None
    field = element("span", finding["field"], class_="field") if finding["field"] else None
    waiver = finding["waiver"]
    accepted = waiver and element(
        "p",
        badge("waived", "waived"),
        f" {waiver['reason']} ",
        element("span", f"{waiver['owner']}, until {waiver['expires']}", class_="quiet"),
    )
    fresh = join(" ", badge("new", "new")) if finding["fingerprint"] in new else None
    return [object_label(finding["object"]), join(field, " ", value), join(finding["message"], fresh, accepted or None)]
