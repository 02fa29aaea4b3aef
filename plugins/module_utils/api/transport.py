# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one API server: connections that are shared, the identity of each request, one deadline for each answer."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.access import Access
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import Limits
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.credentials import Identity
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.pool import open_pool
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

with contextlib.suppress(ImportError):  # open_pool says so, with what to do about it
    import urllib3

JSON = "application/json"
CONNECT_SECONDS = 10.0


class Transport:
    """Sends requests and knows nothing of what they mean. Safe to use from several threads."""

    def __init__(self, access: Access, bounds: Limits) -> None:
        self._access = access
        self._limits = bounds
        self._impersonation = access.impersonation.headers()
        self._lock = threading.Lock()
        self._pool: Any = None
        self._pair: object = None

    def identity(self) -> Identity:
        """As whom to send now.

        Raises:
            HardeningError: a plugin or a token file does not say.
        """
        return self._access.credentials.identity()

    def renew(self, refused: Identity) -> bool:
        """Whether there is another identity than one that the server has refused."""
        return self._access.credentials.renew(refused)

    def send(
        self, method: str, url: str, identity: Identity, data: bytes | None = None, content_type: str = JSON
    ) -> Any:
        """Send a request and read its whole answer, a response of urllib3. Redirects are not followed.

        Raises:
            HTTPError: of urllib3; the server did not answer, or not in time.
            HardeningError: it cannot be sent.
        """
        return self._request(method, url, identity, content_type, self._limits.request_timeout, body=data)

    def stream(self, url: str, identity: Identity, seconds: float) -> Any:
        """GET an answer that is read while it arrives, for so many seconds at most. To be closed by the caller.

        Raises:
            HTTPError: of urllib3.
            HardeningError: it cannot be sent.
        """
        return self._request("GET", url, identity, JSON, seconds, preload_content=False)

    def _request(
        self, method: str, url: str, identity: Identity, content_type: str, seconds: float, **options: Any
    ) -> Any:
        timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, self._limits.request_timeout), read=seconds)
        try:
            return self._pool_of(identity).request(
                method,
                url,
                headers=self._headers(identity, content_type),
                timeout=timeout,
                redirect=False,
                enforce_content_length=True,
                **options,
            )
        except (urllib3.exceptions.HTTPError, HardeningError):
            raise
        except Exception as error:  # http.client quotes headers in some of its errors
            raise HardeningError(f"{method} {url.partition('?')[0]} cannot be sent ({type(error).__name__}).") from None

    def _pool_of(self, identity: Identity) -> Any:
        """Connections that show the certificate of an identity."""
        with self._lock:
            if self._pool is None or self._pair != identity.pair:
                self._pool = open_pool(self._access.server, identity.pair, self._limits.concurrency)
                self._pair = identity.pair
            return self._pool

    def _headers(self, identity: Identity, content_type: str) -> Any:
        headers = urllib3.HTTPHeaderDict(
            {"Accept": JSON, "Content-Type": content_type, "User-Agent": "gpu_cluster.hardening"}
        )
        if identity.authorization:
            headers["Authorization"] = identity.authorization
        for name, value in self._impersonation:
            headers.add(name, value)
        return headers
