# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads share a TLS context, so nothing of it is replaced while their connections are made."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.tls import tls_context
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.shared_tls import SharedContext
from urllib3.util.ssl_ import ssl_wrap_socket

MAKERS: list[Callable[[], ssl.SSLContext]] = [
    SharedContext,
    lambda: tls_context("", verify=True, pair=None),
    lambda: tls_context("", verify=False, pair=None),
]


def offered(context: ssl.SSLContext) -> bytes:
    """The first message of a connection that urllib3 makes with a context."""
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(0.05)
        with pytest.raises(TimeoutError):  # nobody answers
            ssl_wrap_socket(here, ssl_context=context, server_hostname="localhost")
        return there.recv(10000)


@pytest.mark.parametrize("make", MAKERS)
def test_urllib3_replaces_no_protocols(make: Callable[[], ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> None:
    context = make()
    replaced: list[object] = []
    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", lambda _context, names: replaced.append(names))
    for _time in range(2):
        assert b"\x08http/1.1" in offered(context)
    assert replaced == []


def test_it_is_as_strict_as_the_default_of_python() -> None:
    context, default = SharedContext(), ssl.create_default_context()
    assert (context.verify_mode, context.check_hostname) == (default.verify_mode, default.check_hostname)
    assert context.minimum_version >= default.minimum_version
