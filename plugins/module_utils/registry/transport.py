# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to registries: TLS, proxies, redirects that carry no credentials away, and patience under one deadline."""

from __future__ import annotations

import os
import random
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.patience import asked_seconds
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.pool import pool_manager
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.proxies import Proxy, find_proxy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.unreachable import may_pass, reason_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.shared_tls import SharedContext
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.endpoints import Endpoints, Settings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.errors import RegistryError

try:
    import urllib3

    IMPORT_ERROR: str | None = None
except ImportError as missing:
    IMPORT_ERROR = str(missing)

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
MOST_CONNECTION_ATTEMPTS = 4
LARGEST_ANSWER = 4 * 1024 * 1024
"""Registries accept manifests of this size, and no larger ones."""


@dataclass(frozen=True)
class Patience:
    """How long, and how many at once.

    Attributes:
        timeout: seconds for everything together, repetitions included.
        request_timeout: seconds that one request may take.
        concurrency: most requests under way at once.
    """

    timeout: float = 60.0
    request_timeout: float = 15.0
    concurrency: int = 8


@dataclass(frozen=True)
class Answer:
    """What came back in the end.

    Attributes:
        status: HTTP status.
        headers: by name in lower case; several of one name as a list.
        body: at most ``LARGEST_ANSWER`` bytes.
        is_elsewhere: the request was redirected to another host, which is owed no credentials.
    """

    status: int
    headers: Mapping[str, list[str]]
    body: bytes
    is_elsewhere: bool = False

    def header(self, name: str) -> str:
        """The first value of a header; empty if there is none."""
        return (self.headers.get(name) or [""])[0]


class Transport:
    """Sends requests. Safe to use from several threads.

    Raises:
        HardeningError: urllib3 is missing.
    """

    def __init__(self, endpoints: Endpoints, patience: Patience) -> None:
        if IMPORT_ERROR is not None:
            raise HardeningError(
                f"The Python package urllib3 cannot be imported ({IMPORT_ERROR}). Install it for the Python "
                "interpreter that runs the modules (ansible_python_interpreter): pip install urllib3"
            )
        self._endpoints = endpoints
        self._patience = patience
        self._ends = time.monotonic() + patience.timeout
        self._pools: dict[tuple[str, Proxy | None], Any] = {}
        self._lock = threading.Lock()

    def send(
        self, url: str, headers: Mapping[str, str], settings: Settings, form: Mapping[str, str] | None = None
    ) -> Answer:
        """GET an address, or POST a form to it. Redirects of a GET are followed.

        Raises:
            RegistryError: it could not be reached, or leads away from TLS or in a circle.
        """
        start = url
        for _attempt in range(MOST_REDIRECTS + 1):
            answer = self._patiently(url, headers, settings, form)
            location = answer.header("location")
            if form is not None or answer.status not in REDIRECTS or not location:
                return Answer(answer.status, answer.headers, answer.body, _origin(url) != _origin(start))
            target = urljoin(url, location)
            if not self._endpoints.may_be_plain(target):
                raise RegistryError(
                    "Redirect",
                    f"{_shown(url)} redirects to {_shown(target)}, which is not https; if that is meant, name that "
                    "host in registries with plain_http: true",
                    answer.status,
                )
            if _origin(target) != _origin(url):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            url = target
        raise RegistryError("Redirect", f"{_shown(start)} redirects more than {MOST_REDIRECTS} times")

    def _patiently(
        self, url: str, headers: Mapping[str, str], settings: Settings, form: Mapping[str, str] | None
    ) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._once(url, headers, settings, form)
            except urllib3.exceptions.HTTPError as error:
                if not may_pass(error) or attempt >= MOST_CONNECTION_ATTEMPTS or not self._pause(attempt, ""):
                    raise _unreachable(url, error) from None
                continue
            if answer.status not in RETRIED_STATUSES or not self._pause(attempt, answer.header("retry-after")):
                return answer

    def _once(self, url: str, headers: Mapping[str, str], settings: Settings, form: Mapping[str, str] | None) -> Answer:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise RegistryError(
                "Timeout", f"{_shown(url)} was not asked, as timeout ({self._patience.timeout:g} s) is over"
            )
        seconds = min(left, self._patience.request_timeout)
        headers = {**headers, "Accept-Encoding": "identity", "User-Agent": "gpu_cluster.hardening"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            raw = self._pool(url, settings).request(
                "GET" if form is None else "POST",
                url,
                body=None if form is None else urlencode(form),
                headers=headers,
                timeout=urllib3.Timeout(connect=seconds, read=seconds),
                retries=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, HardeningError):
            raise
        except Exception as error:  # http.client quotes headers in some of its errors
            raise RegistryError("Unreachable", f"{_shown(url)} cannot be asked ({type(error).__name__})") from None
        try:
            body = b""
            for chunk in raw.stream(65536):
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise RegistryError(
                        "NotARegistry", f"{_shown(url)} sends more than {LARGEST_ANSWER} bytes, which is no manifest"
                    )
        finally:
            raw.close()  # gives back a connection whose answer was read to its end
        return Answer(raw.status, {name.lower(): raw.headers.getlist(name) for name in raw.headers}, body)

    def _pause(self, attempt: int, retry_after: str) -> bool:
        """Sleep before the next attempt; False if that would end after the deadline.

        A server that asks for no pause gets ours.
        """
        delay = max(asked_seconds(retry_after), min(8.0, 0.2 * 2**attempt)) * random.uniform(1.0, 1.2)
        if time.monotonic() + delay > self._ends:
            return False
        time.sleep(delay)
        return True

    def _pool(self, url: str, settings: Settings) -> Any:
        proxy = find_proxy(url, "", os.environ)
        with self._lock:
            key = (settings.ca_cert, proxy)
            if key not in self._pools:
                options = {"maxsize": self._patience.concurrency, "ssl_context": _context(settings)}
                self._pools[key] = pool_manager(proxy, options)
            return self._pools[key]


def _context(settings: Settings) -> ssl.SSLContext:
    context = SharedContext()
    context.load_default_certs()
    if settings.ca_cert:
        try:
            context.load_verify_locations(settings.ca_cert)
        except (OSError, ssl.SSLError) as error:
            raise HardeningError(
                f"registries: {settings.name}: ca_cert {settings.ca_cert} cannot be read as PEM: {error}"
            ) from None
    return context


def _unreachable(url: str, error: Exception) -> RegistryError:
    place = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    if not isinstance(error, urllib3.exceptions.SSLError):
        return RegistryError(
            "Unreachable", f"{place} cannot be reached: {reason_of(error)}; check its name, the network and HTTPS_PROXY"
        )
    if "WRONG_VERSION_NUMBER" in str(error) or "record layer failure" in str(error):
        return RegistryError(
            "TLS", f"{place} does not speak TLS; if that is meant, name it in registries with plain_http: true"
        )
    return RegistryError(
        "TLS",
        f"the certificate of {place} is not accepted: {reason_of(error)}; name its authority as ca_cert of an entry in "
        "registries, and check that the certificate is for that host",
    )


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _shown(url: str) -> str:
    """An address without its query, which may be a key to what it names, and without a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
