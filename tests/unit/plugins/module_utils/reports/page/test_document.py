# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTML file: nothing from outside, nothing that runs but its own script, and all that the report has."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.formats import render
from sample_reports import REPORTS, green, previous, red, report

VOID = {"meta", "input"}
PAGES = {**REPORTS, "fleet": [red(), green("metal-2"), REPORTS["hostile"]]}


class Page(HTMLParser):
    """What elements, attributes and texts there are; notes what is not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.wrong: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _tag, key, value in self.attributes if key == name]


@pytest.mark.parametrize("name", PAGES)
def test_page_takes_and_runs_nothing_but_its_own(name: str) -> None:
    html = render(PAGES[name], "html", previous())
    page = Page(html)

    assert (page.wrong, page.open) == ([], [])
    assert (page.elements["script"], page.elements["style"], page.elements["img"], page.elements["link"]) == (
        1,
        1,
        0,
        0,
    )
    assert not [attribute for attribute in page.attributes if attribute[1].startswith(("on", "src", "style"))]
    assert all(to.startswith("#") for to in page.values("href"))
    assert "url(" not in html.lower().replace(page.texts[0], "")
    assert "@import" not in html
    policy = next(value for tag, key, value in page.attributes if key == "content" and "default-src" in value)
    sums = re.findall(r"'sha256-([^']+)'", policy)
    sources = [re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[1] for tag in ("style", "script")]  # type: ignore[index]
    assert sums == [base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in sources]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique_and_links_and_labels_find_them(name: str) -> None:
    page = Page(render(PAGES[name], "html", previous()))

    ids = Counter(page.values("id"))
    assert [key for key, number in ids.items() if number > 1] == []
    wanted = {to.removeprefix("#") for to in page.values("href")} | set(page.values("for"))
    wanted |= {key for name in ("aria-labelledby", "aria-describedby") for key in page.values(name)}
    assert wanted - set(ids) == set()


@pytest.mark.parametrize("name", REPORTS)
def test_page_has_every_check_and_finding(name: str) -> None:
    report = REPORTS[name]
    page = Page(render(report, "html"))

    assert page.values("data-status").count("fail") == sum(one["status"] == "fail" for one in report["checks"])
    assert len(page.values("data-status")) == len(report["checks"])
    assert page.elements["h1"] == 1
    if name != "hostile":
        text = " ".join(page.texts)
        assert [
            item["message"] for check in report["checks"] for item in check["findings"] if item["message"] not in text
        ] == []


@pytest.mark.parametrize(
    ("findings", "fail_on", "sentence"),
    [
        (
            {"critical": 2, "high": 8},
            "high",
            "2 critical and 8 high findings are open. It fails on findings that are high",
        ),
        ({"high": 1}, "high", "1 high finding is open."),
        ({"critical": 1, "high": 2, "medium": 3}, "medium", "1 critical, 2 high and 3 medium findings are open."),
        ({"low": 4}, "high", "No finding that is high or worse is open."),
        ({}, "low", "No finding is open. It fails on findings that are low or worse."),
        ({"low": 4}, "never", "4 low findings are open. Threshold: never."),
    ],
)
def test_verdict_is_a_sentence(findings: dict[str, int], fail_on: str, sentence: str) -> None:
    made = report()
    made["summary"] = {**made["summary"], "findings": findings, "fail_on": fail_on}

    assert sentence in "".join(Page(render(made, "html")).texts)


def test_first_things_are_the_worst() -> None:
    html = render(red(), "html")

    first = re.findall(r'href="#check-([^"]+)"', html)
    assert first == ["GPU-POD-005", "GPU-NET-001", "GPU-FLOOR-001", "GPU-POD-001", "GPU-ADM-004"]


def test_fleet_names_what_fails_first() -> None:
    texts = Page(render([green("fine"), red("bad")], "html", previous())).texts

    assert "1 of 2 fail" in texts
    assert texts.index("bad", texts.index("Clusters")) < texts.index("fine", texts.index("Clusters"))
