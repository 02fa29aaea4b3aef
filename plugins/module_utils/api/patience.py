# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long requests are repeated that may yet pass: one deadline for all requests of a client together.

Waiting is worth while only as long as it helps. As long as nothing that was repeated has passed, the clock that began
with the first failure runs on for all: a server that stays away costs a task ``retry_timeout`` once, however many
objects it has.
"""

from __future__ import annotations

import random
import threading
import time
from email.utils import parsedate_to_datetime

FIRST_CONTACT_SECONDS = 10.0
FIRST_PAUSE = 0.4
LONGEST_PAUSE = 8.0


class Patience:
    """The patience of one client, shared by its threads.

    Args:
        seconds: how long requests are repeated; before the first answer at most ``FIRST_CONTACT_SECONDS``, so that a
            wrong address is noticed soon.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._since: float | None = None
        self._in_trouble = 0
        self._last_answer: float | None = None
        self._contacted = False

    def begin(self) -> Trouble:
        """For one request."""
        return Trouble(self)

    @property
    def is_hopeless(self) -> bool:
        """Whether the server has given no answer at all for so long that further requests need not be tried."""
        with self._lock:
            since, answer = self._since, self._last_answer
        return since is not None and (answer is None or answer < since) and time.monotonic() > self.deadline()

    def answered(self) -> None:
        """The server has answered something, whatever it is."""
        with self._lock:
            self._last_answer = time.monotonic()

    def enter(self, now: float) -> None:
        """A request has met its first failure."""
        with self._lock:
            self._in_trouble += 1
            if self._since is None:
                self._since = now

    def leave(self, in_trouble: bool, passed: bool) -> None:
        """A request has ended; where one that was repeated has passed, or none is being repeated, all is well again."""
        with self._lock:
            self._contacted = self._contacted or passed
            self._in_trouble -= in_trouble
            if passed and (in_trouble or not self._in_trouble):
                self._since = None

    def deadline(self) -> float:
        """When the patience of all ends."""
        with self._lock:
            begun = time.monotonic() if self._since is None else self._since
            seconds = self._seconds if self._contacted else min(self._seconds, FIRST_CONTACT_SECONDS)
        return begun + seconds


class Trouble:
    """The failures of one request.

    Attributes:
        failures: how many there were.
        seconds: since the first of them.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._began: float | None = None
        self.failures = 0

    @property
    def seconds(self) -> float:
        """Seconds since the first failure."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def pause(self, most: float, retry_after: float = 0.0) -> bool:
        """Sleep before the next attempt; False if that would end after the deadline, or the cause is not worth it.

        Args:
            most: seconds that this request may be repeated for this cause; 0 for not at all.
            retry_after: seconds that the server asks to wait; the pauses of ours are kept, too.
        """
        self.failures += 1
        now = time.monotonic()
        if self._began is None:
            self._began = now
            self._patience.enter(now)
        deadline = min(self._patience.deadline(), self._began + most)
        delay = max(retry_after, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.failures - 1)))
        delay *= random.uniform(1.0, 1.2)  # so that threads do not come back all at once
        if now + delay > deadline:
            return False
        time.sleep(delay)
        return True

    def end(self, passed: bool) -> None:
        """The request has ended."""
        self._patience.leave(self._began is not None, passed)


def asked_seconds(retry_after: str | None) -> float:
    """A ``Retry-After`` header: a number of seconds, or a date; 0 for none."""
    text = (retry_after or "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
