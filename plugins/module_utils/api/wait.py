# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for many objects at once, by watch, under one deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import WATCH_SECONDS, Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import Target
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.pods_of import trouble_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.readiness import Readiness, readiness
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import Failure

WAIT_OPTIONS: dict[str, dict[str, Any]] = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}
"""Argument spec fragment; its documentation is the ``wait`` doc fragment."""

Judge: TypeAlias = "Callable[[Mapping[str, Any] | None], Readiness]"
Tell: TypeAlias = "Callable[[str], None]"
"""Takes what a user who waits should see."""
FIRST_LOOK_SECONDS = 4.0
"""After so long the pods of what is not ready are looked at, then in twice the time, up to that of a watch."""
TELL_SECONDS = 30.0
MOST_LOOKED_AT = 10
"""Objects of one kind and namespace whose pods are looked at, at a time."""


def wait_seconds(params: Mapping[str, Any]) -> float | None:
    """How long a module's parameters say to wait; None for not at all."""
    return float(params["wait_timeout"]) if params["wait"] else None


@dataclass(frozen=True)
class Deadline:
    """A point in time that all waiting shares. ``seconds`` is how long it was from the start, for messages."""

    seconds: float
    ends: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline so many seconds from now."""
        return cls(seconds, time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds left, negative if it is over."""
        return self.ends - time.monotonic()


def until_ready(obj: Mapping[str, Any] | None) -> Readiness:
    """Wait for an object to be ready."""
    return readiness(obj) if obj is not None else Readiness(False, "it is gone", failed=True)


def until_gone(obj: Mapping[str, Any] | None) -> Readiness:
    """Wait for an object to disappear."""
    if obj is None:
        return Readiness(True)
    finalizers = obj["metadata"].get("finalizers") or obj.get("spec", {}).get("finalizers") or []
    return Readiness(False, f"it is still there, finalizers: {', '.join(finalizers) or 'none'}")


def tell_nobody(_text: str) -> None:
    """Where nobody can see it."""


def wait_for(
    client: Client, targets: Sequence[Target], judge: Judge, deadline: Deadline, tell: Tell = tell_nobody
) -> list[Failure]:
    """Watch objects until ``judge`` is content with each; what is not by the deadline comes back as failures.

    Why pods do not start is looked for meanwhile: what will not pass is a failure at once, the rest is told.
    """

    def place(target: Target) -> tuple[str, str, str]:
        return (target[1].api_version, target[1].kind, target[0].namespace or "")

    batches = [list(batch) for _place, batch in groupby(sorted(targets, key=place), key=place)]
    outcomes = client.map(lambda batch: _Batch(client, batch, judge, deadline, tell).wait(), batches)
    return [failure for failures in outcomes for failure in failures]


class _Batch:
    """Objects of one kind and namespace that are waited for."""

    def __init__(self, client: Client, targets: list[Target], judge: Judge, deadline: Deadline, tell: Tell) -> None:
        self.client, self.judge, self.deadline, self.tell = client, judge, deadline, tell
        self.resource = targets[0][1]
        self.path = self.resource.path(targets[0][0].namespace)
        # A single object is watched by name: others of its kind may be many, and may not be ours to read.
        self.selector = {"fieldSelector": f"metadata.name={targets[0][0].name}"} if len(targets) == 1 else {}
        self.pending: dict[str, Manifest] = {manifest.name: manifest for manifest, _resource in targets}
        self.seen: dict[str, Mapping[str, Any]] = {}
        self.reasons: dict[str, str] = {}
        self.troubles: dict[str, str] = {}
        self.failures: list[Failure] = []
        self.told = time.monotonic()

    def wait(self) -> list[Failure]:
        """LIST, then watch from there; again if the watch ends."""
        seconds = FIRST_LOOK_SECONDS
        while self.pending:
            version = _look(self.client, self.path, self.selector, self.resource, self.pending, self.settle)
            if not self.pending or self.deadline.left <= 0:
                break
            if self._watch(version, min(seconds, self.deadline.left)):
                self._look_at_pods()
                self._tell_that_time_passes()
                seconds = min(2 * seconds, WATCH_SECONDS)
        self._look_at_pods()
        self.failures += [
            Failure(manifest, f"not ready after {self.deadline.seconds:g} s: {self.reasons[name]}", "Timeout")
            for name, manifest in self.pending.items()
        ]
        return self.failures

    def settle(self, name: str, obj: Mapping[str, Any] | None) -> None:
        """Judge an object, and wait for it no more if that is of no use."""
        verdict = self.judge(obj)
        self.reasons[name] = verdict.reason
        if obj is not None:
            self.seen[name] = {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **obj}
        if verdict.failed:
            self.failures.append(Failure(self.pending[name], verdict.reason, "Failed"))
        if verdict.ready or verdict.failed:
            del self.pending[name]

    def _watch(self, version: str, seconds: float) -> bool:
        """Follow what happens; False if that ended before its time."""
        began = time.monotonic()
        for event in _events(self.client, self.path, {**self.selector, "resourceVersion": version}, seconds):
            name = event.get("object", {}).get("metadata", {}).get("name")
            if event.get("type") == "ERROR":
                return False
            if name in self.pending:
                self.settle(name, None if event["type"] == "DELETED" else event["object"])
            if not self.pending or self.deadline.left <= 0:
                return True
        if time.monotonic() - began >= min(1.0, seconds):
            return True
        time.sleep(min(0.5, max(0.0, self.deadline.left)))  # the stream broke: do not LIST in a tight loop
        return False

    def _look_at_pods(self) -> None:
        """Add to each reason what its pods say; end the wait for what will not get better by itself."""
        for name in list(self.pending)[:MOST_LOOKED_AT]:
            if self.judge is not until_ready or name not in self.seen:
                continue
            trouble = trouble_of(self.client, self.seen[name])
            if trouble is None:
                continue
            reason = f"{readiness(self.seen[name]).reason}; {trouble}"
            if trouble.hopeless:
                self.failures.append(Failure(self.pending.pop(name), reason, "Failed"))
            elif not trouble.silent and trouble.text != self.troubles.get(name):
                self._say(name, reason)
            self.reasons[name], self.troubles[name] = reason, trouble.text

    def _tell_that_time_passes(self) -> None:
        if self.pending and time.monotonic() - self.told >= TELL_SECONDS:
            name = next(iter(self.pending))
            others = f" ({len(self.pending) - 1} others are not ready either)" if len(self.pending) > 1 else ""
            self._say(name, self.reasons[name] + others)

    def _say(self, name: str, reason: str) -> None:
        left = max(0, round(self.deadline.left))
        self.tell(f"Waiting for {self.pending[name].title}, {left} s at most: {reason}")
        self.told = time.monotonic()


def _look(
    client: Client,
    path: str,
    selector: Mapping[str, str],
    resource: Resource,
    pending: Mapping[str, Manifest],
    settle: Callable[[str, Mapping[str, Any] | None], None],
) -> str:
    """Judge the state as it is now; returns the resourceVersion to watch from."""
    found: dict[str, dict[str, Any]] = {}
    version = "0"
    try:
        for page in client.pages(path, selector):
            version = page["metadata"].get("resourceVersion") or "0"
            for item in page.get("items", []):
                name = item["metadata"]["name"]
                if name in pending:
                    found[name] = {"apiVersion": resource.api_version, "kind": resource.kind, **item}
    except ApiError as error:
        if error.status != 404:  # the kind itself is gone, and all its objects with it
            raise
    for name in list(pending):
        settle(name, found.get(name))
    return version


def _events(client: Client, path: str, query: Mapping[str, str], seconds: float) -> Iterator[dict[str, Any]]:
    try:
        yield from client.watch(path, query, max(1.0, seconds))
    except ApiError:
        return  # the resourceVersion is too old, or the server restarts: LIST again
