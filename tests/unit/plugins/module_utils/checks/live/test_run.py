# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a pod is deleted whatever comes of it, and that what could not be tried is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live import run as run_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.run import Run, try_connections
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.targets import Target
from good_cluster import STAGES

IMAGE = "registry.internal/python@sha256:" + "0" * 64
RUN = Run(STAGES[0], [Target("ml-training", "api_server", "192.0.2.1", 6443, False)])
MADE = (201, {"kind": "Pod", "metadata": {"name": "verify-connections-x", "namespace": "ml-training"}}, {})
DELETED = (200, {"kind": "Pod"}, {})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(run_module.secrets, "token_hex", lambda _bytes: "x")


def answer(phase: str, message: str = "") -> tuple[int, Any, dict[str, str]]:
    statuses = [{"state": {"terminated": {"message": message}}}]
    return 200, {"kind": "Pod", "status": {"phase": phase, "containerStatuses": statuses}}, {}


def test_what_the_pod_says_is_read_and_it_is_deleted(fake_client: Callable[[Sequence[Any]], Any]) -> None:
    said = answer("Succeeded", json.dumps({"results": "o"}))
    fake = fake_client([MADE, answer("Pending"), said, DELETED])
    live = try_connections(fake.client, [RUN], IMAGE, 60)
    assert [outcome.got for outcome in live.outcomes] == ["allowed"] and live.failures == []
    assert [method for method, _url, _options in fake.pool.asked] == ["POST", "GET", "GET", "DELETE"]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([(403, {"message": "denied: the image is not approved here"}, {})], "no pod could be started in ml-training"),
        ([MADE, answer("Running"), DELETED], "it is still Running after 0 s"),
        ([MADE, answer("Failed", "no python3"), DELETED], "no python3"),
    ],
)
def test_what_could_not_be_tried_is_said(
    answers: Sequence[Any], says: str, fake_client: Callable[[Sequence[Any]], Any]
) -> None:
    fake = fake_client(answers)
    live = try_connections(fake.client, [RUN], IMAGE, 0)
    assert not live.outcomes and says in live.failures[0]
    assert [method for method, _url, _options in fake.pool.asked][-1] == ("DELETE" if len(answers) > 1 else "POST")
