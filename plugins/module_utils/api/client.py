# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to the API server: one connection pool, bounded concurrency, one retry policy, readable errors.

Requests are plain dicts in and out. The ``kubernetes`` package supplies authentication and the connection pool; its
generated classes are not used, because any kind must pass, also one that no generated class knows.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import (
    Limits,
    limits,
    load_configuration,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

try:
    import urllib3
    from kubernetes import client as kubernetes_client
except ImportError:
    pass  # load_configuration says so, with what to do about it

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"  # JSON is YAML
MERGE_PATCH = "application/merge-patch+json"
PAGE_SIZE = 500
FIRST_CONTACT_SECONDS = 10.0
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
WARNING = re.compile(r'\b\d{3} \S+ "((?:\\.|[^"\\])*)"')

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Response:
    """An answer of the API server: its JSON body and the texts of its ``Warning`` headers."""

    body: dict[str, Any]
    warnings: tuple[str, ...] = ()


class ApiError(HardeningError):
    """The API server refused a request.

    Attributes:
        status: HTTP status.
        reason: the Status object's ``reason``, for instance ``Forbidden``; empty if there was none.
        causes: the Status object's ``details.causes``: ``[{reason, message, field}]``.
    """

    def __init__(
        self, status: int, reason: str, message: str, causes: Sequence[Mapping[str, str]] = (), group: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.causes = tuple(dict(cause) for cause in causes)
        self.group = group


class Client:
    """Sends requests to one API server. Safe to use from several threads."""

    def __init__(self, configuration: Any, bounds: Limits) -> None:
        self._configuration = configuration
        self._pool = kubernetes_client.ApiClient(configuration).rest_client.pool_manager
        self._limits = bounds
        self._answered = False

    @property
    def server(self) -> str:
        """Address of the API server, as configured."""
        return str(self._configuration.host)

    @property
    def ca_certificates(self) -> str:
        """What the server's certificate is checked against (PEM); empty if that is what the system trusts."""
        path = self._configuration.ssl_ca_cert
        return Path(path).read_text(encoding="utf-8") if path and self._configuration.verify_ssl else ""

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Response:
        """GET one object or document."""
        return self.request("GET", path, query)

    def text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """GET a document that is no JSON, such as the log of a pod. One attempt.

        Raises:
            ApiError: the server refused it.
            HardeningError: the server could not be reached.
        """
        try:
            raw = self._send("GET", path, query, None, JSON)
        except urllib3.exceptions.HTTPError as error:
            raise _unreachable(self.server, error) from error
        if raw.status != 200:
            raise _api_error(raw.status, raw.data, f"GET {self.server}{path}")
        return bytes(raw.data).decode("utf-8", "replace")

    def pages(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """LIST in pages of 500, one List document each, so that a large list never is in memory as a whole.

        A continue token can expire while the list is read (410); the list is then read anew, unpaged, and objects
        may be yielded twice.
        """
        token = ""
        while True:
            page_query = {**(query or {}), "limit": str(PAGE_SIZE)}
            if token:
                page_query["continue"] = token
            try:
                page = self.request("GET", path, page_query).body
            except ApiError as error:
                if error.status != 410 or not token:
                    raise
                yield self.request("GET", path, query).body
                return
            yield page
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Call a function for all items, at most ``concurrency`` at once; results in the order of the items.

        An exception (also Ctrl-C) ends it: what has not begun is not begun.
        """
        work = list(items)
        if len(work) < 2:
            return [function(item) for item in work]
        with ThreadPoolExecutor(max_workers=min(self._limits.concurrency, len(work))) as executor:
            futures = [executor.submit(function, item) for item in work]
            try:
                return [future.result() for future in futures]
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                raise

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = JSON,
    ) -> Response:
        """Send one request; repeat it while the server is busy or away, until ``retry_timeout`` is over.

        Every request of this collection may be repeated: applies and dry runs are idempotent, merge patches and
        deletes carry a precondition.

        Raises:
            ApiError: the server refused it.
            HardeningError: the server could not be reached.
        """
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        deadline = time.monotonic() + self._limits.retry_timeout
        if not self._answered:
            deadline = min(deadline, time.monotonic() + FIRST_CONTACT_SECONDS)
        attempt = 0
        while True:
            attempt += 1
            try:
                raw = self._send(method, path, query, data, content_type)
            except urllib3.exceptions.HTTPError as error:
                if not _may_pass(error) or not _pause(attempt, deadline, None):
                    raise _unreachable(self.server, error) from error
                continue
            self._answered = True
            if _may_answer_otherwise(raw.status, raw.data) and _pause(
                attempt, deadline, raw.headers.get("Retry-After")
            ):
                continue
            if raw.status >= 400:
                raise _api_error(raw.status, raw.data, f"{method} {self.server}{path}")
            return Response(_json_object(raw.data), _warnings(raw.headers.getlist("Warning")))

    def watch(self, path: str, query: Mapping[str, str], seconds: float) -> Iterator[dict[str, Any]]:
        """Yield watch events until the server or the time ends the stream. Ends silently if the connection breaks."""
        url = f"{path}?{urlencode({**query, 'watch': 'true', 'timeoutSeconds': str(max(1, int(seconds)))})}"
        try:
            raw = self._pool.request(
                "GET",
                self.server + url,
                headers=self._headers(JSON),
                timeout=urllib3.Timeout(connect=self._limits.request_timeout, read=seconds + 1),
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError:
            return
        try:
            if raw.status >= 400:
                raise _api_error(raw.status, raw.read(), f"WATCH {path}")
            buffer = b""
            for chunk in raw.stream(amt=None):
                buffer += chunk
                *lines, buffer = buffer.split(b"\n")
                yield from (json.loads(line) for line in lines if line.strip())
        except urllib3.exceptions.HTTPError:
            return
        finally:
            raw.close()

    def _send(self, method: str, path: str, query: Mapping[str, str] | None, data: bytes | None, kind: str) -> Any:
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        timeout = urllib3.Timeout(connect=min(10.0, self._limits.request_timeout), read=self._limits.request_timeout)
        return self._pool.request(method, url, body=data, headers=self._headers(kind), timeout=timeout)

    def _headers(self, content_type: str) -> dict[str, str]:
        headers = {"Accept": JSON, "Content-Type": content_type, "User-Agent": "gpu_cluster.hardening"}
        token = self._configuration.auth_settings().get("BearerToken")  # runs exec plugins again when due
        if token:
            headers["Authorization"] = token["value"]
        return headers


def connect(params: Mapping[str, Any]) -> Client:
    """Make the client that a module's connection options describe. Sends nothing yet."""
    return Client(load_configuration(params), limits(params))


def _may_pass(error: Exception) -> bool:
    """Whether a connection error can pass by itself: not a certificate, a name or a malformed address."""
    return not isinstance(
        error,
        (
            urllib3.exceptions.SSLError,
            urllib3.exceptions.NameResolutionError,
            urllib3.exceptions.LocationValueError,
            urllib3.exceptions.ProxyError,
        ),
    )


def _may_answer_otherwise(status: int, data: bytes) -> bool:
    """Whether a refusal can pass by itself.

    A 500 with a Status but without its reason is how the server refuses a manifest that does not fit the schema.
    """
    if status == 500:
        body = _json_object(data)
        return body.get("kind") != "Status" or bool(body.get("reason"))
    return status in RETRIED_STATUSES


def _pause(attempt: int, deadline: float, retry_after: str | None) -> bool:
    """Sleep before the next attempt; False if that would end after the deadline."""
    delay = float(retry_after) if retry_after and retry_after.isdigit() else min(8.0, 0.2 * 2**attempt)
    delay *= random.uniform(0.8, 1.2)  # so that threads do not come back all at once
    if time.monotonic() + delay > deadline:
        return False
    time.sleep(delay)
    return True


def _unreachable(server: str, error: Exception) -> HardeningError:
    if isinstance(error, urllib3.exceptions.SSLError):
        return HardeningError(
            f"The TLS connection to {server} failed: {error}. Check ca_cert (or the kubeconfig's "
            "certificate-authority) and that the address is one the server's certificate names."
        )
    return HardeningError(
        f"The API server {server} cannot be reached: {error}. Check that it runs and that the address "
        "in the kubeconfig is right."
    )


def _api_error(status: int, data: bytes, request: str) -> ApiError:
    body = _json_object(data)
    details = body.get("details") or {}
    message = str(body.get("message") or data[:200].decode(errors="replace").strip() or f"HTTP {status}")
    if status == 401:
        message = (
            f"{request}: the server does not accept the credentials (401 {message}). They are wrong or have expired; "
            "renew the kubeconfig or token."
        )
    elif status in RETRIED_STATUSES:
        message = f"{request}: the server answers {status} ({message}), and did so for all of retry_timeout."
    elif status == 400 and "HTTP request to an HTTPS server" in message:
        message = f"{message.rstrip('.')}: the address of the API server must begin with https://."
    elif status == 403 and "cannot" in message:
        message += " (grant that verb on that resource to the user, or run as one who has it)"
    return ApiError(
        status, str(body.get("reason") or ""), message, details.get("causes") or (), str(details.get("group") or "")
    )


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data) if data else {}
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _warnings(headers: Iterable[str]) -> tuple[str, ...]:
    texts = (match for header in headers for match in WARNING.findall(header))
    return tuple(re.sub(r"\\(.)", r"\1", text) for text in texts)


@dataclass
class WarningLog:
    """Collects server warnings, each once, in order of arrival."""

    texts: list[str] = field(default_factory=list)

    def add(self, texts: Iterable[str]) -> None:
        """Remember texts that are new."""
        self.texts.extend(text for text in dict.fromkeys(texts) if text not in self.texts)
