# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries policies on what runs, before they refuse anything: copies of them that warn, and dry runs. I/O only."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.rehearsal_plan import (
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
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import version_path
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import Deadline
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

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
_REHEARSED = {"dryRun": "All", "fieldManager": MANAGER}


def pending(client: Client, wanted: Sequence[Json]) -> list[Json]:
    """Policies and bindings that will deny where nothing does now; see :func:`rehearsal_plan.tightened`."""
    if not any(item["kind"] == POLICY for item in wanted):
        return []
    live = [
        {"kind": kind, **item} for kind, path in _PATHS.items() for page in client.pages(path) for item in page["items"]
    ]
    return tightened(wanted, live)


def workloads(client: Client, objects: Sequence[Json]) -> list[Json]:
    """What runs where these policies hold and was made by somebody, as it would be made again."""
    return [
        candidate(item, api_version, kind)
        for api_version, kind, resource in _KINDS
        for page in client.pages(f"{version_path(api_version)}/{resource}")
        for item in page["items"]
        if stands_alone(item) and holds_in(objects, item["metadata"]["namespace"])
    ]


def rehearse(client: Client, objects: Sequence[Json], bodies: Sequence[Json]) -> list[Refusal]:
    """Try policies (from :func:`pending`) on workloads (from :func:`workloads`).

    Nothing of it is there afterwards, also of a run that was interrupted before.

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
                "not be tried on what runs. Run again, or set admission_policies_on_violation: ignore."
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
