# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP server on loopback that answers as a function says: what the fakes of bad days are made of."""

from __future__ import annotations

import http.server
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


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
    """An answer. One of :data:`RESET` and :data:`DRIPPING` is none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def with_header(self, name: str, value: str) -> Reply:
        """The same with another header."""
        return replace(self, headers={**self.headers, name: value})


RESET = Reply(0)
DRIPPING = Reply(0, {}, b" " * 600)
"""A byte a second, longer than anybody waits: the other side may leave."""


@contextmanager
def loopback_server(answer: Callable[[Request], Reply], tls: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Run it, with a certificate and its key if these are given; such as ``127.0.0.1:35123``.

    Several threads may ask for answers at once.
    """
    count = iter(range(1_000_000))
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                number = next(count)
            reply = answer(Request(number, self.command, self.path, dict(self.headers), body))
            if reply is RESET:
                self.reset()
            elif reply is DRIPPING:
                self.drip()
            else:
                self.reply(reply)

        do_GET = do_HEAD = do_PATCH = do_POST = do_DELETE = answer

        def reply(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def reset(self) -> None:
            """Close so that the other side sees a reset, not an end."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

        def drip(self) -> None:
            """Begin an answer and never come to its end."""
            self.send_response(200)
            self.send_header("Content-Length", str(len(DRIPPING.body)))
            self.end_headers()
            with suppress(OSError):
                for byte in DRIPPING.body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(1)
            self.close_connection = True

        def finish(self) -> None:
            if self.connection.fileno() != -1:
                super().finish()

        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that goes away, or refuses the certificate, is what some tests want."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
