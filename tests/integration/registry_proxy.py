# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake, of bad registries only: it passes requests to the real one, and answers some of them in its own way."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loopback_server import Reply, Request, loopback_server

PASSED_ON = ("Accept", "Authorization")

Answering = Callable[[Request], "Reply | None"]
"""Gives the answer to a request; None to pass it on."""
Editing = Callable[[Reply], Reply]
"""Changes what the real registry answers."""


@dataclass
class Proxy:
    """Where it listens, and what arrived."""

    name: str
    requests: list[Request] = field(default_factory=list)

    def headers(self, name: str) -> list[str | None]:
        """A header of every request."""
        return [request.headers.get(name) for request in self.requests]


def pass_on(_request: Request) -> None:
    """Answer nothing oneself."""


def unchanged(reply: Reply) -> Reply:
    """Change nothing."""
    return reply


@contextmanager
def registry_proxy(
    upstream: str = "", answer: Answering = pass_on, edit: Editing = unchanged, tls: tuple[Path, Path] | None = None
) -> Iterator[Proxy]:
    """Run it on loopback. Without ``upstream``, it must answer everything itself."""
    arrived: list[Request] = []
    lock = threading.Lock()

    def reply(request: Request) -> Reply:
        with lock:
            arrived.append(request)
        return answer(request) or edit(_forward(upstream, request))

    with loopback_server(reply, tls) as name:
        yield Proxy(name, arrived)


def _forward(upstream: str, request: Request) -> Reply:
    connection = http.client.HTTPConnection(upstream, timeout=30)
    try:
        headers = {name: value for name, value in request.headers.items() if name.title() in PASSED_ON}
        connection.request(request.method, request.path, headers=headers)
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()
