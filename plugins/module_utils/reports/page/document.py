# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as one HTML file: nothing is loaded, nothing leaves it, and it is whole without scripts.

The policy in its head lets a browser run this file's own style and script, known by their sums, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.comparison import Comparison
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.checks import checks_section
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.connectivity import (
    connectivity_section,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.elements import (
    Html,
    element,
    join,
    raw,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.fleet import Part, overview_section
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.labels import (
    verdict_badge,
    verdict_word,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.layers import layers_section
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.place import Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.proof import (
    floors_section,
    probes_section,
    waivers_section,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.script import SCRIPT
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.style import STYLE
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.summary import summary_section
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Report
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import count, date_and_time

_SECTIONS = {
    "overview": "Clusters",
    "summary": "Summary",
    "findings": "Findings",
    "connectivity": "Connectivity",
    "layers": "Layers",
    "versions": "Versions",
    "probes": "Probes",
    "waivers": "Waivers",
}


def page_text(reports: Sequence[Report], comparisons: Sequence[Comparison | None]) -> str:
    """The file: of one report, or of a fleet."""
    pairs = list(zip(reports, comparisons, strict=True))
    if len(pairs) == 1:
        return _one(*pairs[0])
    return _fleet([Part(*pair, Place(f"c{number}-", level=3)) for number, pair in enumerate(pairs, start=1)])


def _one(report: Report, comparison: Comparison | None) -> str:
    name, place = report["cluster"]["name"], Place()
    sections = _sections(report, comparison, place)
    links = [(f"#{key}", _SECTIONS[key]) for key in sections]
    return _document(f"{verdict_word(report)}: {name}", name, _facts(report), links, list(sections.values()))


def _fleet(parts: Sequence[Part]) -> str:
    clusters = [
        element(
            "details",
            element("summary", element("h2", part.report["cluster"]["name"]), verdict_badge(part.report)),
            _facts(part.report),
            *_sections(part.report, part.comparison, part.place).values(),
            class_="cluster",
            id=part.place.id("cluster"),
        )
        for part in parts
    ]
    title = count(len(parts), "cluster")
    links = [
        ("#overview", "Overview"),
        *((f"#{p.place.id('summary-title')}", p.report["cluster"]["name"]) for p in parts),
    ]
    tool = parts[0].report["tool"]
    facts = element("p", f"{tool['name']} {tool['version']}", class_="quiet")
    return _document(
        f"Fleet of {title}", f"Fleet of {title}", facts, links, [overview_section(parts, Place()), *clusters]
    )


def _sections(report: Report, comparison: Comparison | None, place: Place) -> dict[str, Html]:
    made = {
        "summary": summary_section(report, comparison, place),
        "findings": checks_section(report, comparison, place),
        "connectivity": connectivity_section(report["matrix"], place),
        "layers": layers_section(report["layers"], place),
        "versions": floors_section(report["floors"], place),
        "probes": probes_section(report["probes"], place),
        "waivers": waivers_section(report["waivers"], place),
    }
    return {key: section for key, section in made.items() if section is not None}


def _facts(report: Report) -> Html:
    cluster = report["cluster"]
    known = [
        f"Kubernetes {cluster['version']}" if cluster["version"] else None,
        cluster["server"],
        date_and_time(report["taken_at"]),
        "read from the API" if report["source"] == "api" else "read from files in a folder",
        count(report["requests"], "request") if report["requests"] is not None else None,
        f"{report['tool']['name']} {report['tool']['version']}",
    ]
    return element("ul", *(element("li", fact) for fact in known if fact), class_="about")


def _document(title: str, heading: str, facts: Html, links: list[tuple[str, str]], sections: list[Html]) -> str:
    policy = (
        "default-src 'none'",
        f"style-src '{_sum(STYLE)}'",
        f"script-src '{_sum(SCRIPT)}'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content="; ".join(policy)),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} · GPU cluster hardening"),
        raw("style", STYLE),
    )
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        element(
            "header", element("p", "GPU cluster hardening report", class_="eyebrow"), element("h1", heading), facts
        ),
        element(
            "nav",
            element("ul", *(element("li", element("a", text, href=to)) for to, text in links)),
            aria_label="Sections",
        ),
        element("main", *sections, id="content", tabindex=-1),
        raw("script", SCRIPT),
    )
    return f"<!doctype html>\n{element('html', join(head, body), lang='en')}\n"


def _sum(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"
