# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that patience is one for all requests of a client, and that no server makes it busy."""

from __future__ import annotations

import email.utils
import math
import time
from types import SimpleNamespace

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import patience as patience_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.patience import Patience, asked_seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time that passes only while somebody sleeps."""
    clock = SimpleNamespace(now=1000.0, slept=[])

    def sleep(seconds: float) -> None:
        clock.slept.append(seconds)
        clock.now += seconds

    fake = SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep, time=time.time)
    monkeypatch.setattr(patience_module, "time", fake)
    return clock


def contacted(seconds: float = 60.0) -> Patience:
    patience = Patience(seconds)
    patience.answered()
    patience.begin().end(passed=True)
    return patience


def give_up(patience: Patience, retry_after: float = 0.0, most: float = math.inf) -> int:
    """Fail until patience ends; how often it was tried."""
    trouble = patience.begin()
    while trouble.pause(most, retry_after):
        pass
    trouble.end(passed=False)
    return trouble.failures


def test_a_server_that_asks_for_no_pause_gets_ours(clock: SimpleNamespace) -> None:
    assert give_up(contacted(), retry_after=0.0) < 15
    assert min(clock.slept) >= patience_module.FIRST_PAUSE


def test_a_server_that_asks_for_a_longer_pause_gets_it_and_never_a_shorter_one(clock: SimpleNamespace) -> None:
    give_up(contacted(), retry_after=20.0)
    assert all(20.0 <= seconds <= 25.0 for seconds in clock.slept)


def test_a_pause_beyond_the_deadline_is_not_begun(clock: SimpleNamespace) -> None:
    assert give_up(contacted(), retry_after=3600.0) == 1
    assert clock.slept == []


def test_what_may_stay_is_not_waited_for_as_long(clock: SimpleNamespace) -> None:
    give_up(contacted(), most=15.0)
    assert 5.0 < sum(clock.slept) <= 15.0


def test_a_thousand_requests_wait_once(clock: SimpleNamespace) -> None:
    patience = contacted()
    assert sum(give_up(patience) for _number in range(1000)) < 1030
    assert sum(clock.slept) <= 60.0


def test_requests_that_pass_after_all_give_patience_back(clock: SimpleNamespace) -> None:
    patience = contacted()
    for _number in range(100):
        trouble = patience.begin()
        assert trouble.pause(math.inf)
        assert trouble.pause(math.inf)
        trouble.end(passed=True)
    assert sum(clock.slept) > 60.0


def test_a_request_that_never_failed_gives_patience_back_only_when_none_waits(clock: SimpleNamespace) -> None:
    patience = contacted()
    waiting = patience.begin()
    assert waiting.pause(math.inf)
    patience.begin().end(passed=True)
    clock.now += 60.0
    assert not waiting.pause(math.inf)
    waiting.end(passed=False)
    patience.begin().end(passed=True)
    assert patience.begin().pause(math.inf)


def test_a_server_that_is_silent_for_so_long_is_not_asked_again(clock: SimpleNamespace) -> None:
    patience = contacted()
    assert not patience.is_hopeless
    clock.now += 1.0
    give_up(patience)
    clock.now += 60.0
    assert patience.is_hopeless
    patience.answered()
    assert not patience.is_hopeless


def test_dates_and_numbers_ask_for_a_pause() -> None:
    soon = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert 28.0 <= asked_seconds(soon) <= 30.0
    assert [asked_seconds(text) for text in (None, "", "0", "7", "-3", "soon")] == [0.0, 0.0, 0.0, 7.0, 0.0, 0.0]
