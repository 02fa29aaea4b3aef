# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries on the cluster what must be refused: dry runs and questions. Nothing is made by either. I/O only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.attempts import Attempt, attempts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.proof import ACCOUNTS, OBJECTS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.questions import (
    PATH,
    Question,
    all_questions,
)

DRY_RUN = {"dryRun": "All"}
REFUSED = ("violates PodSecurity", "ValidatingAdmissionPolicy", "admission webhook")
"""What the API server says where admission refuses; else a 403 is one of the rights of who verifies."""


@dataclass(frozen=True)
class Tried:
    """What came of it.

    Attributes:
        probes: as the report has them.
        unproven: by sort of probe, why nothing could be tried.
    """

    probes: Sequence[Mapping[str, Any]] = ()
    unproven: Mapping[str, str] = field(default_factory=dict)


def probe(
    client: Client,
    stages: Sequence[Mapping[str, Any]],
    registries: Mapping[str, str],
    policies: Mapping[str, Sequence[str]],
) -> Tried:
    """Try everything.

    Args:
        client: whose user should be able to make pods in the stages, and to ask who may do what.
        stages: those whose namespaces there are.
        registries: by name of a stage, a registry that is approved there.
        policies: by name of a stage, the policies that refuse in it.

    Raises:
        HardeningError: the server cannot be reached.
    """
    tried = [one for stage in stages for one in attempts(stage, registries[stage["name"]], policies[stage["name"]])]
    objects = client.map(lambda one: _try(client, one), tried)
    accounts = client.map(lambda one: _ask(client, one), list(all_questions(stages)))
    unproven = {
        sort: found[0]["message"]
        for sort, found in ((OBJECTS, objects), (ACCOUNTS, accounts))
        if found and all(entry["got"] == "error" for entry in found)
    }
    return Tried([*objects, *accounts], unproven)


def _try(client: Client, one: Attempt) -> dict[str, Any]:
    got, message = "allowed", None
    try:
        client.request("POST", one.path, DRY_RUN, one.body)
    except ApiError as error:
        said = error.message
        got = "refused" if error.status in (403, 422) and any(text in said for text in REFUSED) else "error"
        message = said.partition("the server answers ")[2][:500] or said[:500]
    return {"what": one.what, "object": asdict(one.place), "expected": one.expected, "got": got, "message": message}


def _ask(client: Client, one: Question) -> dict[str, Any]:
    got, message = "error", None
    try:
        # A question makes nothing, and with this nobody who reads the audit log has to know that.
        status = client.request("POST", PATH, DRY_RUN, one.body).body.get("status") or {}
        got = "allowed" if status.get("allowed") else "refused"
        message = str(status.get("reason") or "") or None
    except ApiError as error:
        message = error.message[:500]
    return {"what": one.what, "object": asdict(one.place), "expected": "refused", "got": got, "message": message}
