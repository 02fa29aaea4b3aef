# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry asks for when it answers 401: the challenges of its ``WWW-Authenticate`` headers. Pure.

Source of the grammar: RFC 9110, section 11.6.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)')
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:\s+|$|,)")


@dataclass(frozen=True)
class Challenge:
    """One way to authenticate.

    Attributes:
        scheme: ``bearer`` or ``basic``, in lower case.
        parameters: such as realm, service and scope; names in lower case.
    """

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """The challenges of all headers, in their order; what cannot be read ends the header it is in."""
    return [challenge for header in headers for challenge in _parse(header)]


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """The challenge to answer: a token of one repository before the password itself."""
    known = {challenge.scheme: challenge for challenge in challenges}
    bearer = known.get("bearer")
    return bearer if bearer and bearer.parameters.get("realm") else known.get("basic")


def _parse(header: str) -> list[Challenge]:
    found = []
    position = 0
    while match := _SCHEME.match(header, position):
        position = match.end()
        parameters = {}
        while parameter := _PARAMETER.match(header, position):
            name, quoted, plain = parameter.groups()
            parameters[name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            position = parameter.end()
        found.append(Challenge(match[1].lower(), parameters))
    return found
