# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom: a grid of all groups, and the same as a list with the policies that allow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.elements import (
    Html,
    element,
    join,
    scroller,
    table,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.place import Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Cell, Group, Matrix
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import count, port_names

MOST_PORTS = 2
"""That one cell of the grid names."""
_KINDS = ("pods", "nodes", "api_server", "internet")


def connectivity_section(matrix: Matrix, place: Place) -> Html | None:
    """The section."""
    if not matrix["groups"]:
        return None
    groups = sorted(
        matrix["groups"], key=lambda group: (_KINDS.index(group["kind"]), group["namespace"] or "", group["name"])
    )
    cells = {(cell["from"], cell["to"]): cell for cell in matrix["cells"]}
    allowed = [cell for cell in matrix["cells"] if cell["allowed"]]
    sentence = element(
        "p",
        f"{count(len(groups), 'group')}, {count(len(matrix['cells']), 'pair')} looked at: ",
        element("strong", f"{len(allowed):,} allowed"),
        f", {len(matrix['cells']) - len(allowed):,} refused. A row is who connects, a column is who answers.",
    )
    legend = element(
        "ul",
        element("li", element("span", "443", class_="key some"), "these ports"),
        element("li", element("span", "all", class_="key every"), "every port"),
        element("li", element("span", "—", class_="key refused"), "refused"),
        element("li", element("span", "\u00a0", class_="key"), "not looked at"),
        class_="legend keys",
    )
    return place.section("connectivity", "Connectivity", sentence, legend, _grid(groups, cells), _list(allowed))


def _grid(groups: Sequence[Group], cells: Mapping[tuple[str, str], Cell]) -> Html:
    corner = element("td", element("span", "from", class_="from"), element("span", "to", class_="to"), class_="corner")
    heads = [
        element("th", element("span", group["name"]), scope="col", title=_about(group), class_=f"kind-{group['kind']}")
        for group in groups
    ]
    sources = [group for group in groups if any((group["name"], other["name"]) in cells for other in groups)]
    lines = [
        element(
            "tr",
            element("th", element("span", row["name"]), scope="row", title=_about(row), class_=f"kind-{row['kind']}"),
            *(_cell(cells.get((row["name"], column["name"])), row, column) for column in groups),
        )
        for row in sources
    ]
    caption = element("caption", "Who reaches whom, on which ports", class_="unseen")
    grid = element(
        "table", caption, element("thead", element("tr", corner, *heads)), element("tbody", *lines), class_="grid"
    )
    return scroller("Connectivity matrix", grid)


def _about(group: Group) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in sorted(group["labels"].items()))
    where = f" in {group['namespace']}" if group["namespace"] else ""
    pods = f": {count(group['pods'], 'pod')}{where}" if group["kind"] == "pods" else ""
    return f"{group['name']}{pods}" + (f" with {labels}" if labels else "")


def _cell(cell: Cell | None, row: Group, column: Group) -> Html:
    if cell is None:
        return element("td", element("span", "not looked at", class_="unseen"))
    pair = f"{row['name']} → {column['name']}: "
    if not cell["allowed"]:
        return element(
            "td", "—", element("span", " refused", class_="unseen"), class_="refused", title=f"{pair}refused"
        )
    ports = port_names(cell["ports"])
    short = ports[:MOST_PORTS] + ([f"+{len(ports) - MOST_PORTS}"] if len(ports) > MOST_PORTS else [])
    kind = "every" if "all" in ports else "some"
    shown = [part for port in short for part in (element("span", port), " ")]
    return element("td", *shown, class_=kind, title=f"{pair}{', '.join(ports) or 'allowed'}")


def _list(allowed: Sequence[Cell]) -> Html | None:
    if not allowed:
        return None
    rows = [
        [
            cell["from"],
            cell["to"],
            ", ".join(port_names(cell["ports"])),
            _policies(cell["egress_by"]),
            _policies(cell["ingress_by"]),
        ]
        for cell in allowed
    ]
    head = ["From", "To", "Ports", "Leaves by", "Enters by"]
    title = f"What is allowed, and by which policies ({len(allowed):,})"
    return element("details", element("summary", title), table("Allowed connections", head, rows, "rows"))


def _policies(names: Sequence[str]) -> Html:
    if not names:
        return element("span", "no policy selects it", class_="quiet")
    return join(", ".join(names))
