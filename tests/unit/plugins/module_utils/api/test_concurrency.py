# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves how many calls are under way at once, and that the first error ends all."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import concurrency
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.concurrency import call_all


@dataclass
class Calls:
    """Counts calls that are under way."""

    seconds: float
    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, item: int) -> int:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
        return item * 2


@pytest.mark.parametrize("count", [0, 1, 2, 50])
@pytest.mark.parametrize("most", [1, 2, 16])
def test_results_are_in_the_order_of_the_items(count: int, most: int) -> None:
    calls = Calls(0.0)
    assert call_all(calls, range(count), most) == [item * 2 for item in range(count)]
    assert calls.most <= most


def test_what_takes_long_is_done_by_as_many_as_are_allowed() -> None:
    calls = Calls(0.3)
    call_all(calls, range(24), 12)
    assert calls.most == 12


def test_what_is_quick_is_done_by_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "DOUBLING_SECONDS", 30.0)  # however slow this machine is
    calls = Calls(0.001)
    call_all(calls, range(10), 16)
    assert calls.most == concurrency.FIRST_AT_ONCE


@pytest.mark.parametrize("wrong", [0, 1, 40])
def test_the_first_error_ends_all(wrong: int) -> None:
    begun: list[int] = []

    def call(item: int) -> None:
        begun.append(item)
        if item == wrong:
            raise ZeroDivisionError
        time.sleep(0.02)

    with pytest.raises(ZeroDivisionError):
        call_all(call, range(1000), 8)
    assert len(begun) < 200
