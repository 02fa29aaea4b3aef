# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused, and what a reader is told of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args, get_type_hints, is_typeddict

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.formats import FORMATS, render
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Report
from sample_reports import REPORTS, green, red

CHECKOUT = Path(__file__).resolve().parents[5]
SCHEMA = json.loads((CHECKOUT / "docs" / "schemas" / "report-1.0.json").read_text(encoding="utf-8"))


def changed(*path: str | int, value: Any) -> Any:
    """The red report with another value at a place."""
    report: Any = red()
    at = report
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return report


@pytest.mark.parametrize(
    ("reports", "name", "message"),
    [
        (red(), "htm", "'htm' is no format of a report; take one of html, json"),
        (red(), "htm", "did you mean html?"),
        ([], "html", "There is no report to write"),
        ([red(), green()], "json", "json holds one report, not 2: write a file for each"),
        ([red(), green()], "ctrf", "or take one of html, markdown, junit, sarif"),
        ("text", "html", "reports: this is no report"),
        ([{}], "html", "reports[0]: this is no report"),
        ({1, 2}, "html", "holds only what JSON can"),
        (changed("schema_version", value="2.0"), "html", "a report of version 2.0; this collection reads 1.0"),
        (changed("taken_at", value=5), "html", "reports.taken_at: must be a string, not 5"),
        (changed("checks", value={}), "html", "reports.checks: must be a list"),
        (changed("checks", 0, "severity", value="bad"), "html", "reports.checks[0].severity: must be one of critical"),
        (changed("checks", 0, "findings", 0, "object", "name", value=None), "html", "findings[0].object.name: must be"),
        (changed("floors", 0, "ok", value="yes"), "html", "reports.floors[0].ok: must be true or false"),
        (changed("requests", value=True), "html", "reports.requests: must be an integer"),
        (changed("matrix", value={"groups": []}), "html", "reports.matrix: lacks cells"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(reports: object, name: str, message: str) -> None:
    with pytest.raises(HardeningError) as refused:
        render(reports, name)

    assert message in refused.value.message


def test_wrong_previous_report_is_named() -> None:
    with pytest.raises(HardeningError, match=r"previous\[1\]: this is no report"):
        render(red(), "html", [green(), {}])


def test_report_of_a_later_minor_version_with_more_keys_is_read() -> None:
    report = changed("schema_version", value="1.7")

    assert render({**report, "more": 1}, "markdown") == render(red(), "markdown")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("report", REPORTS)
def test_text_is_the_same_each_time_and_ends_with_a_line(name: str, report: str) -> None:
    text = render(REPORTS[report], name)

    assert text == render([REPORTS[report]], name)
    assert text.endswith("\n")
    text.encode()


def keys(shape: Any) -> Any:
    """All keys below a shape, as nested mappings."""
    if is_typeddict(shape):
        return {key: keys(inner) for key, inner in get_type_hints(shape).items()}
    return next((found for part in get_args(shape) if isinstance(part, type) if (found := keys(part))), None)


def described(schema: Any) -> Any:
    """The same of a JSON schema."""
    if "$ref" in schema:
        return described(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    if "oneOf" in schema:
        return described(schema["oneOf"][0])
    if "items" in schema:
        return described(schema["items"])
    if "properties" in schema:
        return {key: described(inner) for key, inner in schema["properties"].items()}
    return None


def test_schema_describes_the_keys_that_the_formats_read() -> None:
    shape, schema = keys(Report), described(SCHEMA)
    for counts in ("checks", "findings"):
        schema["summary"][counts] = None

    assert schema == shape
