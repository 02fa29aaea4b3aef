# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies manifests: read, settle locally what is settled, rehearse the rest, write in waves, wait.

Everything that will be written is first sent as a dry run. Check mode ends there, so it reports exactly what the run
would do; and the real run writes nothing at all if one object would be refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import ApiError, Client, WarningLog
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery, Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.event_log import last_warning
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import is_settled, same_ownership
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import Target, live_key, read_live
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.object_diff import content
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.origin import is_marked, marked, needs_mark
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.readiness import is_waitable
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import (
    Failure,
    ObjectResult,
    Outcome,
    failure_error,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import (
    Ownership,
    Rehearsal,
    apply_object,
    explain,
    rehearse,
    rehearse_elsewhere,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.targets import resolve, unserved_error
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import Deadline, until_ready, wait_for
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.waves import CRD, NAMESPACE, in_waves

DISCOVERY_SECONDS = 15.0

Live: TypeAlias = "Mapping[str, Any] | None"


@dataclass(frozen=True)
class ApplyOptions:
    """How to apply.

    Attributes:
        check: only say what would be done.
        wait_seconds: how long to wait for all objects together to become ready; None not to wait.
    """

    ownership: Ownership
    check: bool = False
    wait_seconds: float | None = None


@dataclass(frozen=True)
class Step:
    """One object: what is wanted, what is there, and what the server said it would become.

    ``rehearsal`` is None where managedFields prove that nothing is to be done.
    """

    manifest: Manifest
    resource: Resource
    live: Live
    rehearsal: Rehearsal | None = None

    def needs_write(self, manager: str) -> bool:
        """Whether applying changes content or who owns it."""
        if self.rehearsal is None:
            return False
        if self.live is None:
            return True
        predicted = self.rehearsal.predicted
        return content(predicted) != content(self.live) or not same_ownership(predicted, self.live, manager)


def apply_manifests(
    client: Client,
    manifests: Sequence[Manifest],
    options: ApplyOptions,
    review: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Make the server hold these manifests.

    ``review`` sees what is going to happen before anything is written; what it raises ends the run there.

    Raises:
        HardeningError: something would be refused (nothing was changed), was refused after all, or did not get ready.
    """
    discovery = Discovery(client)
    resolved = resolve(discovery, manifests)
    if resolved.unserved:
        raise unserved_error(discovery, resolved.unserved)
    warnings = WarningLog()
    steps = plan(client, resolved.targets, manifests, options, warnings)
    unverified = [ObjectResult(manifest, "created", None, manifest.body, False) for manifest in resolved.deferred]
    predicted = Outcome(_in_order([*(_predict(step) for step in steps), *unverified]), tuple(warnings.texts))
    if review is not None:
        review(predicted)
    if options.check:
        return predicted
    deadline = Deadline.after(options.wait_seconds or 0.0)
    results, failures = _write(client, steps, options, warnings, _new_foundations(resolved.deferred, deadline))
    if resolved.deferred and not failures:
        _await_kinds(discovery, resolved.deferred, Deadline.after(DISCOVERY_SECONDS))
        later = apply_manifests(client, resolved.deferred, replace(options, wait_seconds=None))
        warnings.add(later.warnings)
        results += later.results
    outcome = Outcome(_in_order(results), tuple(warnings.texts))
    if failures:
        raise failure_error(_headline(results, failures), failures, outcome)
    if options.wait_seconds is not None:
        _wait_ready(client, discovery, outcome, deadline)
    return outcome


def plan(
    client: Client,
    targets: Sequence[Target],
    manifests: Sequence[Manifest],
    options: ApplyOptions,
    warnings: WarningLog,
) -> list[Step]:
    """Read the live state and rehearse whatever is not settled by it. Writes nothing.

    Raises:
        HardeningError: the server would refuse an object; all such objects are named.
    """
    live = read_live(client, targets)
    steps = [_step(manifest, resource, live.get(live_key(manifest))) for manifest, resource in targets]
    namespaces = [manifest for manifest in manifests if (manifest.group, manifest.kind) == NAMESPACE]
    brought = {namespace.name for namespace in namespaces}
    to_be_made = {namespace.name for namespace in namespaces if live_key(namespace) not in live}

    def try_out(step: Step) -> Step | Failure:
        if step.live is not None and step.live["metadata"].get("deletionTimestamp"):
            return Failure(step.manifest, "it is being deleted. Wait until it is gone, then run again.", "Terminating")
        if step.live is not None and is_settled(step.manifest.body, step.live, options.ownership.manager):
            return step
        try:
            if step.manifest.namespace in to_be_made:
                return replace(step, rehearsal=rehearse_elsewhere(client, step.manifest, step.resource))
            step, rehearsal = _rehearse(client, step, options.ownership)
        except ApiError as error:
            return Failure(step.manifest, explain(error, step.manifest, step.resource), error.reason)
        missing = rehearsal.namespace_missing
        if missing and missing not in brought and not options.check:
            return Failure(step.manifest, f"its namespace {missing} does not exist. Create it first.", "NotFound")
        return replace(step, rehearsal=rehearsal)

    tried = client.map(try_out, steps)
    failures = [step for step in tried if isinstance(step, Failure)]
    if failures:
        raise failure_error("The server would refuse this, nothing was changed", failures)
    planned = [step for step in tried if isinstance(step, Step)]
    for step in planned:
        if step.rehearsal is not None:
            warnings.add(step.rehearsal.warnings)
    return planned


def _step(manifest: Manifest, resource: Resource, live: Live) -> Step:
    return Step(marked(manifest) if is_marked(live) else manifest, resource, live)


def _rehearse(client: Client, step: Step, ownership: Ownership) -> tuple[Step, Rehearsal]:
    """Rehearse a step; one that would hide that the object is not ours is changed so that it does not."""
    rehearsal = rehearse(client, step.manifest, step.resource, ownership)
    if step.live is not None and needs_mark(step.manifest, step.live, rehearsal.predicted, ownership.manager):
        step = replace(step, manifest=marked(step.manifest))
        rehearsal = rehearse(client, step.manifest, step.resource, ownership)
    return step, rehearsal


def _predict(step: Step) -> ObjectResult:
    if step.rehearsal is None:
        return ObjectResult(step.manifest, "unchanged", step.live, step.live)
    predicted = _result(step, step.rehearsal.predicted, step.rehearsal.verified)
    return replace(predicted, warnings=step.rehearsal.warnings)


def _result(step: Step, after: Mapping[str, Any], verified: bool = True) -> ObjectResult:
    if step.live is None:
        return ObjectResult(step.manifest, "created", None, after, verified)
    if content(step.live) == content(after):
        return ObjectResult(step.manifest, "unchanged", step.live, after, verified)
    return ObjectResult(step.manifest, "configured", step.live, after, verified)


def _write(
    client: Client, steps: Sequence[Step], options: ApplyOptions, warnings: WarningLog, foundations: _Foundations
) -> tuple[list[ObjectResult], list[Failure]]:
    """Apply what needs it, wave by wave. A refusal does not keep the other objects from being tried."""
    manager = options.ownership.manager
    results = [_predict(step) for step in steps if not step.needs_write(manager)]
    failures: list[Failure] = []

    def write(pair: tuple[Manifest, Step]) -> ObjectResult | Failure:
        step = pair[1]
        try:
            response = apply_object(client, step.manifest, step.resource, options.ownership)
        except ApiError as error:
            return Failure(step.manifest, explain(error, step.manifest, step.resource), error.reason)
        warnings.add(response.warnings)
        return _result(step, response.body)

    for members in in_waves((step.manifest, step) for step in steps if step.needs_write(manager)):
        for written in client.map(write, members):
            if isinstance(written, Failure):
                failures.append(written)
            else:
                results.append(written)
    failures += foundations.wait(client, steps)
    return results, failures


@dataclass(frozen=True)
class _Foundations:
    """CRDs that must be established before the objects of their kinds can be applied."""

    kinds: frozenset[tuple[str, str]]
    deadline: Deadline

    def wait(self, client: Client, steps: Sequence[Step]) -> list[Failure]:
        crds = [
            (step.manifest, step.resource)
            for step in steps
            if (step.manifest.group, step.manifest.kind) == CRD
            and (step.manifest.body["spec"]["group"], step.manifest.body["spec"]["names"]["kind"]) in self.kinds
        ]
        return wait_for(client, crds, until_ready, self.deadline) if crds else []


def _new_foundations(deferred: Sequence[Manifest], deadline: Deadline) -> _Foundations:
    at_least = Deadline.after(max(deadline.left, 30.0))  # a CRD is established in a second or not at all
    return _Foundations(frozenset((manifest.group, manifest.kind) for manifest in deferred), at_least)


def _await_kinds(discovery: Discovery, manifests: Sequence[Manifest], deadline: Deadline) -> None:
    """A CRD is established a moment before discovery names its kind; what is missing in the end, the caller reports."""
    while True:
        discovery.forget({manifest.api_version for manifest in manifests})
        served = all(discovery.find(manifest.api_version, manifest.kind) for manifest in manifests)
        if served or deadline.left <= 0:
            return
        time.sleep(0.2)


def _wait_ready(client: Client, discovery: Discovery, outcome: Outcome, deadline: Deadline) -> None:
    targets: list[Target] = []
    for result in outcome.results:
        resource = discovery.find(result.manifest.api_version, result.manifest.kind)
        ready = result.after is not None and until_ready(result.after).ready
        if resource and is_waitable(result.manifest.group, result.manifest.kind) and not ready:
            targets.append((result.manifest, resource))
    failures = wait_for(client, targets, until_ready, deadline)
    if failures:
        live = {result.manifest.where: result.after for result in outcome.results if result.after is not None}
        explained = client.map(lambda failure: _with_warning(client, failure, live[failure.manifest.where]), failures)
        raise failure_error("Applied, but not ready", explained, outcome)


def _with_warning(client: Client, failure: Failure, live: Mapping[str, Any]) -> Failure:
    """A failure with what the controller of the object last complained of."""
    warning = last_warning(client, live)
    return replace(failure, message=f"{failure.message}. Last warning: {warning}") if warning else failure


def _in_order(results: Sequence[ObjectResult]) -> tuple[ObjectResult, ...]:
    """Results in the order in which the user wrote the manifests."""
    return tuple(sorted(results, key=lambda result: _position(result.manifest.where)))


def _position(where: str) -> tuple[int, ...]:
    return tuple(int(part.partition("]")[0]) for part in where.split("[")[1:])


def _headline(results: Sequence[ObjectResult], failures: Sequence[Failure]) -> str:
    done = sum(result.changed for result in results)
    return f"{len(failures)} objects failed ({done} others were changed; run again to finish)"
