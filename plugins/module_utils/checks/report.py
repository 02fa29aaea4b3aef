# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole report as plain data, and what of it a user reads at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.version import VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import Verdict, summary, used
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.waivers import facts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import counted, open_findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import (
    SCHEMA_VERSION,
    SEVERITIES,
    Check,
    Report,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import count, remedy_names

WORST = 10
"""How many checks a message names."""
NEVER = "9999-12-31"
"""The last day of the waivers that the role ships: they are looked at with each version of it."""


def assemble(
    cluster: Cluster, verdicts: Sequence[Verdict], name: str, fail_on: str, matrix: Mapping[str, Any]
) -> Report:
    """The report; docs/verify.md says what is in it.

    Args:
        cluster: what was looked at.
        verdicts: what the checks said.
        name: what the inventory calls the cluster.
        fail_on: the lowest severity that makes it fail, or ``never``.
        matrix: who reaches whom, as ``reach`` computes it.
    """
    snapshot = cluster.snapshot
    times = used(verdicts)
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "gpu_cluster.hardening", "version": VERSION},
        "cluster": {"name": name, "server": snapshot.server, "version": snapshot.version, "uid": snapshot.uid},
        "taken_at": snapshot.taken_at,
        "source": snapshot.source,
        "requests": snapshot.requests,
        "summary": summary(verdicts, fail_on),
        "checks": [verdict.facts() for verdict in verdicts],
        "waivers": [facts(waiver, times[waiver], cluster.today) for waiver in cluster.waivers],
        "layers": [layer.facts() for layer in cluster.layers],
        "floors": [dict(entry) for entry in cluster.floors or ()],
        "matrix": dict(matrix),
        "probes": [dict(entry) for entry in cluster.probes or ()],
    }
    return cast(Report, report)


def lines(report: Report) -> list[str]:
    """A summary for a terminal."""
    counts, found = report["summary"]["checks"], report["summary"]["findings"]
    text = [
        f"{report['cluster']['name']}: {report['summary']['status']} (fails on {report['summary']['fail_on']})",
        f"checks: {counts['fail']} failed, {counts['pass']} passed, {counts['waived']} waived, "
        f"{counts['not_applicable']} not applicable, {counts['unknown']} unknown",
        "open findings: " + ", ".join(f"{found[name]} {name}" for name in SEVERITIES),
    ]
    refused = [probe for probe in report["probes"] if probe["expected"] == "refused"]
    if refused:
        right = sum(probe["got"] == "refused" for probe in refused)
        text.append(f"tried: {right} of {len(refused)} refused, as they should be")
    text += [
        f"  {check['severity']:8} {check['id']} {check['title']}: {count(len(open_findings(check)), 'finding')}"
        for check in _failed(report)
    ]
    text += [
        f"  unknown  {check['id']} {check['title']}: {check['detail']}" for check in _of(report, "unknown")[:WORST]
    ]
    more = len(_of(report, "unknown")) - WORST
    text += [f"  and {more} more that are unknown"] if more > 0 else []
    unused = [waiver["id"] for waiver in report["waivers"] if not waiver["used"] and not _is_shipped(waiver)]
    text += [f"waivers that cover nothing (take them out): {', '.join(unused)}"] if unused else []
    return text


def complaint(report: Report, written: str) -> str:
    """Why the run fails: the worst findings, each check with what to do about it."""
    name, fail_on = report["cluster"]["name"], report["summary"]["fail_on"]
    worst = [check for check in _failed(report) if check["severity"] in counted(fail_on)]
    if not worst:
        return (
            f"Nothing of {name} could be judged; {_of(report, 'unknown')[0]['detail']}"
            if _of(report, "unknown")
            else ""
        )
    text = [f"{name} has open findings of severity {fail_on} or worse:"]
    for check in worst[:WORST]:
        text += [f"- {check['severity']} {check['id']} {check['title']}", *_messages(check), f"  {_remedy(check)}"]
    if len(worst) > WORST:
        text.append(f"and {len(worst) - WORST} more checks.")
    text.append(
        f"All of it is in {written}." if written else "Set verify_report_directory to have all of it in a file."
    )
    return "\n".join(text)


def _messages(check: Check) -> list[str]:
    messages = [finding["message"] for finding in open_findings(check)]
    more = [f"  and {len(messages) - 3} more"] if len(messages) > 3 else []
    return [*(f"  {message}" for message in messages[:3]), *more]


def _remedy(check: Check) -> str:
    where = [f"{kind} {name}" for kind, name in remedy_names(check) if kind != "tag"]
    return f"What to do: {check['remedy']['text']}" + (f" ({', '.join(where)})" if where else "")


def _failed(report: Report) -> list[Check]:
    """The worst first."""
    return sorted(_of(report, "fail"), key=lambda check: SEVERITIES.index(check["severity"]))


def _of(report: Report, status: str) -> list[Check]:
    return [check for check in report["checks"] if check["status"] == status]


def _is_shipped(waiver: Mapping[str, Any]) -> bool:
    return bool(waiver["expires"] == NEVER)
