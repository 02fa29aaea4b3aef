# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts requests where they cannot be hidden: in Vault's audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete"})
# Vault calls every request with a body an update, also these, which only sign somebody in or out or ask something.
ASKING = ("/login", "sys/capabilities-self", "auth/token/lookup", "auth/token/revoke-self", "auth/token/renew-self")


@dataclass(frozen=True)
class VaultRequest:
    """One request; ``who`` is such as ``root`` or ``kubernetes-ml-serving-vault-reader``."""

    operation: str
    path: str
    who: str
    error: str

    @property
    def is_write(self) -> bool:
        """Whether it could change what Vault keeps."""
        return self.operation in WRITES and not self.path.endswith(ASKING)


class VaultAudit:
    """Reads the audit log from a point in time on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.mark()

    def mark(self) -> None:
        """Forget everything up to now."""
        self._offset = self._path.stat().st_size

    def requests(self) -> list[VaultRequest]:
        """Requests that were answered since the mark, in order."""
        return [_request(event) for event in self._events() if event["type"] == "response"]

    @property
    def writes(self) -> list[VaultRequest]:
        """Those that could change something."""
        return [request for request in self.requests() if request.is_write]

    def _events(self) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if line.endswith(b"\n"):
                    yield json.loads(line)


def _request(event: dict[str, Any]) -> VaultRequest:
    request = event["request"]
    who = event.get("auth", {}).get("display_name", "")
    return VaultRequest(request["operation"], request["path"], who, event.get("error", ""))
