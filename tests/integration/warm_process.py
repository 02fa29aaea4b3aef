# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Python programs in processes that are forked from a warm one instead of started: see :mod:`warm_server`.

Such a process has its own number, session, working folder, environment, files and exit code. Its command line is that
of the server, so what is said of command lines must be proven with a started one.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

import warm_server

# Python reads these when it starts, so the server's are those of all.
READ_AT_START = ("PYTHON", "LC_", "LANG", "KUBECONFIG")


class WarmProcess:
    """A process that runs; what is here of :class:`subprocess.Popen` does the same as there."""

    def __init__(self, arguments: Sequence[str], answer: int, stdout: int, stderr: int) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self._answer = answer
        self._ended = threading.Event()
        self._texts = ["", ""]
        self.pid = _number(answer)
        self._readers = [
            threading.Thread(target=self._read, args=(index, os.fdopen(file, encoding="utf-8")), daemon=True)
            for index, file in enumerate((stdout, stderr))
        ]
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        for thread in (*self._readers, self._waiter):
            thread.start()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; what it wrote to stdout and to stderr."""
        for thread in (self._waiter, *self._readers):
            thread.join(timeout)
            if thread.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0, self._texts[0].encode())
        assert self.returncode is not None, "the warm server has ended"
        return self._texts[0], self._texts[1]

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; its exit code. What it wrote is kept for :meth:`communicate`."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        assert self.returncode is not None, "the warm server has ended"
        return self.returncode

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if not self._ended.is_set():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a crash does."""
        self.send_signal(signal.SIGKILL)

    def _read(self, index: int, file: IO[str]) -> None:
        with file:
            self._texts[index] = file.read()

    def _wait(self) -> None:
        try:
            self.returncode = _number(self._answer)
        except EOFError:
            pass  # the server has ended, which communicate() says
        finally:
            self._ended.set()
            os.close(self._answer)


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path | None = None,
    stdin: str = "",
    new_session: bool = False,
) -> WarmProcess:
    """Begin to run a script, or ``-m`` and a module, with arguments and what it can read from stdin."""
    fixed = {name: value for name, value in environment.items() if name.startswith(READ_AT_START)}
    kind = "module" if arguments[0] == "-m" else "playbook"
    server = _server(kind, tuple(fixed.items()))
    request = {
        "arguments": list(arguments),
        "environment": dict(environment),
        "cwd": str(cwd or Path.cwd()),
        "new_session": new_session,
    }
    (stdout, told_stdout), (stderr, told_stderr), (answer, told_answer) = os.pipe(), os.pipe(), os.pipe()
    with _file(json.dumps(request)) as description, _file(stdin) as given:
        server.send([description, given, told_stdout, told_stderr, told_answer])
    for file in (told_stdout, told_stderr, told_answer):
        os.close(file)
    return WarmProcess(arguments, answer, stdout, stderr)


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path | None = None,
    stdin: str = "",
    timeout: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; the caller looks at the exit code."""
    process = start(arguments, environment, cwd, stdin)
    try:
        stdout, stderr = process.communicate(timeout)
    except BaseException:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode or 0, stdout, stderr)


class _Server:
    """A server, which ends with this process."""

    def __init__(self, kind: str, fixed: Mapping[str, str]) -> None:
        others = {name: value for name, value in os.environ.items() if not name.startswith(READ_AT_START)}
        self._socket, given = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with given:
            self._process = subprocess.Popen(
                [sys.executable, warm_server.__file__, kind, str(given.fileno())],
                env={**others, **fixed},
                stdin=subprocess.DEVNULL,
                # Python remembers of what kind its files were at its start: a forked process gets pipes, too.
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[given.fileno()],
                start_new_session=True,  # Ctrl-C is for who started it
            )
        atexit.register(self.stop)

    def send(self, files: list[int]) -> None:
        """Ask it to fork a process."""
        socket.send_fds(self._socket, [b"r"], files)

    def stop(self) -> None:
        """End it; what it has forked and still runs goes on."""
        self._socket.close()
        self._process.wait(timeout=30)


@cache
def _server(kind: str, fixed: tuple[tuple[str, str], ...]) -> _Server:
    return _Server(kind, dict(fixed))


@contextmanager
def _file(text: str) -> Iterator[int]:
    """A file in memory that holds a text, to be read from its beginning."""
    file = os.memfd_create("text")
    try:
        with os.fdopen(os.dup(file), "w", encoding="utf-8") as writer:
            writer.write(text)
        os.lseek(file, 0, os.SEEK_SET)
        yield file
    finally:
        os.close(file)


def _number(answer: int) -> int:
    text = os.read(answer, warm_server.MESSAGE)
    if not text:
        raise EOFError
    return int(text)
