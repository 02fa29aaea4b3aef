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


DEPLOYMENTS = Resource("apps/v1", "Deployment", "deployments", True)
UNREADY = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 0}


def deployment(name: str, status: dict[str, Any]) -> dict[str, Any]:
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}}
    return {"metadata": {"name": name, "namespace": "ns", "generation": 1}, "spec": spec, "status": status}


def waiting_pod(reason: str) -> dict[str, Any]:
    waiting = {"name": "main", "state": {"waiting": {"reason": reason, "message": "why"}}}
    return {"metadata": {"name": "web-1", "namespace": "ns"}, "status": {"containerStatuses": [waiting]}}


def wait_for_web(fake: Any, seconds: float, told: list[str]) -> list[Any]:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "ns"}}
    (manifest,) = parse_manifests([body])
    return wait_for(fake.client, [(manifest, DEPLOYMENTS)], until_ready, Deadline.after(seconds), told.append)


@pytest.fixture
def passing_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock takes two seconds."""
    clock = iter(range(0, 10_000, 2))
    monkeypatch.setattr(wait_module.time, "monotonic", lambda: float(next(clock)))


@pytest.mark.usefixtures("passing_time")
def test_what_its_pods_say_ends_the_wait_where_nothing_will_change(fake_client: FakeClients) -> None:
    fake = fake_client([listing(deployment("web", UNREADY)), events(), listing(waiting_pod("InvalidImageName"))])
    told: list[str] = []
    (failure,) = wait_for_web(fake, 600, told)
    assert failure.reason == "Failed"
    assert failure.message == (
        "0 of 1 pods are available; pod web-1 does not start: container main: InvalidImageName: why"
    )
    assert "labelSelector=app%3Dweb" in fake.pool.asked[2][1]


@pytest.mark.usefixtures("passing_time")
def test_what_may_pass_is_told_once_at_once_and_then_that_time_passes(fake_client: FakeClients) -> None:
    look = [listing(deployment("web", UNREADY)), events(), listing(waiting_pod("ImagePullBackOff"))]
    done = deployment("web", {**UNREADY, "availableReplicas": 1})
    told: list[str] = []
    assert wait_for_web(fake_client([*look * 4, listing(done)]), 10_000, told) == []
    assert "pod web-1 does not start: container main: ImagePullBackOff: why" in told[0]
    assert all(text.startswith("Waiting for Deployment ns/web, ") for text in told)
    assert 1 < len(told) < 4


def test_the_end_of_the_time_says_what_the_pods_say(fake_client: FakeClients) -> None:
    fake = fake_client([listing(deployment("web", UNREADY)), listing(waiting_pod("ImagePullBackOff"))])
    (failure,) = wait_for_web(fake, 0, [])
    assert failure.reason == "Timeout"
    assert failure.message.startswith("not ready after 0 s: 0 of 1 pods are available; pod web-1 does not start")


def test_pods_that_are_not_ours_to_read_change_nothing(fake_client: FakeClients) -> None:
    fake = fake_client([listing(deployment("web", UNREADY)), (403, {"reason": "Forbidden"}, {})])
    (failure,) = wait_for_web(fake, 0, [])
    assert failure.message == "not ready after 0 s: 0 of 1 pods are available"
