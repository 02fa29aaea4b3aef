# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small elements that several sections share."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.elements import Html, element, join
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import (
    STATUS_NAMES,
    Check,
    ObjectReference,
    Report,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import remedy_names


def badge(word: str, kind: str) -> Html:
    """A word with a colour of its own; the word says it all without the colour."""
    return element("span", word, class_=f"badge {kind}")


def check_badge(check: Check) -> Html:
    """The severity of a check that failed, the status of any other."""
    if check["status"] == "fail":
        return badge(check["severity"], check["severity"])
    return badge(STATUS_NAMES[check["status"]], check["status"])


def verdict_word(report: Report) -> str:
    """The verdict in one word."""
    return "Fails" if report["summary"]["status"] == "fail" else "Passes"


def verdict_badge(report: Report) -> Html:
    """The same as a badge."""
    return badge(verdict_word(report), report["summary"]["status"])


def object_label(reference: ObjectReference | None) -> Html:
    """An object of the cluster."""
    if reference is None:
        return element("span", "the cluster", class_="quiet")
    namespace = element("span", f"{reference['namespace']}/", class_="quiet") if reference["namespace"] else None
    kind = element("span", reference["kind"], class_="kind")
    return join(kind, " ", element("span", namespace, reference["name"], class_="name"))


def remedy(check: Check) -> Html:
    """What to do, and which role, variable and tag do it."""
    named = [
        join(" ", element("span", f"{kind} ", element("code", name), class_="pair"))
        for kind, name in remedy_names(check)
    ]
    return join(check["remedy"]["text"], *named)
