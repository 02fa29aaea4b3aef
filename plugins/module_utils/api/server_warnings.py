# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server remarks on requests that it carries out: the texts of ``Warning`` headers (RFC 7234)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

WARNING = re.compile(r'\b\d{3} \S+ "((?:\\.|[^"\\])*)"')


def read_warnings(headers: Iterable[str]) -> tuple[str, ...]:
    """The texts of warnings, of which one header may hold several."""
    texts = (match for header in headers for match in WARNING.findall(header))
    return tuple(re.sub(r"\\(.)", r"\1", text) for text in texts)


@dataclass
class WarningLog:
    """Collects server warnings, each once, in order of arrival."""

    texts: list[str] = field(default_factory=list)

    def add(self, texts: Iterable[str]) -> None:
        """Remember texts that are new."""
        self.texts.extend(text for text in dict.fromkeys(texts) if text not in self.texts)
