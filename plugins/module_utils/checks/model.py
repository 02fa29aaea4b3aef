# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found, and where. Pure data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """An object of the cluster."""

    api_version: str
    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def place_of(item: Json) -> Place:
    """The place of an object as a snapshot holds it."""
    metadata = item["metadata"]
    return Place(item["apiVersion"], item["kind"], metadata.get("namespace"), metadata["name"])


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        message: what is wrong, in one sentence.
        place: the object; None for the cluster itself.
        field: the path in it; None for the whole.
        value: what stands there. Never the value of a Secret or of an environment variable.
    """

    message: str
    place: Place | None = None
    field: str | None = None
    value: str | None = None

    def fingerprint(self, check: str) -> str:
        """The same in each run that finds the same, whatever its message says."""
        where = asdict(self.place) if self.place else {}
        parts = [check, *(str(where.get(key) or "") for key in ("api_version", "kind", "namespace", "name"))]
        return hashlib.sha256("\n".join([*parts, self.field or ""]).encode()).hexdigest()


@dataclass(frozen=True)
class Remedy:
    """What to do about it, and the role, variable and tag of this collection that do it, where one does."""

    text: str
    role: str | None = None
    variable: str | None = None

    @property
    def tag(self) -> str | None:
        """The tag of the main job; each role has the one of its name."""
        return self.role
