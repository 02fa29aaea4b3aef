# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what counts as content, and that a Secret's values are masked wherever an object may be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.object_diff import (
    LAST_APPLIED,
    content,
    mask_manifest,
    masked,
)


def test_content_is_without_what_the_server_keeps() -> None:
    kept = {"name": "x", "labels": {"a": "b"}, "annotations": {"note": "c"}}
    servers = {
        "uid": "1",
        "resourceVersion": "2",
        "generation": 3,
        "managedFields": [],
        "creationTimestamp": "t",
    }
    live = {"kind": "X", "metadata": {**kept, **servers}, "status": {"phase": "Active"}, "data": {"a": "1"}}
    live["metadata"]["annotations"] = {"note": "c", LAST_APPLIED: "{}"}  # type: ignore[index]
    assert content(live) == {"kind": "X", "metadata": kept, "data": {"a": "1"}}
    assert content(None) == {}


def secret(**data: str) -> dict[str, Any]:
    return {"kind": "Secret", "metadata": {"name": "x"}, "data": data}


def test_masked_secrets_show_which_values_differ() -> None:
    before, after = masked(secret(a="1", b="2"), secret(a="1", b="3", c="4"))
    assert before["data"] == {"a": "<masked>", "b": "<masked>"}
    assert after["data"] == {"a": "<masked>", "b": "<masked, changed>", "c": "<masked, changed>"}


def test_a_secret_that_comes_or_goes_is_masked() -> None:
    assert masked(None, secret(a="1")) == ({}, secret(a="<masked, changed>"))
    assert masked(secret(a="1"), None) == (secret(a="<masked>"), {})


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Secret", "data": {"a": "canary"}},
        {"kind": "Secret", "stringData": "canary"},
        {"kind": "Secret", "misspelt": {"a": "canary"}},
        {"kind": "Secret", "metadata": "canary"},
        {"kind": "Secret", "metadata": {"annotations": {LAST_APPLIED: "canary"}}},
        {"kind": "secret", "data": {"a": "canary"}},
        {"data": {"a": "canary"}},
        {"kind": None, "data": {"a": "canary"}},
        {"kind": "Sekret", "stringData": {"a": "canary"}},
        {"kind": "List", "items": [{"kind": "Secret", "data": {"a": "canary"}}]},
        {"kind": "SecretList", "items": [{"data": {"a": "canary"}}]},
        "kind: Secret, data: canary",
    ],
)
def test_whatever_may_be_a_secret_is_logged_without_values(document: object) -> None:
    assert "canary" not in json.dumps(mask_manifest(document))


def test_other_manifests_are_logged_as_they_are() -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}
    assert mask_manifest(document) == document
    assert mask_manifest(None) is None
