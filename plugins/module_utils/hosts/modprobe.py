# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what files of modprobe.d and the driver say of the parameters of the module ``nvidia``. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

_PREFIX = "NVreg_"


def given_options(text: str) -> Iterator[tuple[str, str]]:
    """Parameters that a file of modprobe.d gives the module: names without ``NVreg_``, and values without quotes."""
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split(None, 2)
        if len(words) == 3 and words[0] == "options" and words[1] == "nvidia":
            yield from _assignments(words[2])


def shown_parameters(text: str) -> dict[str, str]:
    """What /proc/driver/nvidia/params says, as ``Name: value`` a line."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def shown_value(text: str) -> int | str:
    """A value to compare by: numbers are written in octal and hexadecimal here and in decimal there."""
    plain = text.strip().strip('"')
    try:
        return int(plain, 8) if plain.isdigit() and plain.startswith("0") else int(plain, 0)
    except ValueError:
        return plain


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    try:
        words = shlex.split(text)
    except ValueError:  # a quotation mark that is not closed
        words = text.split()
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.startswith(_PREFIX):
            yield name.removeprefix(_PREFIX), value
