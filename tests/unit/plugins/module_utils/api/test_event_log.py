# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the last complaint about an object is found, and that it is not needed for anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.event_log import last_warning
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError

FakeClients = Callable[..., Any]
OBJECT = {"metadata": {"name": "s", "namespace": "ml-serving", "uid": "u-1"}}


def test_the_newest_warning_is_told_on_one_line(fake_client: FakeClients) -> None:
    events = [
        {"message": "new\n\n* permission   denied", "lastTimestamp": "2026-11-26T10:00:02Z"},
        {"message": "old", "lastTimestamp": "2026-11-26T10:00:01Z"},
        {"message": "older", "eventTime": "2026-11-26T10:00:00.000000Z", "lastTimestamp": None},
    ]
    fake = fake_client([(200, {"metadata": {}, "items": events}, {})])
    assert last_warning(fake.client, OBJECT) == "new * permission denied"
    ((_method, url, _options),) = fake.pool.asked
    assert url.startswith("https://fake:6443/api/v1/namespaces/ml-serving/events?")
    assert "fieldSelector=involvedObject.uid=u-1,type=Warning" in unquote(url)


def test_a_long_complaint_is_cut(fake_client: FakeClients) -> None:
    fake = fake_client([(200, {"metadata": {}, "items": [{"message": "x" * 5000}]}, {})])
    assert len(last_warning(fake.client, OBJECT)) == 603


@pytest.mark.parametrize("status", [403, 404])
def test_who_may_not_read_events_gets_none(fake_client: FakeClients, status: int) -> None:
    assert last_warning(fake_client([(status, {"message": "no"}, {})]).client, {"metadata": {"uid": "u"}}) == ""


def test_what_else_goes_wrong_is_not_hidden(fake_client: FakeClients) -> None:
    with pytest.raises(ApiError):
        last_warning(fake_client([(400, {"message": "bad"}, {})]).client, OBJECT)
