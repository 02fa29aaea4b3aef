# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what a revision keeps, what it never keeps, and which one is gone back to."""

from __future__ import annotations

import base64
import os
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import UNRECORDED, Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import Parent
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import (
    CONTENT,
    RETRY,
    Revision,
    read_revision,
    revision_body,
    sum_of,
    surplus,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.rollback import (
    at_time,
    before_current,
    by_number,
    read_time,
    split,
)

LAYER = Layer("rbac")
NOON = "2026-11-28T12:00:00Z"


def body(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "ml"}, **more}


CONFIG = body("ConfigMap", "a", data={"k": "v"})
SECRET = body("Secret", "s", data={"token": base64.b64encode(b"canary").decode()})


def revision(number: int, applied_at: str = NOON, members: tuple[Any, ...] | None = ()) -> Revision:
    return Revision(number, "sum", applied_at, "jane", "0.1.0", "", members)


def test_a_revision_is_read_as_it_was_written() -> None:
    read = read_revision(revision_body(LAYER, 3, [CONFIG], NOON, "jane", "why"))
    assert read == Revision(3, sum_of([CONFIG]), NOON, "jane", "0.1.0", "why", (CONFIG,))


def test_the_values_of_a_secret_are_never_kept() -> None:
    kept = revision_body(LAYER, 1, [SECRET], NOON, "jane")
    (member,) = read_revision(kept).members or ()
    assert member["data"] == {"token": ""}
    assert split([member, CONFIG]) == ([CONFIG], [member])
    assert UNRECORDED in member["metadata"]["annotations"]
    assert sum_of([member]) == sum_of([SECRET])


def test_the_sum_knows_content_and_nothing_else() -> None:
    retried = {**CONFIG, "metadata": {**CONFIG["metadata"], "annotations": {RETRY: "now"}}}
    assert sum_of([retried, SECRET]) == sum_of([SECRET, CONFIG])
    assert sum_of([CONFIG]) != sum_of([body("ConfigMap", "a", data={"k": "w"})])


@pytest.mark.parametrize("broken", ["", "!!", base64.b64encode(b"x").decode(), None])
def test_a_revision_that_was_tampered_with_is_refused(broken: str | None) -> None:
    live = revision_body(LAYER, 3, [CONFIG], NOON, "jane")
    other = revision_body(LAYER, 3, [SECRET], NOON, "jane")["binaryData"][CONTENT]
    live["binaryData"][CONTENT] = other if broken is None else broken
    with pytest.raises(HardeningError, match="its sum does not fit"):
        read_revision(live)


def test_what_is_too_large_is_noted_without_its_content() -> None:
    noise = base64.b64encode(os.urandom(1_000_000)).decode()
    live = revision_body(LAYER, 3, [body("ConfigMap", "a", data={"k": noise})], NOON, "jane")
    assert "binaryData" not in live
    with pytest.raises(HardeningError, match="too large"):
        by_number(LAYER, [read_revision(live)], 3)


@pytest.mark.parametrize(
    ("numbers", "current", "gone"),
    [([], 0, []), ([1, 2, 3, 4, 5], 5, []), ([1, 2, 3, 4, 5, 6, 7], 7, [1, 2]), ([1, 2, 3, 4, 5, 6, 7], 1, [2])],
)
def test_the_newest_five_and_the_current_one_are_kept(numbers: list[int], current: int, gone: list[int]) -> None:
    assert surplus(numbers, current) == gone


def test_which_revision_is_gone_back_to() -> None:
    kept = [revision(2, "2026-11-28T10:00:00Z"), revision(3, "2026-11-28T11:00:00Z"), revision(4)]
    assert before_current(LAYER, kept, Parent(revision=4)).number == 3
    assert by_number(LAYER, kept, 2).number == 2
    assert at_time(LAYER, kept, "2026-11-28T11:30:00Z") == kept[1]
    assert at_time(LAYER, [revision(1)], "2026-11-28T11:30:00Z") is None
    with pytest.raises(HardeningError, match="oldest revision is 2 of 2026-11-28T10:00:00Z"):
        at_time(LAYER, kept, "2026-11-28T09:00:00Z")
    with pytest.raises(HardeningError, match="no revision before the current one, 2"):
        before_current(LAYER, kept, Parent(revision=2))
    with pytest.raises(HardeningError, match="kept are 2, 3, 4"):
        by_number(LAYER, kept, 1)
    with pytest.raises(HardeningError, match="is not a time in UTC"):
        read_time("2026-11-28 12:00")
