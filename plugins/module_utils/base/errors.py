# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error type that modules catch, and how many things become one message."""

from __future__ import annotations

from collections.abc import Sequence


class HardeningError(Exception):
    """Something the user must know: what is wrong, where, and what to do.

    Args:
        message: one sentence a user can act on.
        failures: one entry for each thing that failed, for a machine to read. Becomes the ``failures`` of the result.
        partial: results of the part of the work that was done before the failure, for the module to return.
    """

    def __init__(
        self,
        message: str,
        failures: Sequence[dict[str, object]] = (),
        partial: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.failures = list(failures)
        self.partial = partial or {}


def join_failures(headline: str, problems: Sequence[str]) -> str:
    """Join problems under a headline: on one line if there is one, as a list otherwise."""
    if len(problems) == 1:
        return f"{headline}: {problems[0]}"
    return "\n".join([f"{headline} ({len(problems)} problems):", *(f"- {problem}" for problem in problems)])


def name_some(names: Sequence[str], most: int = 10) -> str:
    """Names in a message; of many, only the first are named and the rest is counted."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
