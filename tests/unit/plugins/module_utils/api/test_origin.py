# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which objects are marked as adopted: those that would not tell by themselves that they are not ours."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest, parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.origin import (
    ADOPTED,
    is_marked,
    marked,
    needs_mark,
    other_owner,
)

CREATED, NOW = "2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z"
MAKER = {"manager": "kubectl-create", "operation": "Update", "time": CREATED, "fieldsV1": {"f:data": {}}}
LABELLER = {"manager": "kubectl-label", "operation": "Update", "time": NOW, "fieldsV1": {"f:metadata": {}}}
FINALIZER = {
    "manager": "operator",
    "operation": "Update",
    "time": CREATED,
    "fieldsV1": {"f:metadata": {"f:finalizers": {".": {}}}},
}
OURS = {"manager": "ours", "operation": "Apply", "time": NOW, "fieldsV1": {"f:data": {}}}
THEIR_APPLY = {**OURS, "manager": "theirs"}


def manifest(name: str = "x", **metadata: Any) -> Manifest:
    document = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, **metadata}}
    return parse_manifests([document])[0]


def live(*entries: dict[str, Any], **annotations: str) -> dict[str, Any]:
    managed = {"managedFields": list(entries)} if entries else {}
    return {"metadata": {"name": "x", "creationTimestamp": CREATED, "annotations": annotations, **managed}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (live(), live(OURS), True),
        (live(LABELLER), live(LABELLER, OURS), True),
        (live(MAKER), live(OURS), True),
        (live(MAKER), live(MAKER, OURS), False),
        (live(MAKER, OURS), live(OURS), True),
        (live(THEIR_APPLY, OURS), live(OURS), True),
        (live(OURS), live(OURS), False),
        (live(), live(), False),
        (live(LABELLER, OURS), live(LABELLER, OURS), False),
        (live(), live(OURS, **{ADOPTED: "true"}), False),
    ],
)
def test_an_object_is_marked_where_nothing_else_would_tell(before: Any, after: Any, expected: bool) -> None:
    assert needs_mark(manifest(), before, after, "ours") is expected


def test_what_kubernetes_makes_needs_no_mark() -> None:
    assert not needs_mark(manifest("default"), live(), live(OURS), "ours")


def test_the_mark_is_added_to_the_annotations() -> None:
    wanted = manifest(annotations={"team": "vision"})
    assert marked(wanted).body["metadata"]["annotations"] == {"team": "vision", ADOPTED: "true"}
    assert wanted.body["metadata"]["annotations"] == {"team": "vision"}
    assert is_marked(marked(wanted).body)
    assert not is_marked(wanted.body)
    assert not is_marked(None)


def test_a_finalizer_from_the_second_of_creation_is_of_a_controller_not_of_the_maker() -> None:
    # Ours has a later time, as it was applied again since.
    assert other_owner(live(FINALIZER, OURS), "ours") is None
    assert other_owner(live(MAKER, FINALIZER, OURS), "ours") == "kubectl-create"
