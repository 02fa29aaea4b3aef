# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that waiting looks first, follows the watch, starts over when it breaks, and ends with the deadline."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import wait as wait_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import (
    Deadline,
    until_gone,
    until_ready,
    wait_for,
)

FakeClients = Callable[..., Any]
PODS = Resource("v1", "Pod", "pods", True)
EXPIRED = (410, {"kind": "Status", "reason": "Expired"}, {})


def pod(name: str, phase: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "status": {"phase": phase}}


def listing(*pods: dict[str, Any]) -> Any:
    return (200, {"metadata": {"resourceVersion": "7"}, "items": list(pods)}, {})


def events(*pairs: tuple[str, dict[str, Any]]) -> Any:
    return (200, b"".join(json.dumps({"type": kind, "object": obj}).encode() + b"\n" for kind, obj in pairs), {})


def targets(*names: str) -> list[Any]:
    documents = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "ns"}} for name in names]
    return [(manifest, PODS) for manifest in parse_manifests(documents)]


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_module.time, "sleep", lambda _seconds: None)


def test_what_is_ready_already_needs_no_watch(fake_client: FakeClients) -> None:
    fake = fake_client([listing(pod("a", "Succeeded"), pod("b", "Succeeded"))])
    assert wait_for(fake.client, targets("a", "b"), until_ready, Deadline.after(60)) == []
    assert len(fake.pool.asked) == 1


def test_the_watch_goes_on_from_the_list(fake_client: FakeClients) -> None:
    done = events(("MODIFIED", pod("other", "Failed")), ("MODIFIED", pod("a", "Succeeded")))
    fake = fake_client([listing(pod("a", "Pending")), done])
    assert wait_for(fake.client, targets("a"), until_ready, Deadline.after(60)) == []
    assert "resourceVersion=7" in fake.pool.asked[1][1]
    assert "fieldSelector=metadata.name%3Da" in fake.pool.asked[1][1]


@pytest.mark.parametrize("broken", [events(), EXPIRED, events(("ERROR", {"kind": "Status", "code": 410}))])
def test_a_watch_that_breaks_is_begun_anew(fake_client: FakeClients, broken: Any) -> None:
    fake = fake_client([listing(pod("a", "Pending")), broken, listing(pod("a", "Succeeded"))])
    assert wait_for(fake.client, targets("a"), until_ready, Deadline.after(60)) == []


def test_what_fails_is_told_from_what_is_late(fake_client: FakeClients) -> None:
    fake = fake_client([listing(pod("bad", "Failed"), pod("late", "Pending"))])
    failures = wait_for(fake.client, targets("bad", "late", "gone"), until_ready, Deadline.after(0))
    assert {(failure.manifest.name, failure.reason) for failure in failures} == {
        ("bad", "Failed"),
        ("gone", "Failed"),
        ("late", "Timeout"),
    }


def test_every_batch_is_looked_at_once_even_after_the_deadline(fake_client: FakeClients) -> None:
    fake = fake_client([listing(pod("a", "Succeeded"))])
    assert wait_for(fake.client, targets("a"), until_ready, Deadline.after(-1)) == []


def test_gone_is_gone_by_event(fake_client: FakeClients) -> None:
    fake = fake_client([listing(pod("a", "Running")), events(("DELETED", pod("a", "Running")))])
    assert wait_for(fake.client, targets("a"), until_gone, Deadline.after(60)) == []


def test_objects_are_gone_with_their_kind(fake_client: FakeClients) -> None:
    fake = fake_client([(404, b"404 page not found", {})])
    assert wait_for(fake.client, targets("a", "b"), until_gone, Deadline.after(60)) == []


def test_what_stays_is_explained_by_its_finalizers() -> None:
    held = pod("a", "Running")
    held["metadata"]["finalizers"] = ["example.org/hold"]
    assert until_gone(held).reason == "it is still there, finalizers: example.org/hold"
