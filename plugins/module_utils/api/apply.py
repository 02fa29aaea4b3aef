# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies manifests: prepare (read, settle locally, rehearse the rest), carry out in waves, wait.

Everything that will be written is first sent as a dry run. Check mode ends there, so it reports exactly what the run
would do; and the real run writes nothing at all if one object would be refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.delete import delete_and_wait
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.event_log import last_warning
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import (
    Target,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.prepare import (
    ApplyOptions,
    Prepared,
    Step,
    in_order,
    predict,
    prepare,
    result_of,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.readiness import is_waitable
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import (
    Failure,
    ObjectResult,
    Outcome,
    failure_error,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import (
    apply_object,
    explain,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_warnings import WarningLog
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import (
    Deadline,
    Tell,
    tell_nobody,
    until_ready,
    wait_for,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.waves import CRD, in_waves

DAEMON_SET = ("apps", "DaemonSet")
DISCOVERY_SECONDS = 15.0
CRD_SECONDS = 30.0  # a CRD is established in a second or not at all
REPLACE_SECONDS = 120.0


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
    prepared = prepare(client, discovery, manifests, options)
    if review is not None:
        review(prepared.predicted)
    if options.check:
        return prepared.predicted
    deadline = Deadline.after(options.wait_seconds or 0.0)
    outcome = carry_out(client, discovery, prepared, options, deadline)
    if options.wait_seconds is not None:
        await_ready(client, discovery, outcome, deadline, options.tell)
    return outcome


def carry_out(
    client: Client, discovery: Discovery, prepared: Prepared, options: ApplyOptions, deadline: Deadline
) -> Outcome:
    """Write what was prepared, wave by wave. A refusal does not keep the other objects from being tried.

    Raises:
        HardeningError: objects were refused; carries what was done.
    """
    warnings = WarningLog()
    warnings.add(prepared.predicted.warnings)
    results, failures = _write(client, prepared.steps, options, warnings)
    results += prepared.left
    failures += _await_crds(client, prepared, deadline)
    if prepared.deferred and not failures:
        await_kinds(discovery, prepared.deferred, Deadline.after(DISCOVERY_SECONDS))
        later = prepare(client, discovery, prepared.deferred, options)
        written = carry_out(client, discovery, later, options, deadline)
        warnings.add(written.warnings)
        results += written.results
    outcome = Outcome(in_order(results), tuple(warnings.texts))
    if failures:
        raise failure_error(_headline(results, failures), failures, outcome)
    return outcome


def await_ready(
    client: Client, discovery: Discovery, outcome: Outcome, deadline: Deadline, tell: Tell = tell_nobody
) -> None:
    """Wait until what was applied is ready.

    Raises:
        HardeningError: something is not by the deadline; says what its controller complained of.
    """
    targets: list[Target] = []
    for result in outcome.results:
        if is_somebody_elses_trouble(result):
            continue
        resource = discovery.find(result.manifest.api_version, result.manifest.kind)
        ready = result.after is not None and until_ready(result.after).ready
        if resource and is_waitable(result.manifest.group, result.manifest.kind) and not ready:
            targets.append((result.manifest, resource))
    failures = wait_for(client, targets, until_ready, deadline, tell)
    if failures:
        live = {result.manifest.where: result.after for result in outcome.results if result.after is not None}
        explained = client.map(lambda failure: _with_warning(client, failure, live[failure.manifest.where]), failures)
        raise failure_error("Applied, but not ready", explained, outcome)


def is_somebody_elses_trouble(result: ObjectResult) -> bool:
    """Whether waiting for an object would only wait for nodes: of hundreds, one is always down.

    A DaemonSet that this run did not change is as ready as its nodes are.
    """
    return not result.changed and (result.manifest.group, result.manifest.kind) == DAEMON_SET


def unready_remarks(outcome: Outcome) -> list[str]:
    """What is not ready and was not waited for."""
    return [
        f"{result.manifest.title} is as it was and not ready: {verdict.reason}."
        for result in outcome.results
        if is_somebody_elses_trouble(result) and not (verdict := until_ready(result.after)).ready
    ]


def _write(
    client: Client, steps: Sequence[Step], options: ApplyOptions, warnings: WarningLog
) -> tuple[list[ObjectResult], list[Failure]]:
    results = [predict(step) for step in steps if not step.needs_write]
    failures: list[Failure] = []

    def write(pair: tuple[Manifest, Step]) -> ObjectResult | Failure:
        step = pair[1]
        try:
            if step.replaces:
                delete_and_wait(client, step.manifest, step.resource, step.live or {}, REPLACE_SECONDS)
            response = apply_object(client, step.manifest, step.resource, options.ownership)
        except ApiError as error:
            return Failure(step.manifest, explain(error, step.manifest, step.resource), error.reason)
        warnings.add(response.warnings)
        return result_of(step, response.body)

    for members in in_waves((step.manifest, step) for step in steps if step.needs_write):
        for written in client.map(write, members):
            if isinstance(written, Failure):
                failures.append(written)
            else:
                results.append(written)
    return results, failures


def _await_crds(client: Client, prepared: Prepared, deadline: Deadline) -> list[Failure]:
    """CRDs must be established before the objects of their kinds can be applied."""
    kinds = {(manifest.group, manifest.kind) for manifest in prepared.deferred}
    crds = [
        (step.manifest, step.resource)
        for step in prepared.steps
        if (step.manifest.group, step.manifest.kind) == CRD
        and (step.manifest.body["spec"]["group"], step.manifest.body["spec"]["names"]["kind"]) in kinds
    ]
    at_least = Deadline.after(max(deadline.left, CRD_SECONDS))
    return wait_for(client, crds, until_ready, at_least) if crds else []


def await_kinds(discovery: Discovery, manifests: Sequence[Manifest], deadline: Deadline) -> None:
    """A CRD is established a moment before discovery names its kind; what is missing in the end, the caller reports."""
    while True:
        discovery.forget({manifest.api_version for manifest in manifests})
        served = all(discovery.find(manifest.api_version, manifest.kind) for manifest in manifests)
        if served or deadline.left <= 0:
            return
        time.sleep(0.2)


def _with_warning(client: Client, failure: Failure, live: Mapping[str, Any]) -> Failure:
    """A failure with what the controller of the object last complained of."""
    warning = last_warning(client, live)
    return replace(failure, message=f"{failure.message}. Last warning: {warning}") if warning else failure


def _headline(results: Sequence[ObjectResult], failures: Sequence[Failure]) -> str:
    done = sum(result.changed for result in results)
    return f"{len(failures)} objects failed ({done} others were changed; run again to finish)"
