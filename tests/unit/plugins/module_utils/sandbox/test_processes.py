# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes are started, recognised and stopped; nothing else is."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.processes import (
    GATE,
    ProcessIdentity,
    identify,
    identity_from,
    is_running,
    parse_stat,
    spawn,
    stop,
)

STAT = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 10 18446744073709551615"


def start_sleeper(tmp_path: Path, script: str = "import time; time.sleep(60)") -> tuple[ProcessIdentity, Path]:
    log = tmp_path / "log"
    remembered: list[ProcessIdentity] = []
    process = spawn([sys.executable, "-c", script], log, {"MARK": "yes"}, remembered.append)
    assert remembered == [process]
    return process, log


def test_a_command_with_spaces_and_parentheses_does_not_shift_the_fields() -> None:
    assert parse_stat(STAT) == ("S", 987654)


def test_a_spawned_process_runs_in_its_own_session_with_only_its_environment(tmp_path: Path) -> None:
    process, log = start_sleeper(tmp_path, "import os, time; print(*os.environ, flush=True); time.sleep(60)")
    try:
        assert is_running(process)
        assert os.getsid(process.pid) == process.pid
        deadline = time.monotonic() + 10
        while not log.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "MARK" in log.read_text().split()
        assert "HOME" not in log.read_text().split()
    finally:
        stop([process], 5)


def test_stop_ends_a_process(tmp_path: Path) -> None:
    process, _log = start_sleeper(tmp_path)
    stop([process], 5)
    assert not is_running(process)


def test_stop_ends_a_process_that_ignores_sigterm(tmp_path: Path) -> None:
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    process, log = start_sleeper(tmp_path, script)
    deadline = time.monotonic() + 10
    while not log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    stop([process], 0.2)
    assert not is_running(process)


@pytest.mark.parametrize("change", [{"start_ticks": 1}, {"boot_id": "another"}])
def test_a_recycled_id_is_neither_running_nor_stopped(tmp_path: Path, change: dict[str, object]) -> None:
    process, _log = start_sleeper(tmp_path)
    try:
        earlier = dataclasses.replace(process, **change)
        assert not is_running(earlier)
        stop([earlier], 0.1)
        assert is_running(process)
    finally:
        stop([process], 5)


def test_a_child_whose_parent_dies_before_remembering_it_never_becomes_the_component(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    done = subprocess.run(["/bin/sh", "-c", GATE, "/bin/touch", str(witness)], stdin=subprocess.DEVNULL, check=False)
    assert done.returncode != 0
    assert not witness.exists()


def test_a_zombie_is_not_a_process() -> None:
    with subprocess.Popen(["/bin/true"]) as child:
        deadline = time.monotonic() + 10
        while identify(child.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert identify(child.pid) is None


def test_no_process_has_no_identity() -> None:
    assert identity_from(None) is None
    assert not is_running(None)
