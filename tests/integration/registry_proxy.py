# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake, of bad registries only: it passes requests to the real one, and answers some of them in its own way."""

from __future__ import annotations

import http.client
import http.server
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

PASSED_ON = ("Accept", "Authorization")


@dataclass(frozen=True)
class Request:
    """A request that arrived, with its number from 0."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer. Status 0 resets the connection."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def with_header(self, name: str, value: str) -> Reply:
        """The same with another header."""
        return replace(self, headers={**self.headers, name: value})


RESET = Reply(0)
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
    count = iter(range(1_000_000))
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                request = Request(next(count), self.command, self.path, dict(self.headers), body)
                proxy.requests.append(request)
            reply = answer(request) or edit(self.forward(request))
            if not reply.status:
                # Close so that the other side sees a reset, not an end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_HEAD = do_POST = answer

        def forward(self, request: Request) -> Reply:
            connection = http.client.HTTPConnection(upstream, timeout=30)
            try:
                headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
                connection.request(request.method, request.path, headers=headers)
                response = connection.getresponse()
                return Reply(response.status, dict(response.getheaders()), response.read())
            finally:
                connection.close()

        def finish(self) -> None:
            if self.connection.fileno() != -1:
                super().finish()

        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that refuses the certificate is what some tests want."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        proxy = Proxy(f"127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
