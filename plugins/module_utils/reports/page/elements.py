# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML that cannot be broken by what is in it: text is escaped unless it was made here."""

from __future__ import annotations

from html import escape

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import visible

_WITHOUT_END = frozenset({"input", "meta"})


class Html(str):
    """HTML already. Only this file makes it of text."""

    __slots__ = ()


def element(tag: str, /, *content: str | None, **attributes: str | int | bool | None) -> Html:
    """An element.

    Args:
        tag: its name.
        content: texts, which are escaped, and other elements; None is left out.
        attributes: with ``_`` for ``-``, and one behind a word of Python (``class_``). None and False are left
            out; True is written without a value.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    inside = join(*content)
    return Html(f"<{tag}{written}>" if tag in _WITHOUT_END else f"<{tag}{written}>{inside}</{tag}>")


def join(*content: str | None) -> Html:
    """Texts and elements one after the other."""
    return Html("".join(part if isinstance(part, Html) else text(part) for part in content if part is not None))


def text(plain: str) -> Html:
    """A text as itself."""
    return Html(escape(visible(plain)))


def raw(name: str, source: str) -> Html:
    """A style or a script of ours, as it is; the text of a cluster never goes here."""
    return Html(f"<{name}>{source}</{name}>")


def table(caption: str, head: list[str], rows: list[list[str]], class_: str | None = None) -> Html:
    """A table that can be scrolled sideways, by keyboard too; the first cell of a row is its header."""
    columns = [element("th", cell, scope="col", role="columnheader") for cell in head]
    lines = [
        element(
            "tr",
            element("th", row[0], scope="row", role="rowheader"),
            *(element("td", cell, role="cell", data_head=name) for name, cell in zip(head[1:], row[1:], strict=True)),
            role="row",
        )
        for row in rows
    ]
    body = element(
        "table",
        element("caption", caption, class_="unseen"),
        element("thead", element("tr", *columns, role="row"), role="rowgroup"),
        element("tbody", *lines, role="rowgroup"),
        class_=class_,
        role="table",  # on a narrow page the style makes blocks of its cells, which would end being a table
    )
    return scroller(caption, body)


def scroller(name: str, content: Html) -> Html:
    """Something wide in a frame that scrolls sideways; it takes the focus, so that keys scroll it."""
    return element("div", content, class_="scroller", role="group", aria_label=name, tabindex=0)
