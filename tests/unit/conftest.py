# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the unit tests of the engine: a client whose server is a fake, a list of answers."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import patience, transport
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.access import Access, Server
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.answers import place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import Limits
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.credentials import Credentials, Fixed, Identity

PATIENT = Limits()
NOBODY = Fixed(Identity())
Answer = tuple[int, object, dict[str, str]] | Exception


class Body(io.BytesIO):
    """Closes at its end, as the body of a real response does."""

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            self.close()
        return data


def as_served(url: str, status: int, body: object) -> object:
    """What a test says of an answer, with what every answer of an API server to that request has, too."""
    path = urlsplit(url).path
    place = place_of(path)
    if not isinstance(body, dict):
        return body
    if status >= 400:
        return {"kind": "Status", "apiVersion": "v1", **body}
    if "resources" in body:
        return {"kind": "APIResourceList", "groupVersion": path.split("/", 2)[2], **body}
    if "versions" in body:
        return {"kind": "APIGroup", "name": path.rpartition("/")[2], **body}
    if place is None or body.get("kind") == "Status":
        return body
    if "items" in body:
        items = [{**item, "metadata": {"name": "x", **item.get("metadata", {})}} for item in body["items"]]
        return {"kind": "List", "apiVersion": place.api_version, "metadata": {}, **body, "items": items}
    names = {"name": place.name or "x"} | ({"namespace": place.namespace} if place.namespace else {})
    return {"kind": "X", "apiVersion": place.api_version, **body, "metadata": {**names, **body.get("metadata", {})}}


@dataclass
class FakePool:
    """Stands in for urllib3's pool manager: gives its answers in turn and remembers what it was asked.

    Answers are status, body and headers; a body of bytes is given as it is, another as :func:`as_served` makes it.
    """

    answers: list[Answer]
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def request(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        self.asked.append((method, url, options))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        data = body if isinstance(body, bytes) else json.dumps(as_served(url, status, body)).encode()
        return urllib3.HTTPResponse(Body(data), headers, status, preload_content=options.get("preload_content", True))


@dataclass
class FakeClient:
    """A client of a fake server, and the seconds it slept."""

    client: Client
    pool: FakePool
    slept: list[float]


@pytest.fixture
def fake_client(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[Answer]], FakeClient]:
    """Makes clients whose time passes only while they sleep."""

    def make(answers: Sequence[Answer], limits: Limits = PATIENT, credentials: Credentials = NOBODY) -> FakeClient:
        pool, slept = FakePool(list(answers)), []
        clock = SimpleNamespace(now=0.0)

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            clock.now += seconds

        monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep, time=time.time))
        monkeypatch.setattr(transport, "open_pool", lambda _server, _pair, _concurrency: pool)
        return FakeClient(Client(Access(Server("https://fake:6443"), credentials), limits), pool, slept)

    return make
