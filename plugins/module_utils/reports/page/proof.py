# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else was proved: versions against their floors, what was tried, and what was accepted."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.elements import (
    Html,
    element,
    join,
    table,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.labels import badge, object_label
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.place import Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Floor, Probe, Waiver
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import count


def floors_section(floors: Sequence[Floor], place: Place) -> Html | None:
    """Versions of NVIDIA's programs, those below their floor first."""
    if not floors:
        return None
    order = {False: 0, None: 1, True: 2}
    words = {False: badge("below", "high"), None: badge("not known", "unknown"), True: badge("ok", "pass")}
    rows = [
        [
            floor["product"],
            floor["where"],
            element("code", floor["found"]) if floor["found"] else element("span", "not found", class_="quiet"),
            element("code", floor["floor"]) if floor["floor"] else "—",
            words[floor["ok"]],
            join(
                ", ".join(floor["cves"]) or None, element("p", floor["note"], class_="quiet") if floor["note"] else None
            ),
        ]
        for floor in sorted(floors, key=lambda floor: (order[floor["ok"]], floor["product"], floor["where"]))
    ]
    below = sum(floor["ok"] is False for floor in floors)
    sentence = f"Below the oldest version without a known hole: {below:,} of {len(floors):,}."
    head = ["Product", "Where", "Found", "Oldest without a hole", "Verdict", "Holes"]
    return place.section("versions", "Versions", element("p", sentence), table("Versions", head, rows, "rows"))


def probes_section(probes: Sequence[Probe], place: Place) -> Html | None:
    """What was tried; what did not come out as it must is shown, the rest folded."""
    if not probes:
        return None
    wrong = [probe for probe in probes if probe["got"] != probe["expected"]]
    right = [probe for probe in probes if probe["got"] == probe["expected"]]
    sentence = f"{len(probes):,} tried; {len(wrong):,} came out otherwise than it must."
    folded = element(
        "details", element("summary", f"As they must ({len(right):,})"), _probe_table("Probes as they must", right)
    )
    return place.section(
        "probes",
        "Probes",
        element("p", sentence),
        _probe_table("Probes otherwise", wrong) if wrong else None,
        folded if right else None,
    )


def _probe_table(caption: str, probes: Sequence[Probe]) -> Html:
    rows = [
        [
            probe["what"],
            object_label(probe["object"]),
            probe["expected"],
            badge(probe["got"], "pass" if probe["got"] == probe["expected"] else "high"),
            probe["message"] or "",
        ]
        for probe in probes
    ]
    return table(caption, ["What", "Object", "Must be", "Was", "Answer"], rows, "rows")


def waivers_section(waivers: Sequence[Waiver], place: Place) -> Html | None:
    """What was accepted, expired waivers first."""
    if not waivers:
        return None
    rows = [
        [
            waiver["id"],
            _scope(waiver["scope"]),
            waiver["reason"],
            waiver["owner"],
            join(waiver["expires"], " ", badge("expired", "high") if waiver["expired"] else None),
            f"{waiver['used']:,}" if waiver["used"] else badge("unused", "unknown"),
        ]
        for waiver in sorted(waivers, key=lambda waiver: (not waiver["expired"], waiver["expires"], waiver["id"]))
    ]
    covered, expired = sum(waiver["used"] for waiver in waivers), sum(waiver["expired"] for waiver in waivers)
    sentence = f"{count(len(waivers), 'waiver')} for {count(covered, 'finding')}; {expired:,} expired."
    head = ["Check", "Scope", "Reason", "Owner", "Until", "Findings"]
    return place.section("waivers", "Waivers", element("p", sentence), table("Waivers", head, rows, "rows"))


def _scope(scope: object) -> Html:
    if isinstance(scope, dict):
        return element("code", ", ".join(f"{key}: {value}" for key, value in scope.items()))
    return element("code", scope if isinstance(scope, str) else json.dumps(scope))
