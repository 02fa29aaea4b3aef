# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for what servers do in the background, the one way in which tests do it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(
    look: Callable[[], Found], what: str | Callable[[], str], seconds: float = 60, pause: float = 0.2
) -> Found:
    """Look until there is something (what is found is true), and return it.

    The deadline is no matter of speed: it is far off. ``what`` says what did not happen, or all that there is to say.
    """
    ends = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > ends:
            raise AssertionError(f"not after {seconds:g} s: {what}" if isinstance(what, str) else what())
        time.sleep(pause)
    return found
