# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out what applying manifests would do: read, settle locally, rehearse the rest. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery, Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import is_settled, same_ownership
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import (
    Key,
    live_key,
    read_live,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import (
    Existing,
    reason_to_leave,
    reason_to_refuse,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.object_diff import content
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.origin import is_marked, marked, needs_mark
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import (
    Failure,
    ObjectResult,
    Outcome,
    failure_error,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import (
    Ownership,
    Rehearsal,
    explain,
    is_immutable,
    rehearse,
    rehearse_anew,
    rehearse_elsewhere,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_warnings import WarningLog
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.targets import resolve, unserved_error
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import Tell, tell_nobody
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.waves import NAMESPACE

Live: TypeAlias = "Mapping[str, Any] | None"


@dataclass(frozen=True)
class ApplyOptions:
    """How to apply.

    Attributes:
        check: only say what would be done.
        wait_seconds: how long to wait for all objects together to become ready; None not to wait.
        rehearse: try new objects by dry run first. Without it a refusal shows only when others are written already,
            and a new object costs one request instead of two.
        part_of: id of the apply set that the objects are members of, empty for none. An object of another set is
            refused; a namespace of another set is left to it.
        existing: what to do with objects that are there and were never applied by us.
        replaceable: ``namespace/name`` of objects that may be deleted and made anew where a change is impossible.
        tell: takes what a user who waits should see.
    """

    ownership: Ownership
    check: bool = False
    wait_seconds: float | None = None
    rehearse: bool = True
    part_of: str = ""
    existing: Existing = "adopt"
    replaceable: frozenset[str] = frozenset()
    tell: Tell = tell_nobody


@dataclass(frozen=True)
class Step:
    """One object: what is wanted, what is there, and what the server said it would become.

    Attributes:
        rehearsal: None where managedFields prove that nothing is to be done, or where new objects are not tried.
        replaces: the object has to be deleted first, as what differs cannot be changed.
    """

    manifest: Manifest
    resource: Resource
    live: Live
    rehearsal: Rehearsal | None = None
    needs_write: bool = False
    replaces: bool = False


@dataclass(frozen=True)
class Prepared:
    """What is going to be done: nothing was written yet.

    Attributes:
        steps: objects of kinds that are served.
        deferred: objects of kinds that a CustomResourceDefinition among the same manifests brings.
        left: objects that are left to whom they belong.
        predicted: all results as they would be.
    """

    steps: tuple[Step, ...]
    deferred: tuple[Manifest, ...]
    left: tuple[ObjectResult, ...]
    predicted: Outcome

    @property
    def changes_ownership(self) -> bool:
        """Whether anything is to be written, also where no content changes."""
        return bool(self.deferred) or any(step.needs_write for step in self.steps)


def prepare(
    client: Client,
    discovery: Discovery,
    manifests: Sequence[Manifest],
    options: ApplyOptions,
    known: Mapping[Key, dict[str, Any]] | None = None,
) -> Prepared:
    """Read the live state, and rehearse whatever is not settled by it. Writes nothing.

    Args:
        client: the server.
        discovery: what it serves.
        manifests: what is wanted.
        options: how it is to be applied.
        known: live objects that were read already; the others are read here.

    Raises:
        HardeningError: the server would refuse an object; all such objects are named.
    """
    resolved = resolve(discovery, manifests)
    if resolved.unserved:
        raise unserved_error(discovery, resolved.unserved)
    live = dict(known or {})
    live.update(read_live(client, [target for target in resolved.targets if live_key(target[0]) not in live]))
    warnings = WarningLog()
    left: list[ObjectResult] = []
    steps: list[Step] = []
    for manifest, resource in resolved.targets:
        state = live.get(live_key(manifest))
        reason = reason_to_leave(manifest, state, options.part_of, options.existing, options.ownership.manager)
        if reason:
            left.append(ObjectResult(manifest, "unchanged", state, state, reason=reason))
        else:
            steps.append(_step(manifest, resource, state))
    tried = _rehearse_all(client, steps, _Surroundings.of(manifests, live), options)
    failures = [step for step in tried if isinstance(step, Failure)]
    if failures:
        raise failure_error("The server would refuse this, nothing was changed", failures)
    planned = tuple(step for step in tried if isinstance(step, Step))
    for step in planned:
        if step.rehearsal is not None:
            warnings.add(step.rehearsal.warnings)
    unverified = [ObjectResult(manifest, "created", None, manifest.body, False) for manifest in resolved.deferred]
    results = in_order([*(predict(step) for step in planned), *left, *unverified])
    return Prepared(planned, resolved.deferred, tuple(left), Outcome(results, tuple(warnings.texts)))


@dataclass(frozen=True)
class _Surroundings:
    """Namespaces among the manifests: all of them, and those that are yet to be made."""

    brought: frozenset[str]
    to_be_made: frozenset[str]

    @classmethod
    def of(cls, manifests: Sequence[Manifest], live: Mapping[Key, Any]) -> _Surroundings:
        namespaces = [manifest for manifest in manifests if (manifest.group, manifest.kind) == NAMESPACE]
        return cls(
            frozenset(namespace.name for namespace in namespaces),
            frozenset(namespace.name for namespace in namespaces if live_key(namespace) not in live),
        )


def _rehearse_all(
    client: Client, steps: Sequence[Step], around: _Surroundings, options: ApplyOptions
) -> list[Step | Failure]:
    def try_out(step: Step) -> Step | Failure:
        problem = _obstacle(step, options)
        if problem is not None:
            return problem
        if step.live is not None and is_settled(step.manifest.body, step.live, options.ownership.manager):
            return step
        if step.live is None and not options.rehearse and not options.check:
            return replace(step, needs_write=True)
        try:
            return _tried(client, step, around, options)
        except ApiError as error:
            return Failure(step.manifest, explain(error, step.manifest, step.resource), error.reason)

    return client.map(try_out, steps)


def _obstacle(step: Step, options: ApplyOptions) -> Failure | None:
    """Why an object cannot be applied, whatever the server would say to it."""
    if step.live is None:
        return None
    if step.live["metadata"].get("deletionTimestamp"):
        return Failure(step.manifest, "it is being deleted. Wait until it is gone, then run again.", "Terminating")
    problem = reason_to_refuse(step.live, options.part_of, options.existing, options.ownership.manager)
    return Failure(step.manifest, problem, "AlreadyExists") if problem else None


def _tried(client: Client, step: Step, around: _Surroundings, options: ApplyOptions) -> Step | Failure:
    if step.manifest.namespace in around.to_be_made:
        return replace(step, rehearsal=rehearse_elsewhere(client, step.manifest, step.resource), needs_write=True)
    try:
        step, rehearsal = _rehearse(client, step, options.ownership)
    except ApiError as error:
        if step.live is None or not is_immutable(error) or step.manifest.full_name not in options.replaceable:
            raise
        return replace(
            step,
            rehearsal=rehearse_anew(client, step.manifest, step.resource, options.ownership),
            needs_write=True,
            replaces=True,
        )
    missing = rehearsal.namespace_missing
    if missing and missing not in around.brought and not options.check:
        return Failure(step.manifest, f"its namespace {missing} does not exist. Create it first.", "NotFound")
    return replace(step, rehearsal=rehearsal, needs_write=_differs(step, rehearsal, options.ownership.manager))


def _differs(step: Step, rehearsal: Rehearsal, manager: str) -> bool:
    """Whether applying changes content or who owns it."""
    if step.live is None:
        return True
    predicted = rehearsal.predicted
    return content(predicted) != content(step.live) or not same_ownership(predicted, step.live, manager)


def _step(manifest: Manifest, resource: Resource, live: Live) -> Step:
    return Step(marked(manifest) if is_marked(live) else manifest, resource, live)


def _rehearse(client: Client, step: Step, ownership: Ownership) -> tuple[Step, Rehearsal]:
    """Rehearse a step; one that would hide that the object is not ours is changed so that it does not."""
    rehearsal = rehearse(client, step.manifest, step.resource, ownership)
    if step.live is not None and needs_mark(step.manifest, step.live, rehearsal.predicted, ownership.manager):
        step = replace(step, manifest=marked(step.manifest))
        rehearsal = rehearse(client, step.manifest, step.resource, ownership)
    return step, rehearsal


def predict(step: Step) -> ObjectResult:
    """What a step is going to do."""
    if step.rehearsal is None:
        return result_of(step, step.manifest.body) if step.needs_write else unchanged(step)
    predicted = result_of(step, step.rehearsal.predicted, step.rehearsal.verified)
    return replace(predicted, warnings=step.rehearsal.warnings)


def unchanged(step: Step) -> ObjectResult:
    """Nothing is to be done."""
    return ObjectResult(step.manifest, "unchanged", step.live, step.live)


def result_of(step: Step, after: Mapping[str, Any], verified: bool = True) -> ObjectResult:
    """What a step did, or would do, given the object as it is afterwards."""
    if step.live is None and comes_by_itself(step.manifest):
        return ObjectResult(step.manifest, "configured", bare(step.manifest), after, verified)
    if step.live is None:
        return ObjectResult(step.manifest, "created", None, after, verified)
    if step.replaces:
        return ObjectResult(step.manifest, "replaced", step.live, after, verified)
    if content(step.live) == content(after):
        return ObjectResult(step.manifest, "unchanged", step.live, after, verified)
    return ObjectResult(step.manifest, "configured", step.live, after, verified)


def comes_by_itself(manifest: Manifest) -> bool:
    """Whether the control plane makes an object with its namespace, so that it is there before it is applied.

    Where the namespace is yet to be made it cannot be seen.
    """
    return (manifest.group, manifest.kind, manifest.name) == ("", "ServiceAccount", "default")


def bare(manifest: Manifest) -> dict[str, Any]:
    """Such an object as the control plane makes it."""
    metadata = {"name": manifest.name, "namespace": manifest.namespace}
    return {"apiVersion": manifest.api_version, "kind": manifest.kind, "metadata": metadata}


def in_order(results: Sequence[ObjectResult]) -> tuple[ObjectResult, ...]:
    """Results in the order in which the user wrote the manifests."""
    return tuple(sorted(results, key=lambda result: _position(result.manifest.where)))


def _position(where: str) -> tuple[int, ...]:
    return tuple(int(part.partition("]")[0]) for part in where.split("[")[1:])
