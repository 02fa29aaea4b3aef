# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a pod in each stage that tries connections, waits for it, reads what it says and deletes it. I/O only."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.if_there import delete_if_there
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.pod_phases import has_finished
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.pod import live_pod
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.reading import Outcome, read_outcomes
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.targets import Target

POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Run:
    """What is to be tried in a stage."""

    stage: Mapping[str, Any]
    targets: Sequence[Target]


@dataclass(frozen=True)
class Live:
    """What came of it.

    Attributes:
        outcomes: of all stages.
        failures: why nothing is known of a stage.
    """

    outcomes: Sequence[Outcome] = ()
    failures: Sequence[str] = field(default_factory=tuple)


def try_connections(client: Client, runs: Sequence[Run], image: str, seconds: int) -> Live:
    """Try it in all stages at once.

    Raises:
        HardeningError: the server cannot be reached.
    """
    found = client.map(lambda run: _try(client, run, image, seconds), runs)
    return Live(
        [outcome for outcomes, _failure in found for outcome in outcomes],
        [failure for _outcomes, failure in found if failure],
    )


def _try(client: Client, run: Run, image: str, seconds: int) -> tuple[list[Outcome], str]:
    namespace = run.stage["namespace"]
    pods = f"/api/v1/namespaces/{namespace}/pods"
    name = f"verify-connections-{secrets.token_hex(4)}"
    try:
        client.request("POST", pods, None, live_pod(run.stage, image, name, run.targets, seconds))
    except ApiError as error:
        # Sent again as nobody answered, and carried out the first time.
        if error.status != 409 or not error.unanswered:
            return [], f"no pod could be started in {namespace}: {error.message[:500]}"
    try:
        return read_outcomes(_finished(client, f"{pods}/{name}", seconds), run.targets), ""
    except (ApiError, ValueError) as error:
        return [], f"{namespace}/{name}: {error}"
    finally:
        delete_if_there(client, f"{pods}/{name}")


def _finished(client: Client, path: str, seconds: int) -> Mapping[str, Any]:
    """The pod, once it has finished.

    Raises:
        ValueError: it has not in time.
    """
    end = time.monotonic() + seconds
    while True:
        pod = client.get(path).body
        if has_finished(pod):
            return pod
        if time.monotonic() >= end:
            phase = (pod.get("status") or {}).get("phase") or "Pending"
            raise ValueError(f"it is still {phase} after {seconds} s (live_seconds)")
        time.sleep(POLL_SECONDS)
