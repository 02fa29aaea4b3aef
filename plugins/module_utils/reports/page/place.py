# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on a page something stands: the report of a cluster is a page of its own, or one part of that of a fleet."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.page.elements import Html, element


@dataclass(frozen=True)
class Place:
    """A part of the page.

    Attributes:
        prefix: of all ids in it.
        level: of the headings of its sections, 2 to 4.
    """

    prefix: str = ""
    level: int = 2

    def id(self, name: str) -> str:
        """An id that is unique on the page, for a name from outside that is so in this part."""
        return self.prefix + re.sub(r"[^A-Za-z0-9_-]", lambda found: f".{ord(found[0]):x}.", name)

    def heading(self, name: str, title: str) -> Html:
        """The heading of a section, which the section is named by."""
        return element(f"h{self.level}", title, id=self.id(f"{name}-title"))

    def inner_heading(self, title: str) -> Html:
        """A heading within a section."""
        return element(f"h{self.level + 1}", title)

    def section(self, name: str, title: str, *content: Html | None) -> Html:
        """A section, a landmark by its heading."""
        return element(
            "section",
            self.heading(name, title),
            *content,
            id=self.id(name),
            aria_labelledby=self.id(f"{name}-title"),
            class_=name,
        )
