# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is accepted: by whom, why, and until when. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding

NEVER_WAIVED = "GPU-PROOF-005"
"""That a waiver is over cannot be waived."""
_SCOPE = {"namespace": OPTIONAL, "kind": OPTIONAL, "name": OPTIONAL}
_WAIVER = {"id": REQUIRED, "scope": {}, "reason": REQUIRED, "owner": REQUIRED, "expires": REQUIRED}


@dataclass(frozen=True)
class Waiver:
    """One entry.

    Attributes:
        id: of a check, or a pattern such as ``GPU-HOST-*``.
        scope: patterns of namespace, kind and name; what is not there matches everything.
        expires: the last day on which it counts, as ``2027-01-31``.
    """

    id: str
    reason: str
    owner: str
    expires: str
    scope: Mapping[str, str] = field(default_factory=dict, hash=False)

    def is_over(self, today: str) -> bool:
        """Whether it no longer counts on a day."""
        return self.expires < today[:10]

    def covers(self, check: str, finding: Finding) -> bool:
        """Whether it is about a finding. One about no object is covered by a waiver without a scope only."""
        if check == NEVER_WAIVED or not fnmatchcase(check, self.id):
            return False
        if finding.place is None:
            return not self.scope
        place = {"namespace": finding.place.namespace or "", "kind": finding.place.kind, "name": finding.place.name}
        return all(fnmatchcase(place[key], pattern) for key, pattern in self.scope.items())


def read_waivers(value: object, name: str = "waivers") -> list[Waiver]:
    """Read the list of a user.

    Raises:
        HardeningError: with everything that is wrong.
    """
    root = Entry(name, value)
    found = [_read(item) for item in root.items()]
    if root.problems:
        raise HardeningError(join_failures("Invalid waivers", root.problems))
    return found


def _read(entry: Entry) -> Waiver:
    keys = entry.keys(_WAIVER)
    scope = {key: item.filled_text() for key, item in keys["scope"].keys(_SCOPE).items() if item.given}
    texts = {key: keys[key].filled_text() for key in ("id", "reason", "owner")}
    expires = keys["expires"].value
    # YAML reads a date without quotes as one.
    day = expires.isoformat() if isinstance(expires, datetime.date) else str(expires)
    try:
        datetime.date.fromisoformat(day)
    except ValueError:
        keys["expires"].refuse(f"{day!r} is no day such as 2027-01-31")
    return Waiver(**texts, expires=day, scope=scope)


def first(waivers: Sequence[Waiver], check: str, finding: Finding, today: str) -> Waiver | None:
    """The waiver that covers a finding; None if none does that still counts."""
    return next((waiver for waiver in waivers if waiver.covers(check, finding) and not waiver.is_over(today)), None)


def facts(waiver: Waiver, used: int, today: str) -> dict[str, Any]:
    """As the report has it."""
    return {
        "id": waiver.id,
        "scope": dict(waiver.scope),
        "reason": waiver.reason,
        "owner": waiver.owner,
        "expires": waiver.expires,
        "used": used,
        "expired": waiver.is_over(today),
    }
