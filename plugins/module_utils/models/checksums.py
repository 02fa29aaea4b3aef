# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file SHA256SUMS: the sums of many files, in the form that ``sha256sum`` writes and checks. Pure.

Source: the GNU Coreutils manual, "cksum output modes", on names with a backslash or a line break.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures

_LINE = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)", re.DOTALL)
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}


def sums_text(sums: Mapping[str, str]) -> str:
    """The file, sorted by name.

    Args:
        sums: SHA-256 in hexadecimal, by path relative to the file, with ``/``.
    """
    return "".join(_line(name, digest) for name, digest in sorted(sums.items()))


def parse_sums(text: str, path: str) -> dict[str, str]:
    """The sums in a file, by relative path.

    Args:
        text: its content.
        path: where it is, for messages.

    Raises:
        HardeningError: with everything that is wrong.
    """
    sums: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.split("\n"), start=1):
        match = _LINE.fullmatch(line)
        if not line:
            continue
        if match is None:
            problems.append(f"{path}:{number}: is no line of sha256sum, 64 of 0-9 a-f, two spaces and a name")
            continue
        name = re.sub(r"\\[\\nr]", lambda found: _UNESCAPES[found[0]], match[3]) if match[1] else match[3]
        name = name.removeprefix("./")
        if name.startswith("/") or ".." in name.split("/"):
            problems.append(f"{path}:{number}: {shown(name)} leads out of the folder")
        if name in sums:
            problems.append(f"{path}:{number}: {shown(name)} is there twice")
        sums[name] = match[2]
    if problems:
        raise HardeningError(join_failures("The sums cannot be used", problems))
    return sums


@dataclass(frozen=True)
class Differences:
    """How files differ from their sums; paths, sorted."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """One line for each."""
        return [
            *(f"{shown(name)} is not what it was" for name in self.changed),
            *(f"{shown(name)} is missing" for name in self.missing),
            *(f"{shown(name)} has no sum" for name in self.unlisted),
        ]


def compare(listed: Mapping[str, str], found: Mapping[str, str]) -> Differences:
    """Hold what was found against what is listed."""
    return Differences(
        tuple(sorted(name for name in listed if name in found and found[name] != listed[name])),
        tuple(sorted(set(listed) - set(found))),
        tuple(sorted(set(found) - set(listed))),
    )


def shown(name: str) -> str:
    """A name in a message: line breaks and bytes that are no text cannot be mistaken for anything else."""
    return repr(as_text(name))


def as_text(text: str) -> str:
    """Text that came from the file system, with the bytes that are no text written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _line(name: str, digest: str) -> str:
    escaped = re.sub(r"[\\\n\r]", lambda found: _ESCAPES[found[0]], name)
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"
