# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions, compared. Pure."""

from __future__ import annotations

import re

_PRE_RELEASE = re.compile(r"-?(alpha|beta|rc|dev|pre)", re.IGNORECASE)


def numbers(version: str) -> tuple[int, ...]:
    """``1.2`` and ``1.2.0`` are the same version, and so are ``535.9`` and ``535.09``."""
    found = [int(number) for number in version.split(".")]
    return tuple(found + [0] * (4 - len(found)))


def is_final(rest: str) -> bool:
    """Whether what follows the numbers makes no pre-release of them: a release candidate sorts before its release."""
    return not _PRE_RELEASE.match(rest)
