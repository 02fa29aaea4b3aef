# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a run fails, and that a finding is known again."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.proof import ACCOUNTS, OBJECTS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import judge, summary
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import BY_NAME, LAYERS, SERVER_VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.report import assemble, complaint, lines
from broken_pods import BREAKS, server
from cluster_objects import Objects
from good_cluster import cluster, good


def one(name: str) -> Objects:
    objects = good()
    BREAKS[name](objects)
    return objects


@pytest.mark.parametrize(
    ("severity", "fail_on", "status"),
    [
        ("low", "medium", "pass"),
        ("low", "low", "fail"),
        ("medium", "high", "pass"),
        ("high", "high", "fail"),
        ("high", "critical", "pass"),
        ("critical", "critical", "fail"),
        ("critical", "never", "pass"),
    ],
)
def test_it_fails_from_a_severity_on(severity: str, fail_on: str, status: str) -> None:
    names = {"low": "GPU-POD-009", "medium": "GPU-POD-006", "high": "GPU-HOST-008", "critical": "GPU-HOST-001"}
    found = summary(judge(cluster(one(names[severity])), CHECKS), fail_on)
    assert found["status"] == status
    assert found["findings"][severity] >= 1


def test_where_nothing_could_be_judged_nothing_has_passed() -> None:
    objects = good()
    objects.unread.update(dict.fromkeys([*BY_NAME, LAYERS, SERVER_VERSION], "the user may not list it"))
    given = {"probes": [], "floors": [], "unproven": {OBJECTS: "the user may not", ACCOUNTS: "the user may not"}}
    verdicts = judge(cluster(objects, **given), CHECKS)
    found = summary(verdicts, "critical")
    assert (found["status"], found["checks"]["unknown"] > 100) == ("fail", True)
    assert summary(verdicts, "never")["status"] == "pass"
    report = assemble(cluster(objects, **given), verdicts, "metal", "high", {})
    assert complaint(report, "").startswith("Nothing of metal could be judged")


def test_a_finding_is_known_again_though_pods_have_other_names() -> None:
    def fingerprints(pod: str) -> set[str]:
        objects = one("GPU-HOST-008")
        objects.get("Pod", "serve-5d4f-x", "ml-serving")["spec"]["hostPID"] = True
        objects.get("Pod", "serve-5d4f-x", "ml-serving")["metadata"]["name"] = pod
        report = assemble(cluster(objects), judge(cluster(objects), CHECKS), "one", "high", {})
        return {finding["fingerprint"] for check in report["checks"] for finding in check["findings"]}

    assert fingerprints("serve-5d4f-x") == fingerprints("serve-5d4f-y")
    assert len(fingerprints("serve-5d4f-x")) == 1, "the pod and its template are one finding"


def test_the_value_of_a_variable_is_never_told() -> None:
    objects = good()
    server(objects)["containers"][0]["env"] = [{"name": "API_TOKEN", "value": "hunter2"}]
    report = assemble(cluster(objects), judge(cluster(objects), CHECKS), "one", "high", {})
    assert report["summary"]["checks"]["fail"] == 1
    assert "hunter2" not in str(report)


def test_the_message_of_a_failed_run_names_the_worst_and_what_to_do() -> None:
    objects = one("GPU-HOST-001")
    report = assemble(cluster(objects), judge(cluster(objects), CHECKS), "metal", "high", {})
    text = complaint(report, "/srv/metal.json")
    assert "critical GPU-HOST-001" in text and "Deployment ml-serving/serve: container main is privileged" in text
    assert "role pod_security" in text and "/srv/metal.json" in text
    assert any("GPU-HOST-001" in line for line in lines(report))


def test_a_report_has_what_readers_of_it_look_for() -> None:
    report = assemble(cluster(good()), judge(cluster(good()), CHECKS), "metal", "high", {"groups": [], "cells": []})
    assert report["schema_version"] == "1.0"
    assert report["cluster"]["uid"] == "11111111-2222-3333-4444-555555555555"
    assert report["summary"]["status"] == "pass"
    assert [layer["holds"] for layer in report["layers"]] == [True]
    assert set(report) == {
        *("schema_version", "tool", "cluster", "taken_at", "source", "requests", "summary", "checks", "waivers"),
        *("layers", "floors", "matrix", "probes"),
    }
