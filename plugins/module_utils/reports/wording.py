# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that all formats share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import (
    Check,
    Finding,
    FindingWaiver,
    ObjectReference,
    Port,
)

# What cannot be seen: controls, halves of characters, what has no width, and what turns the direction of a text.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_REFERENCES = {"cis": "CIS", "aisvs": "AISVS", "attack": "ATT&CK", "cncf": "CNCF"}


def visible(text: object) -> str:
    """A text of a cluster in which nothing hides: what cannot be seen is shown as ``<U+202E>``; lines and tabs stay."""
    return _HIDDEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", str(text))


def one_line(text: object) -> str:
    """The same on one line."""
    return " ".join(visible(text).split())


def count(number: int, noun: str, plural: str = "") -> str:
    """Such as ``1 finding`` or ``2 findings``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def object_name(reference: ObjectReference | None) -> str:
    """Such as ``Pod ml-training/trainer-0``."""
    if reference is None:
        return "the cluster"
    namespace = f"{reference['namespace']}/" if reference["namespace"] else ""
    return f"{reference['kind']} {namespace}{reference['name']}"


def finding_line(finding: Finding) -> str:
    """Where and what, on one line."""
    field = f", {finding['field']}" if finding["field"] else ""
    value = f" ({finding['value']})" if finding["value"] is not None else ""
    return f"{object_name(finding['object'])}{field}: {finding['message']}{value}"


def waiver_line(waiver: FindingWaiver) -> str:
    """Why a finding is accepted."""
    return f"{waiver['reason']} ({waiver['owner']}, until {waiver['expires']})"


def remedy_line(check: Check) -> str:
    """What to do, with the names that say where."""
    return " ".join([check["remedy"]["text"], *(f"({kind}: {name})" for kind, name in remedy_names(check))])


def remedy_names(check: Check) -> list[tuple[str, str]]:
    """Role, variable and tag of a remedy, those that there are."""
    remedy = check["remedy"]
    named = (("role", remedy["role"]), ("variable", remedy["variable"]), ("tag", remedy["tag"]))
    return [(kind, name) for kind, name in named if name]


def reference_names(check: Check) -> list[str]:
    """The numbers of a check in other lists, such as ``CIS 5.3.2``."""
    return [
        f"{_REFERENCES.get(key, key)} {number}" for key, numbers in check["references"].items() for number in numbers
    ]


def port_name(port: Port) -> str:
    """Such as ``443``, ``8000-8100``, ``53/UDP`` or ``all``; TCP goes without saying."""
    span = f"-{port['end_port']}" if port["end_port"] else ""
    text = "all" if port["port"] == "*" else f"{port['port']}{span}"
    return text if port["protocol"] in ("TCP", "*") else f"{text}/{port['protocol']}"


def port_names(ports: Iterable[Port]) -> list[str]:
    """Each once; ``all`` alone where no protocol is left out."""
    ports = list(ports)
    if {port["protocol"] for port in ports if port["port"] == "*"} >= {"TCP", "UDP", "SCTP"}:
        return ["all"]
    return list(dict.fromkeys(port_name(port) for port in ports))


def moment(text: str) -> datetime | None:
    """A time of a report, None where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def date_and_time(text: str | None) -> str:
    """Such as ``29 Nov 2026, 01:00 UTC``."""
    found = moment(text) if text else None
    if found is None:
        return text or ""
    utc = found.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"
