# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is new, gone, the same, accepted, and what cannot be told."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.comparison import compare, diff
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Report
from sample_reports import Json, check, finding, report, waiver

POD = {"api_version": "v1", "kind": "Pod", "namespace": "ml", "name": "a"}
OPEN = finding("GPU-1", "It is privileged", POD)
ACCEPTED = {**OPEN, "waiver": waiver()}
OTHER = finding("GPU-1", "It is privileged", {**POD, "name": "b"})


def one(status: str, *findings: Json, name: str = "GPU-1") -> Report:
    return cast(
        Report, report(checks=(check(name, "No pod is privileged", "rbac", "high", status, findings=[*findings]),))
    )


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (one("pass"), one("fail", OPEN), {"new": 1}),
        (one("fail", OPEN), one("pass"), {"gone": 1}),
        (one("fail", OPEN), one("fail", OPEN), {"same": 1}),
        (one("fail", OPEN), one("fail", OTHER), {"new": 1, "gone": 1}),
        (one("fail", OPEN), one("waived", ACCEPTED), {"waived": 1}),
        (one("fail", OPEN, OTHER), one("fail", ACCEPTED, OTHER), {"waived": 1, "same": 1}),
        (one("waived", ACCEPTED), one("fail", OPEN), {"new": 1}),
        (one("waived", ACCEPTED), one("waived", ACCEPTED), {}),
        (one("fail", OPEN), one("unknown"), {"not_looked_at": 1}),
        (one("fail", OPEN), one("not_applicable"), {"not_looked_at": 1}),
        (one("fail", OPEN), one("pass", name="GPU-2"), {"not_looked_at": 1}),
    ],
)
def test_findings_are_told_apart_by_their_fingerprints(before: Report, after: Report, counts: dict[str, int]) -> None:
    found = diff(before, after)

    told = {field.name: len(getattr(found, field.name)) for field in fields(found) if field.name != "since"}
    assert {name: number for name, number in told.items() if number} == counts


def at(day: int, name: str = "a", uid: str | None = "1") -> Report:
    made: Any = report(name, taken_at=f"2026-11-{day:02}T01:00:00Z")
    made["cluster"]["uid"] = uid
    return cast(Report, made)


@pytest.mark.parametrize(
    ("previous", "since"),
    [
        ([], None),
        ([at(1), at(3), at(2)], "2026-11-03"),
        ([at(10)], None),  # the very report
        ([at(20)], None),  # a later one
        ([at(1, name="b", uid="2")], None),
        ([at(1, name="renamed")], "2026-11-01"),
        ([at(1, uid="2")], None),  # a new cluster under the old name
        ([at(1, uid=None)], "2026-11-01"),
    ],
)
def test_report_is_compared_with_the_latest_earlier_one_on_the_same_cluster(
    previous: list[Report], since: str | None
) -> None:
    (found,) = compare(previous, [at(10)])

    assert (found.since[:10] if found else None) == since
