# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a process notices the end of those it works for, and only of those."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import lineage
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.lineage import Lineage, parent_of, watched

PLAYBOOK, MODULE, SHELL = b"python\0ansible-playbook\0site.yml\0", b"python\0", b"sh\0-c\0python\0"

# A process that forks a worker, which starts a module below a shell, as Ansible does. The module tells its process and
# that of the playbook, and then when its line is broken.
FAMILY = """
import os, sys, time, subprocess
if sys.argv[1] == "module":
    from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.lineage import Lineage
    line = Lineage()
    print("ready", os.getpid(), flush=True)
    end = time.monotonic() + 20
    while not line.is_broken and time.monotonic() < end:
        time.sleep(0.05)
    print("broken" if line.is_broken else "whole", flush=True)
    line.end_if_broken()
    print("still here", flush=True)
else:
    if os.fork() == 0:
        command = f"{sys.executable} {sys.argv[2]} module x && sleep 0"
        os._exit(subprocess.call(["sh", "-c", command]))
    time.sleep(30)
"""


# A process that forks a worker as Ansible does, and ends before the worker has begun.
ORPHAN = """
import multiprocessing, os, sys, time
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.lineage import Lineage, POLL_SECONDS

def work(main):
    while os.getppid() == main:
        time.sleep(0.05)
    line = Lineage()
    time.sleep(POLL_SECONDS + 0.1)
    print("broken" if line.is_broken else "whole", flush=True)

multiprocessing.get_context("fork").Process(target=work, args=(os.getpid(),)).start()
os._exit(0)
"""


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        ([(5, MODULE), (4, PLAYBOOK), (3, PLAYBOOK), (2, SHELL)], [(5, 4), (4, 3)]),
        ([(6, MODULE), (5, SHELL), (4, PLAYBOOK), (3, PLAYBOOK), (2, SHELL)], [(6, 5), (5, 4), (4, 3)]),
        ([(4, PLAYBOOK), (3, PLAYBOOK), (2, SHELL)], [(4, 3)]),
        ([(5, MODULE), (4, SHELL), (1, b"init")], []),
        ([(5, b""), (4, b"")], [(5, 4)]),
        ([(1, b"init")], []),
    ],
)
def test_the_line_is_watched_up_to_what_forked_the_worker(
    line: list[tuple[int, bytes]], pairs: list[tuple[int, int]]
) -> None:
    assert watched(line) == pairs


def test_a_parent_is_read_from_the_system() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        assert parent_of(child.pid) == os.getpid()
    finally:
        child.kill()
        child.wait()
    assert parent_of(child.pid) == 0


def test_nothing_is_broken_while_all_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "POLL_SECONDS", 0.0)
    assert Lineage().is_broken is False


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
def test_the_kill_of_a_playbook_is_noticed_below_its_workers(tmp_path: os.PathLike[str]) -> None:
    program = os.path.join(tmp_path, "family.py")
    with open(program, "w", encoding="utf-8") as file:
        file.write(FAMILY)
    command = [sys.executable, program, "playbook", program]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    playbook = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert playbook.stdout is not None
    assert playbook.stdout.readline().startswith("ready")
    time.sleep(0.3)
    playbook.send_signal(signal.SIGKILL)
    begin = time.monotonic()
    assert playbook.stdout.read() == "broken\n"
    assert time.monotonic() - begin < 5.0
    playbook.wait()
    playbook.stdout.close()


def test_a_worker_that_begins_when_its_playbook_has_ended_notices() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("broken\n", "")
