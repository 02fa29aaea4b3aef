# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts requests where they cannot be hidden: in the API server's audit log."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_access import Kubectl
from waiting import wait_for

OURS = "gpu_cluster.hardening"
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """One request, as the server saw it."""

    verb: str
    resource: str
    namespace: str
    name: str
    uri: str
    code: int
    user: str
    group: str = ""
    subresource: str = ""

    @property
    def is_write(self) -> bool:
        """Whether it could change something: dry runs cannot."""
        return self.verb in WRITES and "dryRun=All" not in self.uri


@dataclass(frozen=True)
class Requests:
    """Requests of this collection's modules, in order."""

    all: tuple[Request, ...]

    @property
    def writes(self) -> list[Request]:
        """Those that could change something."""
        return [request for request in self.all if request.is_write]

    def per_kind_and_namespace(self) -> Counter[tuple[str, str]]:
        """How many there were by resource and namespace; discovery documents are not counted."""
        return Counter((request.resource, request.namespace) for request in self.all if request.resource)


class AuditLog:
    """Reads the audit log from a point in time on."""

    def __init__(self, path: Path, kubectl: Kubectl) -> None:
        self._path = path
        self._kubectl = kubectl
        self._offset = 0
        self.mark()

    def mark(self) -> None:
        """Forget everything up to now."""
        self._flush()
        self._offset = self._path.stat().st_size

    def requests(self) -> Requests:
        """Requests of this collection since the mark."""
        self._flush()
        return self.so_far()

    def so_far(self) -> Requests:
        """Those that are in the log already: it costs no process, so a test can act while a run is half-way."""
        return Requests(
            tuple(_request(event) for event in self._events() if event.get("userAgent", "").startswith(OURS))
        )

    def _events(self) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if line.endswith(b"\n"):
                    event = json.loads(line)
                    if event["stage"] == "ResponseComplete":
                        yield event

    def _flush(self) -> None:
        """An event may be written just after its response was sent: send one more request and wait for its event."""
        path = f"/api/v1/namespaces/default/configmaps/audit-mark-{uuid.uuid4()}"
        self._kubectl.run("get", "--raw", path)
        wait_for(
            lambda: any(event["requestURI"] == path for event in self._events()),
            f"{self._path} logs requests",
            pause=0.02,
        )


def _request(event: dict[str, Any]) -> Request:
    target = event.get("objectRef", {})
    return Request(
        event["verb"],
        target.get("resource", ""),
        target.get("namespace", ""),
        target.get("name", ""),
        event["requestURI"],
        event.get("responseStatus", {}).get("code", 0),
        event["user"].get("username", ""),
        target.get("apiGroup", ""),
        target.get("subresource", ""),
    )
