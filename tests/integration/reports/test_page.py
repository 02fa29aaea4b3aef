# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTML file in a real browser: harmless, filtered, walked by keys; on a phone, on paper, and without scripts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import in_order
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.formats import render
from axe_playwright_python.sync_playwright import Axe
from headless_browser import NoBrowserError, find_browser
from playwright.sync_api import Browser, Page, sync_playwright
from sample_reports import REPORTS, green, previous, red

PAGES: dict[str, Any] = {**REPORTS, "fleet": [red(), green("metal-2"), REPORTS["unknown"]]}
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
SHOWN = "section.findings details.check:not([hidden])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        found = find_browser()
    except NoBrowserError as error:
        pytest.skip(f"no browser: {error}")
    environment: dict[str, str | float | bool] = {**os.environ, **found.environment}
    with sync_playwright() as playwright:
        # Chromium refuses to confine itself where root runs it; the pages are our own.
        browser = playwright.chromium.launch(executable_path=found.program, args=["--no-sandbox"], env=environment)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, reports in PAGES.items():
        (folder / f"{name}.html").write_text(render(reports, "html", previous()), encoding="utf-8")
    return folder


@pytest.fixture
def page(browser: Browser, files: Path) -> Iterator[Callable[..., Page]]:
    """Opens a page, with settings of a browser's context. Whatever it complains of or asks for fails the test."""
    noise: list[str] = []
    contexts = []

    def open_page(name: str, **settings: Any) -> Page:
        context = browser.new_context(**{"viewport": DESK, **settings})
        contexts.append(context)
        context.set_default_timeout(10_000)
        opened = context.new_page()
        opened.on("console", lambda message: noise.append(message.text))
        opened.on("pageerror", lambda error: noise.append(str(error)))
        opened.on("dialog", lambda dialog: noise.append(dialog.message))
        opened.on("request", lambda request: noise.append(request.url))
        opened.goto(f"file://{files}/{name}.html")
        noise.remove(f"file://{files}/{name}.html")
        return opened

    yield open_page
    for context in contexts:
        context.close()
    assert noise == []


def focused(page: Page) -> str:
    """What has the focus: the check, or the name of the field."""
    return str(page.evaluate("document.activeElement.closest('.check')?.id || document.activeElement.name || ''"))


def visible_checks(page: Page) -> list[str]:
    return [str(one.get_attribute("id")).removeprefix("check-") for one in page.locator(SHOWN).all()]


@pytest.mark.parametrize("name", PAGES)
def test_page_asks_for_nothing_and_runs_nothing_foreign(page: Callable[..., Page], name: str) -> None:
    opened = page(name, viewport=PHONE)

    assert "owned" not in opened.title().split(" · ")[0][:7]
    assert opened.evaluate("document.scripts.length") == 1
    assert opened.evaluate("document.images.length") == 0
    assert opened.evaluate("document.documentElement.scrollWidth") == PHONE["width"], "it scrolls sideways on a phone"


def test_what_is_added_to_the_page_does_not_run(browser: Browser, files: Path) -> None:
    opened = browser.new_page()
    opened.goto(f"file://{files}/red.html")

    opened.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'owned'";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", "<p id=foreign style='color: red'>x</p>");
        }"""
    )

    assert opened.title() == "Fails: metal-1 · GPU cluster hardening"
    assert opened.locator("#foreign").evaluate("element => getComputedStyle(element).color") != "rgb(255, 0, 0)"
    opened.close()


@pytest.mark.parametrize(
    ("text", "choices", "expected"),
    [
        ("", {}, [check["id"] for check in in_order(REPORTS["red"]["checks"])]),
        ("containerd", {}, ["GPU-POD-005"]),
        ("PRIVILEGED pod", {"status": "fail"}, ["GPU-POD-001"]),
        ("gpu-pod-001", {}, ["GPU-POD-001"]),
        ("", {"severity": "critical"}, ["GPU-POD-005", "GPU-RBAC-001"]),
        ("", {"severity": "critical", "status": "fail"}, ["GPU-POD-005"]),
        ("", {"layer": "falco"}, ["GPU-FALCO-003"]),
        ("", {"status": "unknown"}, ["GPU-NODE-007"]),
        ("no such thing", {}, []),
    ],
)
def test_checks_are_filtered(
    page: Callable[..., Page], text: str, choices: dict[str, str], expected: list[str]
) -> None:
    opened = page("red")

    opened.locator("#filter-text").fill(text)
    for name, value in choices.items():
        opened.locator(f"#filter-{name}").select_option(value)

    assert visible_checks(opened) == expected
    assert opened.get_by_role("status").inner_text() == f"{len(expected)} of 15 checks"
    assert opened.get_by_text("No check is like that.").is_visible() is not bool(expected)


def test_findings_of_a_check_are_filtered_with_it(page: Callable[..., Page]) -> None:
    opened = page("red")

    opened.locator("#filter-text").fill("ml-serving")

    assert visible_checks(opened) == ["GPU-NET-001"]
    rows = opened.locator(f"{SHOWN} tbody tr:not([hidden])")
    assert [row.locator("th").inner_text() for row in rows.all()] == ["Namespace ml-serving"]


def test_checks_are_walked_by_keys(page: Callable[..., Page]) -> None:
    opened = page("red")
    opened.locator("#filter-text").focus()
    keys = opened.keyboard

    keys.type("audit")
    keys.press("ArrowDown")
    assert focused(opened) == "check-GPU-CLUSTER-002"
    keys.press("Enter")
    assert opened.locator("#check-GPU-CLUSTER-002").get_attribute("open") is not None
    assert opened.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keys.press("Escape")
    assert focused(opened) == "text"
    keys.press("Control+A")
    keys.press("Delete")
    for key, expected in (
        ("ArrowDown", "check-GPU-POD-005"),
        ("ArrowDown", "check-GPU-NET-001"),
        ("End", "check-GPU-DRA-001"),
        ("ArrowDown", "check-GPU-DRA-001"),
        ("Home", "check-GPU-POD-005"),
        ("ArrowUp", "text"),
    ):
        keys.press(key)
        assert focused(opened) == expected, key


def test_everything_can_be_read_without_scripts(page: Callable[..., Page]) -> None:
    opened = page("red", java_script_enabled=False)

    assert not opened.locator("#filter-text").is_visible()
    opened.locator("#check-GPU-CLUSTER-002 > summary").click()
    assert opened.get_by_text("No audit log is configured").is_visible()


def test_link_opens_what_is_folded(page: Callable[..., Page]) -> None:
    opened = page("fleet")
    assert not opened.locator("#c1-summary").is_visible()

    opened.get_by_role("table", name="Clusters", exact=True).get_by_role("link", name="metal-1").click()

    assert opened.locator("#c1-summary").is_visible()
    assert not opened.locator("#c2-summary").is_visible()


def test_paper_has_what_is_wrong_unfolded(page: Callable[..., Page]) -> None:
    opened = page("red", java_script_enabled=False)

    opened.emulate_media(media="print", color_scheme="dark")

    assert opened.get_by_text("No audit log is configured").is_visible()
    assert not opened.locator("nav").is_visible()
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize(("name", "scheme", "viewport"), [("red", "light", DESK), ("fleet", "dark", PHONE)])
def test_page_is_accessible(page: Callable[..., Page], name: str, scheme: str, viewport: dict[str, int]) -> None:
    """By axe-core: contrast in both schemes, names, landmarks, order of headings. Of the fleet, one cluster is open."""
    opened = page(name, color_scheme=scheme, viewport=viewport, bypass_csp=True, reduced_motion="reduce")
    unfold = "(found) => found.forEach((element) => { element.open = true; })"
    opened.locator("details:not(.cluster ~ .cluster, .cluster ~ .cluster *)").evaluate_all(unfold)

    found = Axe().run(opened).response["violations"]

    assert [(one["id"], one["nodes"][0]["html"], len(one["nodes"])) for one in found] == []
