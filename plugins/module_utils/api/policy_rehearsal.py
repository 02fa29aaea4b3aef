# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries policies on what runs, before they refuse anything: copies of them that warn, and dry runs. I/O only."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import version_path
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.policy_rehearsal_plan import (
    BINDING,
    LABEL,
    POLICY,
    Json,
    Refusal,
    candidate,
    copies,
    holds_in,
    marker,
    refusals,
    stands_alone,
    tightened,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import Outcome
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import Deadline
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures

MANAGER = "gpu_cluster.hardening.rehearsal"
IN_FORCE_SECONDS = 30.0
POLL_SECONDS = 0.3
_GROUP = "/apis/admissionregistration.k8s.io/v1"
_PATHS = {POLICY: f"{_GROUP}/validatingadmissionpolicies", BINDING: f"{_GROUP}/validatingadmissionpolicybindings"}
_KINDS = (
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("apps/v1", "DaemonSet", "daemonsets"),
    ("apps/v1", "ReplicaSet", "replicasets"),
    ("batch/v1", "CronJob", "cronjobs"),
    ("batch/v1", "Job", "jobs"),
    ("v1", "Pod", "pods"),
)
IN_CHECK_MODE = (
    "Admission policies get harder. What runs and would be refused is tried in the run itself, as that takes copies of "
    "them that warn; check mode makes nothing."
)
_REHEARSED = {"dryRun": "All", "fieldManager": MANAGER}


@dataclass
class Rehearsal:
    """What a review finds.

    Attributes:
        refused: workloads that run and would not be admitted again.
        untried: whether something gets harder and was not tried, as check mode makes no copies.
    """

    refused: list[Refusal] = field(default_factory=list)
    untried: bool = False


def reviewer(client: Client, on_violation: str, check: bool, found: Rehearsal) -> Callable[[Outcome], None]:
    """A review of what is going to be applied, which tries policies that get harder and notes it in ``found``.

    It raises :class:`HardeningError` if anything would be refused and ``on_violation`` is ``fail``.
    """

    def review(predicted: Outcome) -> None:
        objects = harder(predicted) if on_violation != "ignore" else []
        bodies = _workloads(client, objects) if objects else []
        if not bodies:
            return
        if check:
            found.untried = True
            return
        found.refused = _rehearse(client, objects, bodies)
        if found.refused and on_violation == "fail":
            raise HardeningError(
                join_failures("What runs would not be admitted again, nothing was changed", _lines(found))
                + "\nIt would keep running. Fix it, exempt it, or set on_violation: warn.",
                failures=[asdict(item) for item in found.refused],
            )

    return review


def harder(predicted: Outcome) -> list[Json]:
    """Policies and bindings that will deny where nothing does now; see :func:`policy_rehearsal_plan.tightened`."""
    here = [result for result in predicted.results if result.manifest.kind in _PATHS and result.after is not None]
    if not any(result.changed for result in here):
        return []
    live = [{"kind": result.manifest.kind, **result.before} for result in here if result.before is not None]
    return tightened([dict(result.manifest.body) for result in here], live)


def remarks(found: Rehearsal) -> list[str]:
    """What a user should be warned of."""
    warnings = [f"Runs, but would not be admitted again: {line}" for line in _lines(found)]
    return [*warnings, *([IN_CHECK_MODE] if found.untried else [])]


def _workloads(client: Client, objects: Sequence[Json]) -> list[Json]:
    """What runs where these policies hold and was made by somebody, as it would be made again."""
    return [
        candidate(item, api_version, kind)
        for api_version, kind, resource in _KINDS
        for page in client.pages(f"{version_path(api_version)}/{resource}")
        for item in page["items"]
        if stands_alone(item) and holds_in(objects, item["metadata"]["namespace"])
    ]


def _rehearse(client: Client, objects: Sequence[Json], bodies: Sequence[Json]) -> list[Refusal]:
    """Try policies on workloads. Nothing of it is there afterwards, also of a run that was interrupted before.

    Raises:
        HardeningError: the copies cannot be made, or the server does not act on them in time.
    """
    resources = {kind: resource for _version, kind, resource in _KINDS}

    def attempt(body: Json) -> list[Refusal]:
        namespace, resource = body["metadata"]["namespace"], resources[body["kind"]]
        place = f"{version_path(body['apiVersion'])}/namespaces/{namespace}/{resource}"
        try:
            answer = client.request("POST", place, _REHEARSED, body)
        except ApiError:
            return []  # refused already, by what is there now
        return refusals(body, body["metadata"]["name"].removesuffix("-check"), answer.warnings)

    with _in_force(client, copies(objects)):
        return [refusal for found in client.map(attempt, bodies) for refusal in found]


@contextmanager
def _in_force(client: Client, objects: Sequence[Json]) -> Iterator[None]:
    _clear(client)
    nonce = uuid.uuid4().hex[:8]
    last = marker(nonce)
    try:
        for item in [*objects, *last]:
            client.request("POST", _PATHS[item["kind"]], {"fieldManager": MANAGER}, item)
        _wait(client, last[0]["metadata"]["name"])
        yield
    finally:
        with contextlib.suppress(HardeningError):  # the next run clears what is left
            _clear(client)


def _wait(client: Client, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}
    deadline = Deadline.after(IN_FORCE_SECONDS)
    while True:
        answer = client.request("POST", "/api/v1/namespaces/default/configmaps", _REHEARSED, body)
        if any(name in text for text in answer.warnings):
            return
        if deadline.left < 0:
            raise HardeningError(
                f"The API server did not act on new admission policies within {deadline.seconds:g} s, so they could "
                "not be tried on what runs. Run again, or set on_violation: ignore."
            )
        time.sleep(POLL_SECONDS)


def _clear(client: Client) -> None:
    for kind in (BINDING, POLICY):
        names = [
            item["metadata"]["name"]
            for page in client.pages(_PATHS[kind], {"labelSelector": f"{LABEL}=true"})
            for item in page["items"]
        ]
        for name in names:
            with contextlib.suppress(ApiError):  # somebody else has cleared it
                client.request("DELETE", f"{_PATHS[kind]}/{name}")


def _lines(found: Rehearsal) -> list[str]:
    return [f"{item.kind} {item.namespace}/{item.name} ({item.policy}): {item.message}" for item in found.refused]
