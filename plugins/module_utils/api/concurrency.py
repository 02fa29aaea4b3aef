# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many calls at once, few of them at first.

Each that is under way at once needs a connection, and a connection costs more than a request. What is not done in a
moment is then done by as many as are allowed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

FIRST_AT_ONCE = 2
DOUBLING_SECONDS = 0.01

Item = TypeVar("Item")
Result = TypeVar("Result")


def call_all(function: Callable[[Item], Result], items: Iterable[Item], most: int) -> list[Result]:
    """Call a function for all items, at most so many at once; results in the order of the items.

    An exception (also Ctrl-C) ends it: what has not begun is not begun.
    """
    work = list(items)
    if len(work) < 2:
        return [function(item) for item in work]
    with ThreadPoolExecutor(max_workers=min(most, len(work))) as executor:
        try:
            futures = _begin_gently(executor, function, work, most)
            futures += [executor.submit(function, item) for item in work[len(futures) :]]
            return [future.result() for future in futures]
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _begin_gently(
    executor: ThreadPoolExecutor, function: Callable[[Item], Result], work: list[Item], most: int
) -> list[Future[Result]]:
    """Begin some of the work, until as many calls as are allowed are under way, or all has begun.

    Raises:
        Exception: of a call that has failed meanwhile.
    """
    futures: list[Future[Result]] = []
    running: set[Future[Result]] = set()
    began = time.monotonic()
    while len(futures) < len(work):
        at_once = FIRST_AT_ONCE * 2 ** int((time.monotonic() - began) / DOUBLING_SECONDS)
        if at_once >= most:
            break
        while len(running) < at_once and len(futures) < len(work):
            futures.append(executor.submit(function, work[len(futures)]))
            running.add(futures[-1])
        done, running = wait(running, DOUBLING_SECONDS, FIRST_COMPLETED)
        for future in done:
            future.result()
    return futures
