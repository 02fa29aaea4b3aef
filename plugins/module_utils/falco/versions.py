# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Falco's engine and plugins, as rule files ask for them."""

from __future__ import annotations

import re

Version = tuple[int, int, int]

_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:[-+][0-9A-Za-z.+-]*)?")
_NUMBER = re.compile(r"[0-9]{1,9}")


def read_version(text: str) -> Version | None:
    """A version of three numbers; None if it is not one."""
    match = _VERSION.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def read_engine_version(text: str) -> Version | None:
    """A version of the engine, which may also be one number N, short for 0.N.0."""
    return (0, int(text), 0) if _NUMBER.fullmatch(text) else read_version(text)


def satisfies(version: Version, required: Version) -> bool:
    """Whether a version can stand in for a required one: of the same major version, and not older."""
    return version[0] == required[0] and version >= required
