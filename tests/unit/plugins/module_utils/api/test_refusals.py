# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which refusals are waited for, and that each message says what was asked, where, and what to do."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import (
    BRIEF_SECONDS,
    api_error,
    json_object,
    seconds_to_repeat,
    unexpected_answer,
)

REQUEST = "PATCH https://lab:6443/api/v1/namespaces/ml/configmaps/a"
GONE = 'failed calling webhook "check.example.org": failed to call webhook: Post "https://x.svc": service "x" not found'
BROKEN = 'failed calling webhook "check.example.org": failed to call webhook: no endpoints available for service "x"'
MODIFIED = "Operation cannot be fulfilled on configmaps: the object has been modified; please apply your changes"


def status(message: str, reason: str = "", causes: Any = ()) -> dict[str, Any]:
    details = {"causes": list(causes)} if causes else None
    return {"kind": "Status", "message": message, **({"reason": reason} if reason else {}), "details": details}


@pytest.mark.parametrize(
    ("code", "body", "seconds"),
    [
        (429, None, math.inf),
        (503, status("busy", "ServiceUnavailable"), math.inf),
        (500, None, math.inf),
        (500, status("etcdserver: leader changed"), math.inf),
        (500, status("etcdserver: request timed out"), math.inf),
        (500, status("rpc error", "InternalError"), BRIEF_SECONDS),
        (500, status("request timed out"), BRIEF_SECONDS),
        (500, status(BROKEN, "InternalError"), BRIEF_SECONDS),
        (500, status(GONE, "InternalError"), 0),
        (500, status("failed to create typed patch object (a; v1, Kind=ConfigMap): .x: field not declared"), 0),
        (409, status(MODIFIED, "Conflict"), BRIEF_SECONDS),
        (409, status("taken", "Conflict", [{"reason": "FieldManagerConflict"}]), 0),
        (403, status("not yet ready to handle request", "Forbidden"), BRIEF_SECONDS),
        (403, status('User "x" cannot patch', "Forbidden"), 0),
        (404, status("not found", "NotFound"), 0),
        (422, status("invalid", "Invalid"), 0),
        (302, None, 0),
    ],
)
def test_what_can_pass_is_waited_for(code: int, body: Any, seconds: float) -> None:
    assert seconds_to_repeat(code, body, is_apply=True) == seconds


def test_a_conflict_of_what_names_a_version_is_for_the_caller() -> None:
    assert seconds_to_repeat(409, status(MODIFIED, "Conflict"), is_apply=False) == 0


@pytest.mark.parametrize(
    ("code", "text", "reason", "advice"),
    [
        (401, "Unauthorized", "Unauthorized", "renew the kubeconfig or token"),
        (403, 'User "x" cannot patch resource', "Forbidden", "grant that verb"),
        (409, MODIFIED, "Conflict", "find out who"),
        (413, "too large", "", "larger than the server"),
        (429, "busy", "TooManyRequests", "smaller concurrency"),
        (500, GONE, "InternalError", "Look at the admission webhook 'check.example.org'"),
        (500, "etcdserver: leader changed", "", "Look at the API server"),
        (503, "away", "", "longer retry_timeout"),
    ],
)
def test_messages_say_what_was_asked_where_and_what_to_do(code: int, text: str, reason: str, advice: str) -> None:
    error = api_error(REQUEST, code, json.dumps(status(text, reason)).encode(), ", 3 times in 9 s")
    assert error.message.startswith(f"{REQUEST}: the server answers {code} ({text}), 3 times in 9 s")
    assert advice in error.message
    assert (error.status, error.reason) == (code, reason)


def test_text_that_is_no_status_is_shown_in_part() -> None:
    assert "(<html> no" in api_error(REQUEST, 502, b"<html>\n  no" + b"x" * 5000).message
    assert len(api_error(REQUEST, 502, b"x" * 5000).message) < 500


def test_an_answer_of_somebody_else_is_no_absence_and_shows_no_key() -> None:
    error = unexpected_answer(REQUEST, 302, "https://login.example.org/start?state=secret", "it is a redirect")
    assert error.status == 0
    assert error.message.startswith(f"{REQUEST}: the answer (302 and leads to https://login.example.org/start) is not")
    assert "secret" not in error.message


@pytest.mark.parametrize("data", [b"", b"text", b"[1]", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_object_is_nothing(data: bytes) -> None:
    assert json_object(data) is None
