# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TLS context for the connections of several threads."""

from __future__ import annotations

import ssl
from collections.abc import Iterable


class SharedContext(ssl.SSLContext):
    """Offers HTTP/1.1 from the beginning, and lets nobody change that.

    urllib3 sets the protocols of a context anew for each connection. OpenSSL frees the old ones then, while it may be
    copying them for the connection of another thread, as Python makes one without its lock: that one offers whatever
    is in the memory, and now and then a server answers "decode error".
    """

    def __new__(cls) -> SharedContext:
        """Of a client that checks the server's certificate and name."""
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        ssl.SSLContext.set_alpn_protocols(context, ["http/1.1"])
        return context

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Leave them as they are."""
