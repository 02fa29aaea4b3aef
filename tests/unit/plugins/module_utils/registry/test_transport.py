# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that no registry keeps a run busy or waiting, and that no error shows what was sent to it."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.endpoints import Endpoints, Settings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.transport import Patience, Transport

Handler = http.server.BaseHTTPRequestHandler


@contextmanager
def serving(answer: Callable[[Handler], None]) -> Iterator[tuple[str, list[str]]]:
    """Address of a server, and the paths that it was asked for."""
    asked: list[str] = []

    class Server(Handler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_args: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def transport(registry: str, seconds: float) -> tuple[Transport, Settings]:
    settings = Settings(registry, plain_http=True)
    return Transport(Endpoints([settings]), Patience(seconds, seconds)), settings


def test_a_registry_that_asks_for_no_pause_gets_ours() -> None:
    def busy(handler: Handler) -> None:
        handler.send_response(429)
        handler.send_header("Retry-After", "0")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with serving(busy) as (registry, asked):
        sender, settings = transport(registry, 2.0)
        assert sender.send(f"http://{registry}/v2/", {}, settings).status == 429
        assert len(asked) < 6


def test_an_answer_that_drips_ends_with_the_timeout() -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "200")
        handler.end_headers()
        for _number in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    with serving(drip) as (registry, _asked):
        sender, settings = transport(registry, 1.0)
        begin = time.monotonic()
        with pytest.raises(RegistryError):
            sender.send(f"http://{registry}/v2/", {}, settings)
        assert time.monotonic() - begin < 6.0


def test_what_cannot_be_sent_is_not_shown() -> None:
    with serving(lambda _handler: None) as (registry, asked):
        sender, settings = transport(registry, 1.0)
        with pytest.raises(RegistryError, match="cannot be asked") as caught:
            sender.send(f"http://{registry}/v2/", {"Authorization": "Bearer secret\nx"}, settings)
        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__
        assert asked == []
