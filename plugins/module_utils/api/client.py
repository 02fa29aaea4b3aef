# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the API server: one connection pool, bounded concurrency, one patience, answers that count.

Requests are plain dicts in and out, so that any kind passes, also one that no generated class knows.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.access import Access
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.answers import wrong_refusal, wrong_success
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.concurrency import call_all
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import Limits, find_access, limits
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.credentials import Identity
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.lineage import Lineage
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.patience import (
    Patience,
    Trouble,
    asked_seconds,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import (
    ApiError,
    api_error,
    json_object,
    seconds_to_repeat,
    unexpected_answer,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_warnings import read_warnings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.transport import JSON, Transport
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.unreachable import may_pass, unreachable
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

with contextlib.suppress(ImportError):  # pool.open_pool says so, with what to do about it
    import urllib3

APPLY_PATCH = "application/apply-patch+yaml"  # JSON is YAML
MERGE_PATCH = "application/merge-patch+json"
PAGE_SIZE = 500
WATCH_SECONDS = 30.0
"""Longest watch at a stretch, so that a run whose parent has ended notices it in its wait."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Response:
    """An answer of the API server.

    Attributes:
        body: its JSON, of the kind and name that were asked for.
        warnings: the texts of its ``Warning`` headers.
        unanswered: an earlier attempt of the request got no answer, and may have been carried out.
    """

    body: dict[str, Any]
    warnings: tuple[str, ...] = ()
    unanswered: bool = False


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str]
    body: object
    content_type: str
    data: bytes | None

    @property
    def is_apply(self) -> bool:
        """Whether it is an apply of no certain version of an object."""
        metadata = self.body.get("metadata") if isinstance(self.body, Mapping) else None
        pinned = isinstance(metadata, Mapping) and ("resourceVersion" in metadata or "uid" in metadata)
        return self.content_type == APPLY_PATCH and not pinned


class Client:
    """Sends requests to one API server. Safe to use from several threads."""

    def __init__(self, access: Access, bounds: Limits) -> None:
        self._access = access
        self._limits = bounds
        self._patience = Patience(bounds.retry_timeout)
        self._lineage = Lineage()
        self._transport = Transport(access, bounds)

    @property
    def server(self) -> str:
        """Address of the API server, as configured."""
        return self._access.server.url

    @property
    def verifies(self) -> bool:
        """Whether the server's certificate is checked; there is nothing to check without TLS."""
        return self._access.server.verify or not self.server.startswith("https:")

    @property
    def ca_certificates(self) -> str:
        """What the server's certificate is checked against (PEM); empty if that is what the system trusts."""
        return self._access.server.authorities if self._access.server.verify else ""

    def get(self, path: str, query: Mapping[str, str] | None = None, kind: str = "") -> Response:
        """GET one object or document; ``kind`` is that of the object, where it is known."""
        return self.request("GET", path, query, {"kind": kind} if kind else None)

    def text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """GET a document that is no JSON, such as the log of a pod. One attempt.

        Raises:
            ApiError: the server refused it.
            HardeningError: the server could not be reached.
        """
        what = f"GET {self.server}{path}"
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        try:
            raw = self._transport.send("GET", url, self._transport.identity(), None, JSON)
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(what, self._access.server.proxy, error) from error
        if raw.status != 200:
            raise self._refusal(what, raw.status, raw.data, raw.headers)
        return bytes(raw.data).decode("utf-8", "replace")

    def pages(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """LIST in pages of 500, one List document each, so that a large list never is in memory as a whole.

        Each has ``items`` and ``metadata``. A continue token can expire while the list is read (410); the list is then
        read anew, unpaged, and objects may be yielded twice.
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
                yield _with_items(self.request("GET", path, query).body)
                return
            yield _with_items(page)
            token = page["metadata"].get("continue") or ""
            if not token:
                return

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Call a function for all items, at most ``concurrency`` at once; results in the order of the items.

        An exception (also Ctrl-C) ends it: what has not begun is not begun.
        """
        return call_all(function, items, self._limits.concurrency)

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
        deletes carry a precondition. Where an attempt got no answer, the response or the error says so: what the
        request asks for may then have been done already.

        Raises:
            ApiError: the server refused it, or something that is not the API answered.
            HardeningError: the server could not be reached, or what this run works for has ended.
        """
        data = None if body is None or method == "GET" else json.dumps(body, separators=(",", ":")).encode()
        request = _Request(method, path, query or {}, body, content_type, data)
        trouble = self._patience.begin()
        passed = False
        try:
            response = self._until_answered(request, trouble)
            passed = True
            return response
        except ApiError as error:
            passed = error.status not in (0, 429) and error.status < 500
            raise
        finally:
            trouble.end(passed)

    def watch(self, path: str, query: Mapping[str, str], seconds: float) -> Iterator[dict[str, Any]]:
        """Yield watch events until the server or the time ends the stream, after half a minute at the latest.

        Ends silently if the connection breaks.

        Raises:
            ApiError: the server refused it, or something that is not the API answered.
        """
        seconds = min(max(1.0, seconds), WATCH_SECONDS)
        url = f"{path}?{urlencode({**query, 'watch': 'true', 'timeoutSeconds': str(int(seconds))})}"
        try:
            raw = self._transport.stream(self.server + url, self._transport.identity(), seconds + 1)
        except urllib3.exceptions.HTTPError:
            return
        try:
            if raw.status >= 300:
                raise self._refusal(f"WATCH {self.server}{path}", raw.status, raw.read(), raw.headers)
            buffer = b""
            for chunk in raw.stream(amt=None):
                buffer += chunk
                *lines, buffer = buffer.split(b"\n")
                for line in lines:
                    if line.strip():
                        yield self._event(line, path)
        except urllib3.exceptions.HTTPError:
            return
        finally:
            raw.close()

    def _until_answered(self, request: _Request, trouble: Trouble) -> Response:
        what = f"{request.method} {self.server}{request.path}"
        url = self.server + request.path + (f"?{urlencode(request.query)}" if request.query else "")
        refused: Identity | None = None
        unanswered = False
        while True:
            self._lineage.end_if_broken()
            if self._patience.is_hopeless:
                raise HardeningError(f"{what} was not sent: the server has not answered anything for retry_timeout.")
            identity = self._transport.identity()
            try:
                raw = self._transport.send(request.method, url, identity, request.data, request.content_type)
            except urllib3.exceptions.HTTPError as error:
                if not may_pass(error) or not trouble.pause(self._limits.retry_timeout):
                    raise unreachable(what, self._access.server.proxy, error, _tries(trouble)) from error
                unanswered = True
                continue
            self._patience.answered()
            status, data = raw.status, raw.data
            if status == 401 and refused is None and self._transport.renew(identity):
                refused = identity
                continue
            if status >= 300:
                body = json_object(data)
                seconds = seconds_to_repeat(status, body, request.is_apply)
                if seconds and trouble.pause(seconds, asked_seconds(raw.headers.get("Retry-After"))):
                    # Who answers so may have passed the request on before.
                    unanswered = unanswered or status in (500, 502, 504)
                    continue
                raise self._refusal(what, status, data, raw.headers, _tries(trouble), unanswered)
            body = json_object(data)
            problem = wrong_success(request.method, request.path, request.body, body)
            if problem or body is None:
                raise unexpected_answer(what, status, "", problem, unanswered)
            return Response(body, read_warnings(raw.headers.getlist("Warning")), unanswered)

    def _refusal(
        self, what: str, status: int, data: bytes, headers: Mapping[str, str], tries: str = "", unanswered: bool = False
    ) -> ApiError:
        problem = "it is a redirect" if status < 400 else wrong_refusal(status, json_object(data), data)
        if problem:
            return unexpected_answer(what, status, headers.get("Location") or "", problem, unanswered)
        return api_error(what, status, data, tries, unanswered)

    def _event(self, line: bytes, path: str) -> dict[str, Any]:
        event = json_object(line)
        if event is None or not isinstance(event.get("object"), dict):
            raise unexpected_answer(f"WATCH {self.server}{path}", 200, "", "it is no watch event")
        return event


def connect(params: Mapping[str, Any]) -> Client:
    """Make the client that a module's connection options describe. Sends nothing yet."""
    return Client(find_access(params), limits(params))


def _with_items(page: dict[str, Any]) -> dict[str, Any]:
    """A list of nothing may come as null."""
    if page.get("items") is None:
        page["items"] = []
    return page


def _tries(trouble: Trouble) -> str:
    if trouble.failures < 2:
        return ""
    return f", {trouble.failures} times in {trouble.seconds:.0f} s"
