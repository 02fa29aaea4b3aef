# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves when an ExternalSecret counts as fetched, and when only its past does."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.external_secret_sync import metadata_hash
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.readiness import Readiness, readiness

LABELS = {"b": "2", "a": "1"}
APPLIED = {"manager": "m", "operation": "Apply", "time": "2026-11-26T10:00:00Z"}
READY = {"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced"}
OLD = Readiness(False, "the operator has not fetched it again since it was changed")


def external_secret(synced: str | None, conditions: list[Any], **status: Any) -> dict[str, Any]:
    metadata = {"name": "s", "generation": 2, "labels": LABELS, "managedFields": [APPLIED]}
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": metadata,
        "status": {"conditions": conditions, **({"syncedResourceVersion": synced} if synced else {}), **status},
    }


NOW = f"2-{metadata_hash({'labels': LABELS})}"


def test_the_hash_is_that_of_the_operator() -> None:
    # What esutils.ObjectHash of version 0.20.4 prints for them.
    assert metadata_hash({}) == "f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"
    assert metadata_hash({"labels": LABELS}) == "34d5f4717d8d5942df322b4b2d4f4260fa627ff69278bd9fc50ebef2"


@pytest.mark.parametrize(
    ("obj", "verdict"),
    [
        (external_secret(NOW, [READY]), Readiness(True)),
        (external_secret(None, []), Readiness(False, "condition Ready is not reported yet")),
        (external_secret(NOW.replace("2-", "1-"), [READY]), OLD),
        (external_secret("2-other", [READY]), OLD),
        # The operator calls it ready, as its policy says to delete the Secret, or somebody else is to make it.
        (
            external_secret(NOW, [{**READY, "reason": "SecretDeleted", "message": "secret deleted at the provider"}]),
            Readiness(False, "there is no Secret: secret deleted at the provider"),
        ),
        (
            external_secret(NOW, [{**READY, "reason": "SecretMissing", "message": ""}]),
            Readiness(False, "there is no Secret: SecretMissing"),
        ),
        # A version with another hash.
        (external_secret("2-other", [READY], refreshTime="2026-11-26T09:59:59Z"), OLD),
        (external_secret("2-other", [READY], refreshTime="2026-11-26T10:00:00Z"), Readiness(True)),
        (
            external_secret(NOW, [{**READY, "status": "False", "message": "could not get secret data from provider"}]),
            Readiness(False, "condition Ready is False: could not get secret data from provider"),
        ),
    ],
)
def test_only_what_was_fetched_after_the_last_change_is_ready(obj: dict[str, Any], verdict: Readiness) -> None:
    assert readiness(obj) == verdict


@pytest.mark.parametrize("kind", ["SecretStore", "ClusterSecretStore"])
def test_a_store_is_ready_once_the_operator_has_logged_in(kind: str) -> None:
    store = {"apiVersion": "external-secrets.io/v1", "kind": kind, "metadata": {"generation": 1}}
    assert not readiness(store).ready
    assert readiness({**store, "status": {"conditions": [READY]}}).ready
