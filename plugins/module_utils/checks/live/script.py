# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod of a stage runs: it tries connections and writes what came of each.

Its source is the command of the pod, so it imports nothing but Python's own library, and goes with Python 3.7.
"""

from __future__ import annotations

import errno
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

OPEN, CLOSED, SILENT, UNREACHABLE = "o", "c", "s", "u"
"""Somebody answered; the machine answered that nobody listens; nobody answered; the way there is not known."""
AT_ONCE = 32


def attempt(host: str, port: int, seconds: float) -> str:
    """Connect by TCP, and say nothing."""
    try:
        socket.create_connection((host, port), seconds).close()
    except ConnectionRefusedError:
        return CLOSED
    except socket.timeout:  # noqa: UP041 - before Python 3.10 it is not a TimeoutError
        return SILENT
    except OSError as error:
        return SILENT if error.errno == errno.ETIMEDOUT else UNREACHABLE
    return OPEN


def main(arguments: list[str]) -> None:
    """Try what the first argument asks for, and write a letter for each to the file that the second one names."""
    plan = json.loads(arguments[0])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda target: attempt(target[0], target[1], plan["seconds"]), plan["targets"])
        letters = "".join(found)
    with open(arguments[1], "w", encoding="utf-8") as report:
        report.write(json.dumps({"results": letters}))


if __name__ == "__main__":
    main(sys.argv[1:])
