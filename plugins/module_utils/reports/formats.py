# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats by name: from reports as a user or a file gives them to a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import did_you_mean
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.comparison import Comparison, compare
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.ctrf import ctrf_text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.fit import misfits
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.json_text import json_text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.junit import junit_text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.markdown import markdown_text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.openreports import openreports_text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.document import page_text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.sarif import sarif_text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import SCHEMA_VERSION, Report

Comparisons = Sequence[Comparison | None]
MOST_PROBLEMS = 10
"""Of one report, that are told at once."""


@dataclass(frozen=True)
class Format:
    """How reports become a text.

    Attributes:
        render: of the reports and, for each, the comparison with an earlier one.
        ending: of the names of its files.
        fleet: whether one text can hold several reports.
    """

    render: Callable[[Sequence[Report], Comparisons], str]
    ending: str
    fleet: bool = True


def _of_one(render: Callable[[Report], str]) -> Callable[[Sequence[Report], Comparisons], str]:
    return lambda reports, _comparisons: render(reports[0])


FORMATS: Mapping[str, Format] = {
    "html": Format(page_text, ".html"),
    "json": Format(_of_one(json_text), ".json", fleet=False),
    "markdown": Format(markdown_text, ".md"),
    "junit": Format(lambda reports, _comparisons: junit_text(reports), ".junit.xml"),
    "sarif": Format(sarif_text, ".sarif"),
    "ctrf": Format(_of_one(ctrf_text), ".ctrf.json", fleet=False),
    "openreports": Format(_of_one(openreports_text), ".openreports.json", fleet=False),
}


def render(reports: object, name: str, previous: object = ()) -> str:
    """Reports in a format.

    Args:
        reports: one report, or a list of them.
        name: of the format.
        previous: one report or a list, from earlier runs, in any order; those on other clusters are left aside.

    Raises:
        HardeningError: there is no such format, it cannot hold several reports, or something is no report.
    """
    chosen = FORMATS.get(name)
    if chosen is None:
        raise HardeningError(
            f"{name!r} is no format of a report; take one of {', '.join(FORMATS)}{did_you_mean(name, FORMATS)}"
        )
    current = _read(reports, "reports")
    if not current:
        raise HardeningError("There is no report to write: the list is empty")
    if len(current) > 1 and not chosen.fleet:
        many = ", ".join(other for other, format_ in FORMATS.items() if format_.fleet)
        raise HardeningError(
            f"{name} holds one report, not {len(current)}: write a file for each, or take one of {many}"
        )
    return chosen.render(current, compare(_read(previous, "previous"), current))


def render_each(report: Report, names: Iterable[str], previous: Sequence[Report]) -> dict[str, str]:
    """One report in several formats, by name. Whoever made it knows that it is one; see :func:`render` for others."""
    comparisons = compare(previous, [report])
    return {name: FORMATS[name].render([report], comparisons) for name in names}


def _read(value: object, path: str) -> list[Report]:
    try:
        plain = json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise HardeningError(f"{path}: this is no report, which holds only what JSON can: {error}") from None
    if isinstance(plain, list):
        return [read_report(item, f"{path}[{index}]") for index, item in enumerate(plain)]
    return [read_report(plain, path)]


def read_report(value: Any, path: str) -> Report:
    """A report of a version that this code reads, whole.

    Args:
        value: as JSON gives it.
        path: what messages call it.

    Raises:
        HardeningError: it is none.
    """
    if not isinstance(value, dict) or "schema_version" not in value:
        raise HardeningError(f"{path}: this is no report, which is a mapping with schema_version; see docs/reports.md")
    version = str(value["schema_version"])
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise HardeningError(
            f"{path}: a report of version {version}; this collection reads {SCHEMA_VERSION}. Make it anew"
        )
    if problems := list(islice(misfits(value, Report, path), MOST_PROBLEMS)):
        raise HardeningError(join_failures("This is no report as docs/schemas/report-1.0.json describes it", problems))
    return cast(Report, value)
