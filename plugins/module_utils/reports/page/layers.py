# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of this collection: what was applied, when, and whether the cluster still holds it."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.elements import (
    Html,
    element,
    join,
    table,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.labels import badge, object_label
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.place import Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Drift, Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import count, date_and_time


def layers_section(layers: Sequence[Layer], place: Place) -> Html | None:
    """The section."""
    if not layers:
        return None
    rows = [
        [
            layer["name"],
            str(layer["revision"]) if layer["revision"] is not None else "—",
            layer["version"] or "—",
            date_and_time(layer["when"]) or "—",
            _state(layer),
        ]
        for layer in layers
    ]
    drifted = [layer for layer in layers if layer["drift"]]
    total = sum(len(layer["drift"]) for layer in drifted)
    sentence = (
        f"{count(total, 'difference')} from what was applied, in {count(len(drifted), 'layer')}." if drifted else None
    )
    return place.section(
        "layers",
        "Layers",
        element("p", sentence or "Nothing differs from what was applied."),
        table("Layers", ["Layer", "Revision", "Applied by version", "When", "State"], rows, "rows"),
        *(_drift(layer, place) for layer in drifted),
    )


def _state(layer: Layer) -> Html:
    if layer["holds"] is None:
        return badge("not known", "unknown")
    if layer["holds"]:
        return badge("holds", "pass")
    drifted = len(layer["drift"])
    return badge(count(drifted, "difference") if drifted else "differs", "medium")


def _drift(layer: Layer, place: Place) -> Html:
    rows = [_drift_row(drift) for drift in layer["drift"]]
    name = f"Drift of {layer['name']}"
    return join(
        place.inner_heading(name),
        table(name, ["Object", "Field", "What differs", "Changed by"], rows, "rows"),
    )


def _drift_row(drift: Drift) -> list[str]:
    when = f", {date_and_time(drift['when'])}" if drift["when"] else ""
    who = join(drift["manager"], element("span", when, class_="quiet")) if drift["manager"] else join("—")
    field = element("span", drift["field"], class_="field") if drift["field"] else join("—")
    return [object_label(drift["object"]), field, drift["message"], who]
