# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as JUnit XML: one suite a cluster, one case a check.

There is no standard; this is what Jenkins, GitLab, GitHub's actions and ``junitparser`` read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import in_order, open_findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Check, Report
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import (
    count,
    finding_line,
    moment,
    reference_names,
    remedy_line,
    visible,
    waiver_line,
)

# What XML 1.0 cannot hold, however it is written, and `visible` lets through.
_NOT_XML = re.compile("[\ufffe\uffff]")


def junit_text(reports: Sequence[Report]) -> str:
    """The XML of one report or of a fleet."""
    root = Element("testsuites", name="gpu_cluster.hardening")
    for report in reports:
        _add_suite(root, report)
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, 0)) for suite in root)))
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _add_suite(root: Element, report: Report) -> None:
    statuses = Counter(check["status"] for check in report["checks"])
    suite = SubElement(root, "testsuite", name=_text(report["cluster"]["name"]), errors="0", time="0")
    suite.set("tests", str(len(report["checks"])))
    suite.set("failures", str(statuses["fail"]))
    suite.set("skipped", str(len(report["checks"]) - statuses["fail"] - statuses["pass"]))
    if taken := moment(report["taken_at"]):
        suite.set("timestamp", f"{taken:%Y-%m-%dT%H:%M:%S}")
    properties = SubElement(suite, "properties")
    for part in ("tool", "cluster"):
        for name, value in report[part].items():
            SubElement(properties, "property", name=f"{part}.{name}", value=_text(value or ""))
    SubElement(properties, "property", name="status", value=report["summary"]["status"])
    for check in in_order(report["checks"]):
        _add_case(suite, check, report["cluster"]["name"])


def _add_case(suite: Element, check: Check, cluster: str) -> None:
    case = SubElement(suite, "testcase", name=_text(f"{check['id']} {check['title']}"), time="0")
    case.set("classname", _text(f"{cluster}.{check['layer']}"))
    if check["status"] == "fail":
        found = open_findings(check)
        failure = SubElement(case, "failure", type=check["severity"])
        failure.set("message", f"{check['severity']}: {count(len(found), 'finding')}")
        lines = [*map(finding_line, found), "", check["why"], remedy_line(check), ", ".join(reference_names(check))]
        failure.text = _text("\n".join(lines).strip())
    elif check["status"] != "pass":
        SubElement(case, "skipped", message=_text(_why_skipped(check)))


def _why_skipped(check: Check) -> str:
    if check["status"] == "waived":
        waivers = [finding["waiver"] for finding in check["findings"] if finding["waiver"]]
        return "waived: " + "; ".join(dict.fromkeys(map(waiver_line, waivers)))
    return check["status"].replace("_", " ") + (f": {check['detail']}" if check["detail"] else "")


def _text(text: object) -> str:
    return _NOT_XML.sub("\ufffd", visible(text))
