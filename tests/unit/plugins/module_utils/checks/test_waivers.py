# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a waiver covers, and when it is over."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import judge, summary, used
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.waivers import Waiver, facts, read_waivers
from broken_pods import BREAKS
from good_cluster import TODAY, cluster, good

ENTRY = {"id": "GPU-HOST-006", "reason": "A backup.", "owner": "alice", "expires": "2027-01-31"}
ROOT = Finding("It mounts /.", Place("apps/v1", "DaemonSet", "backup", "agent"), "spec.volumes[root]")


@pytest.mark.parametrize(
    ("changes", "covers"),
    [
        ({}, True),
        ({"id": "GPU-HOST-*"}, True),
        ({"id": "GPU-POD-*"}, False),
        ({"scope": {"namespace": "back*", "kind": "DaemonSet", "name": "agent"}}, True),
        ({"scope": {"namespace": "other"}}, False),
        ({"scope": {"kind": "Pod"}}, False),
    ],
)
def test_it_covers_a_check_and_a_scope(changes: dict[str, object], covers: bool) -> None:
    (waiver,) = read_waivers([{**ENTRY, **changes}])
    assert waiver.covers("GPU-HOST-006", ROOT) is covers


def test_one_with_a_scope_covers_nothing_that_is_about_no_object() -> None:
    nobody = Finding("Nobody enforces NetworkPolicies.")
    scoped, whole = read_waivers([{**ENTRY, "id": "GPU-*", "scope": {"namespace": "*"}}, {**ENTRY, "id": "GPU-*"}])
    assert not scoped.covers("GPU-NET-009", nobody)
    assert whole.covers("GPU-NET-009", nobody)


def test_that_one_is_over_cannot_be_waived() -> None:
    (waiver,) = read_waivers([{**ENTRY, "id": "*"}])
    assert not waiver.covers("GPU-PROOF-005", ROOT)


@pytest.mark.parametrize(("day", "over"), [("2027-01-31T23:59:59Z", False), ("2027-02-01", True)])
def test_it_counts_up_to_its_last_day(day: str, over: bool) -> None:
    (waiver,) = read_waivers([ENTRY])
    assert waiver.is_over(day) is over


def test_all_that_is_wrong_is_said() -> None:
    wrong = [{**ENTRY, "expires": "soon"}, {"id": "GPU-1", "scope": {"pod": "x"}}]
    with pytest.raises(HardeningError) as error:
        read_waivers(wrong)
    for text in ("waivers[0].expires", "waivers[1].scope: no key 'pod'", "reason is missing", "owner is missing"):
        assert text in error.value.message


def test_a_waived_finding_is_kept_and_does_not_count() -> None:
    objects = good()
    BREAKS["GPU-HOST-006"](objects)
    waiver = Waiver("GPU-HOST-006", "A backup.", "alice", "2027-01-31", {"namespace": "ml-serving"})
    verdicts = judge(cluster(objects, waivers=[waiver]), CHECKS)
    (verdict,) = [verdict for verdict in verdicts if verdict.check.id == "GPU-HOST-006"]
    assert verdict.status == "waived" and verdict.open == []
    assert verdict.facts()["findings"][0]["waiver"] == {
        "reason": "A backup.",
        "owner": "alice",
        "expires": "2027-01-31",
    }
    assert summary(verdicts, "low")["status"] == "pass"
    assert facts(waiver, used(verdicts)[waiver], TODAY)["used"] == 1


def test_one_that_is_over_covers_nothing_and_is_a_finding_itself() -> None:
    objects = good()
    BREAKS["GPU-HOST-006"](objects)
    verdicts = judge(cluster(objects, waivers=[Waiver("GPU-HOST-006", "Then.", "alice", "2026-11-28")]), CHECKS)
    assert [verdict.check.id for verdict in verdicts if verdict.status == "fail"] == ["GPU-HOST-006", "GPU-PROOF-005"]
