# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of all checks in docs/verify.md, as their data has it. Run it to write the table anew."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verify.md"
BEGIN, END = "<!-- checks: begin -->", "<!-- checks: end -->"
NAMES = {"cis": "CIS", "aisvs": "AISVS", "attack": "ATT&CK"}


def table() -> str:
    """Its lines."""
    head = ["| Check | Severity | What should be so, and why | What to do | References |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(_row, CHECKS)])


def _row(check: Check) -> str:
    remedy = check.remedy
    where = [f"`{name}`" for name in (remedy.role, remedy.variable) if name]
    what = remedy.text + (f" {', '.join(where)}" if where else "")
    numbers = "; ".join(f"{NAMES[name]} {', '.join(found)}" for name, found in check.references.items())
    return f"| `{check.id}` | {check.severity} | **{check.title}.** {check.why} | {what} | {numbers} |"


def with_table(text: str) -> str:
    """A page with the table in its place."""
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    sys.stdout.write(f"{PAGE}\n")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
