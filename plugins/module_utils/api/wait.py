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

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import Target
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.readiness import Readiness, readiness
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import Failure

WAIT_OPTIONS: dict[str, dict[str, Any]] = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}
"""Argument spec fragment; its documentation is the ``wait`` doc fragment."""

Judge: TypeAlias = "Callable[[Mapping[str, Any] | None], Readiness]"


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


def wait_for(client: Client, targets: Sequence[Target], judge: Judge, deadline: Deadline) -> list[Failure]:
    """Watch objects until ``judge`` is content with each; what is not by the deadline comes back as failures."""

    def place(target: Target) -> tuple[str, str, str]:
        return (target[1].api_version, target[1].kind, target[0].namespace or "")

    batches = [list(batch) for _place, batch in groupby(sorted(targets, key=place), key=place)]
    outcomes = client.map(lambda batch: _wait_for_batch(client, batch, judge, deadline), batches)
    return [failure for failures in outcomes for failure in failures]


def _wait_for_batch(client: Client, batch: list[Target], judge: Judge, deadline: Deadline) -> list[Failure]:
    """LIST, then watch from there; again if the watch ends early."""
    resource = batch[0][1]
    path = resource.path(batch[0][0].namespace)
    pending: dict[str, Manifest] = {manifest.name: manifest for manifest, _resource in batch}
    verdicts: dict[str, Readiness] = {}
    failures: list[Failure] = []

    def settle(name: str, obj: Mapping[str, Any] | None) -> None:
        verdicts[name] = verdict = judge(obj)
        if verdict.failed:
            failures.append(Failure(pending[name], verdict.reason, "Failed"))
        if verdict.ready or verdict.failed:
            del pending[name]

    # A single object is watched by name: others of its kind may be many, and may not be ours to read.
    selector = {"fieldSelector": f"metadata.name={batch[0][0].name}"} if len(batch) == 1 else {}
    while pending:
        version = _look(client, path, selector, resource, pending, settle)
        if not pending or deadline.left <= 0:
            break
        query = {**selector, "resourceVersion": version}
        for event in _events(client, path, query, deadline):
            name = event.get("object", {}).get("metadata", {}).get("name")
            if event.get("type") == "ERROR":
                break
            if name in pending:
                settle(name, None if event["type"] == "DELETED" else event["object"])
            if not pending or deadline.left <= 0:
                break
        else:
            time.sleep(min(0.5, max(0.0, deadline.left)))  # the stream broke: do not LIST in a tight loop
    failures += [
        Failure(manifest, f"not ready after {deadline.seconds:g} s: {verdicts[name].reason}", "Timeout")
        for name, manifest in pending.items()
    ]
    return failures


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


def _events(client: Client, path: str, query: Mapping[str, str], deadline: Deadline) -> Iterator[dict[str, Any]]:
    try:
        yield from client.watch(path, query, max(1.0, deadline.left))
    except ApiError:
        return  # the resourceVersion is too old, or the server restarts: LIST again
