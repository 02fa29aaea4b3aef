# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the unit tests of the engine: a client whose server is a fake, a list of answers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import client as client_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import Limits

PATIENT = Limits()
Answer = tuple[int, object, dict[str, str]] | Exception


class Body(io.BytesIO):
    """Closes at its end, as the body of a real response does."""

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            self.close()
        return data


@dataclass
class FakePool:
    """Stands in for urllib3's pool manager: gives its answers in turn and remembers what it was asked."""

    answers: list[Answer]
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def request(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        self.asked.append((method, url, options))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
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

    def make(answers: Sequence[Answer], limits: Limits = PATIENT) -> FakeClient:
        pool, slept = FakePool(list(answers)), []
        clock = SimpleNamespace(now=0.0)

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            clock.now += seconds

        monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
        api = SimpleNamespace(rest_client=SimpleNamespace(pool_manager=pool))
        monkeypatch.setattr(client_module.kubernetes_client, "ApiClient", lambda _configuration: api)
        configuration = SimpleNamespace(host="https://fake:6443", auth_settings=dict, ssl_ca_cert=None)
        return FakeClient(Client(configuration, limits), pool, slept)

    return make
