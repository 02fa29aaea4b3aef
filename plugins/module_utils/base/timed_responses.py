# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that come to an end: the time a response may take is for all of it, not for each of its bytes.

http.client starts the clock of a socket anew with each byte that arrives, so that a server which sends one byte a
second is waited for without end.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any


class TimedResponse(http.client.HTTPResponse):
    """A response that is read until the socket's timeout, counted from when it was first asked for, is over."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        seconds = sock.gettimeout()
        if seconds is not None:
            self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock, time.monotonic() + seconds))


class _Timed(io.RawIOBase):
    """What a socket gives until a deadline."""

    def __init__(self, raw: Any, sock: socket.socket, ends: float) -> None:
        self._raw = raw
        self._sock = sock
        self._ends = ends

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def with_timed_responses(manager: Any) -> Any:
    """Make a pool manager of urllib3 use :class:`TimedResponse`, whatever way its connections take."""
    manager.pool_classes_by_scheme = {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": _timed(pool.ConnectionCls)})
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }
    return manager


def _timed(connection: type) -> type:
    return type(connection.__name__, (connection,), {"response_class": TimedResponse})
