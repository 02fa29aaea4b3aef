# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each format is what its own schema, or a program that reads it, takes it for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.formats import render
from crd_objects import problems, schemas
from junitparser import Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt
from sample_reports import HOSTILE, REPORTS, Json, green, previous, red

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = CHECKOUT / "tests" / "data" / "reports"
SCHEMA = json.loads((CHECKOUT / "docs" / "schemas" / "report-1.0.json").read_text(encoding="utf-8"))


def stored(name: str) -> str:
    return gzip.decompress((DATA / name).read_bytes()).decode()


def valid(document: Any, schema: Json) -> list[str]:
    """What a validator that we did not write says against it."""
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    found = validator(schema, format_checker=validator.FORMAT_CHECKER).iter_errors(document)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def findings(report: Json, *statuses: str) -> list[Json]:
    return [item for check in report["checks"] if check["status"] in statuses for item in check["findings"]]


def ids(report: Json, *statuses: str) -> list[str]:
    return sorted(check["id"] for check in report["checks"] if check["status"] in statuses)


@pytest.mark.parametrize("name", REPORTS)
def test_json_is_the_report_and_fits_its_schema(name: str) -> None:
    document = json.loads(render(REPORTS[name], "json"))

    assert document == REPORTS[name]
    assert valid(document, SCHEMA) == []


@pytest.mark.parametrize("name", REPORTS)
def test_sarif_fits_the_schema_of_oasis(name: str) -> None:
    report = REPORTS[name]
    document = json.loads(render(report, "sarif"))

    assert valid(document, json.loads(stored("sarif-2.1.0-rtm.5.json.gz"))) == []
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [check["id"] for check in report["checks"]]
    assert all(rule["help"]["text"] and rule["properties"]["security-severity"] for rule in rules)
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert [result["partialFingerprints"]["gpuClusterHardening/v1"] for result in run["results"]] == [
        item["fingerprint"] for item in findings(report, "fail", "waived")
    ]
    assert [bool(result.get("suppressions")) for result in run["results"]] == [
        item["waiver"] is not None for item in findings(report, "fail", "waived")
    ]
    told = run["invocations"][0]["toolExecutionNotifications"]
    assert sorted(one["associatedRule"]["id"] for one in told) == ids(report, "unknown")


def test_sarif_names_the_object_and_what_is_new() -> None:
    (run,) = json.loads(render(red(), "sarif", previous()))["runs"]

    states = {result["ruleId"]: result["baselineState"] for result in run["results"]}
    assert states["GPU-POD-005"] == "new"
    assert states["GPU-NET-001"] == "unchanged"
    assert states["GPU-RBAC-001"] == "absent"
    (logical,) = run["results"][1]["locations"][0]["logicalLocations"]
    assert logical["fullyQualifiedName"] == (
        "metal-1/apps/v1/ops/DaemonSet/node-debugger#spec.template.spec.volumes[0].hostPath.path"
    )
    assert logical["properties"] == findings(red(), "fail")[1]["object"]


def test_sarif_of_a_fleet_has_a_run_for_each_cluster() -> None:
    runs = json.loads(render([red("a"), red("b")], "sarif"))["runs"]

    assert [run["automationDetails"]["id"] for run in runs] == ["gpu_cluster.hardening/a/", "gpu_cluster.hardening/b/"]


@pytest.mark.parametrize("name", REPORTS)
def test_ctrf_fits_its_schema(name: str) -> None:
    report = REPORTS[name]
    document = json.loads(render(report, "ctrf"))

    assert valid(document, json.loads(stored("ctrf-0.3.0.json.gz"))) == []
    results = document["results"]
    assert {test["testId"]: test["rawStatus"] for test in results["tests"]} == {
        check["id"]: check["status"] for check in report["checks"]
    }
    by_status = [sum(test["status"] == key for test in results["tests"]) for key in ("passed", "failed", "other")]
    assert by_status == [len(ids(report, key)) for key in ("pass", "fail", "unknown")]
    assert [results["summary"][key] for key in ("passed", "failed", "other")] == by_status


@pytest.mark.parametrize("name", REPORTS)
def test_junit_is_read_by_a_program_that_reads_it(name: str) -> None:
    report = REPORTS[name]
    (suite,) = JUnitXml.fromstring(render(report, "junit").encode())

    outcomes: dict[type, list[str]] = {Failure: [], Skipped: []}
    for case in suite:
        for result in case.result:
            outcomes[type(result)].append(case.name)
    failed, skipped = ids(report, "fail"), ids(report, "waived", "unknown", "not_applicable")
    assert (suite.tests, suite.failures, suite.skipped) == (len(report["checks"]), len(failed), len(skipped))
    if name != "hostile":
        assert sorted(case.split()[0] for case in outcomes[Failure]) == failed
        assert sorted(case.split()[0] for case in outcomes[Skipped]) == skipped


def test_junit_says_where_and_what_to_do() -> None:
    (suite,) = JUnitXml.fromstring(render(red(), "junit").encode())

    text = next(case.result[0].text for case in suite if case.name.startswith("GPU-POD-005"))
    assert "Pod ml-experiments/build-agent-0, spec.volumes[1].hostPath.path: The pod mounts the socket" in text
    assert "(role: pod_security)" in text
    assert "CIS 5.2.1" in text


@pytest.mark.parametrize("name", REPORTS)
def test_openreports_fit_the_definitions(name: str) -> None:
    report = REPORTS[name]
    items = json.loads(render(report, "openreports"))["items"]

    definitions = schemas(yaml.safe_load_all(stored("openreports-0.2.1-crds.yaml.gz")))
    for item in items:
        assert list(problems(item, definitions[item["apiVersion"], item["kind"]])) == []
    results = [result for item in items for result in item["results"]]
    of_findings = findings(report, "fail", "waived")
    others = ids(report, "pass", "unknown", "not_applicable")
    assert len(results) == len(of_findings) + len(others)
    assert sum(item["summary"]["fail"] for item in items) == sum(not one["waiver"] for one in of_findings)


def test_openreports_lie_where_their_objects_lie() -> None:
    items = json.loads(render(red(), "openreports"))["items"]

    assert [(item["kind"], item["metadata"].get("namespace")) for item in items] == [
        ("ClusterReport", None),
        ("Report", "falco"),
        ("Report", "gpu-operator"),
        ("Report", "ml-experiments"),
        ("Report", "ops"),
    ]
    (privileged,) = items[2]["results"]
    assert privileged["result"] == "skip"
    assert privileged["properties"]["waiver"].endswith("(gpu-platform, until 2027-01-31)")
    assert privileged["resources"] == [
        {"apiVersion": "v1", "kind": "Pod", "namespace": "gpu-operator", "name": "nvidia-driver-daemonset-x7k2p"}
    ]


def test_openreports_of_many_findings_are_split() -> None:
    report = REPORTS["long"]
    doubled = {**report, "checks": [*report["checks"], *({**c, "id": f"{c['id']}-B"} for c in report["checks"])]}

    items = json.loads(render(doubled, "openreports"))["items"]

    names = [item["metadata"]["name"] for item in items if item["kind"] == "Report"]
    assert names == ["gpu-cluster-hardening", "gpu-cluster-hardening-2"]
    assert all(len(json.dumps(item)) < 1_000_000 for item in items)


@pytest.mark.parametrize("name", REPORTS)
def test_markdown_is_short_and_harmless(name: str) -> None:
    text = render(REPORTS[name], "markdown")

    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    inside = [child for token in tokens for child in token.children or []]
    assert len(text) < 12_000
    assert {token.type for token in [*tokens, *inside]}.isdisjoint({"link_open", "image", "html_block"})
    html = {child.content for child in inside if child.type == "html_inline"}
    assert html <= {"<sub>", "</sub>", "<!-- -->"}
    columns = [sum(one.type == kind for one in tokens) for kind in ("th_open", "tr_open", "td_open")]
    assert columns[2] == columns[0] * max(columns[1] - 1, 0)


def test_markdown_says_what_is_first_and_what_is_new() -> None:
    text = render(red(), "markdown", previous())

    assert "**Fails** (threshold: high). Open findings: 2 critical, 8 high, 1 medium, 1 low." in text
    assert "**3 new**, 1 gone, 9 the same." in text
    rows = [line for line in text.splitlines() if line.startswith("| critical")]
    assert len(rows) == 1
    assert "`Pod ml-experiments/build-agent-0`, `DaemonSet ops/node-debugger`" in rows[0]


def test_markdown_of_a_fleet_tells_the_failing_clusters_and_stays_short() -> None:
    fleet = [*(green(f"green-{number}") for number in range(30)), *(red(f"red-{number}") for number in range(30))]

    text = render(fleet, "markdown")

    assert "## GPU cluster hardening: 30 of 60 clusters fail" in text
    parts = [line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")]
    assert parts == [f"red-{number}" for number in range(10)]
    assert "And 50 more clusters" in text
    assert len(text) < 65_536  # the longest comment on GitHub


def test_the_hostile_report_is_hostile() -> None:
    assert "<script>" in HOSTILE
    assert json.dumps(REPORTS["hostile"]).count("<script>") > 40
