# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that what the tests run in a forked process does what it does in a started one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import warm_process
from ansible_runs import ansible_playbook
from sandbox_access import clean_environment
from waiting import wait_for

Json = dict[str, Any]
PING = {"ansible.builtin.ping": {}}
WHERE = "{{ [ansible_playbook_python, playbook_dir, lookup('pipe', 'pwd'), lookup('env', 'HOME')] }}"
SETTINGS = "{{ [lookup('config', 'DEFAULT_FORKS'), lookup('config', 'ANSIBLE_HOME'), lookup('env', 'PASSED_ON')] }}"
FILTERS = "{{ 'abc' | ansible.builtin.b64encode }} {{ [] | gpu_cluster.hardening.stages | length }}"


def play(*tasks: Json, hosts: str = "all", **more: Any) -> Json:
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {"hosts": hosts, "gather_facts": False, "vars": variables, "tasks": list(tasks), **more}


@pytest.mark.parametrize(
    ("plays", "options", "code"),
    [
        ([play(PING, *({"ansible.builtin.debug": {"msg": text}} for text in (WHERE, SETTINGS)))], ("-v",), 0),
        ([play({"ansible.builtin.debug": {"msg": FILTERS}})], (), 2),
        ([play({"ansible.builtin.command": "false"}), play(PING)], (), 2),
        ([play({"ansible.builtin.copy": {"content": "a", "dest": "new"}})], ("--check", "--diff"), 0),
        ([play(PING, vars={"ansible_connection": "no.such.connection"})], (), 2),
        ([play({"no.such.module": {}})], (), 4),
        ([play(PING)], ("--no-such-option",), 2),
        ([], (), 4),
    ],
    ids=["settings", "filters", "failed", "check", "connection", "no-module", "no-option", "no-play"],
)
def test_ansible_playbook_says_and_ends_the_same(
    tmp_path: Path, plays: list[Json], options: tuple[str, ...], code: int
) -> None:
    (tmp_path / "play.json").write_text(json.dumps(plays), encoding="utf-8")
    (tmp_path / "ansible.cfg").write_text("[defaults]\nforks = 3\n", encoding="utf-8")
    environment = clean_environment(tmp_path, {"ANSIBLE_HOME": str(tmp_path / "home"), "PASSED_ON": "yes"})
    forked, started = (
        ansible_playbook(
            "-i", "localhost,", "play.json", *options, environment=environment, cwd=tmp_path, started=started
        )
        for started in (False, True)
    )
    assert (forked.returncode, told(forked.stdout), told(forked.stderr)) == (
        started.returncode, told(started.stdout), told(started.stderr),
    )  # fmt: skip
    assert forked.returncode == code, forked.stdout + forked.stderr


def told(text: str) -> str:
    """What was said, without what differs from run to run: times, and numbers of processes in names."""
    return re.sub(r"(\d+:)?\d+:\d{2}\.\d+|ansible-tmp-[-.\d]+|ansible-local-\w+", "…", text)


PROGRAMS = {
    "all-that-it-is-given": """
import os, sys
print(sys.argv[1:], os.getcwd(), sys.stdin.read(), os.environ["GIVEN"], os.environ.get("NOT_GIVEN"), sys.stdin.isatty())
print(sys.path[0], __name__, __file__, sys.flags.isolated, file=sys.stderr)
""",
    "exit-code": "raise SystemExit(7)",
    "exit-text": "import sys; sys.exit('no')",
    "error": "assert False, 'wrong'",
    "signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "at-the-end": "import atexit; atexit.register(print, 'end', flush=True); print('begin')",
    "thread": "import threading, time; threading.Thread(target=lambda: [time.sleep(0.2), print('late')]).start()",
    "much": "import sys; sys.stdout.write('x' * 3_000_000); sys.stderr.write('y' * 3_000_000)",
    "child": "import subprocess; subprocess.run(['sh', '-c', 'echo one; exec sh -c \"exit 3\"'], check=False)",
    "signals": "import signal; print([signal.getsignal(number) for number in (2, 13, 15, 17)])",
    "files": "import os; print(sorted(os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_given_the_same_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NOT_GIVEN", "to the program")
    script = tmp_path / "program.py"
    script.write_text(PROGRAMS[name], encoding="utf-8")
    environment = clean_environment(tmp_path, {"GIVEN": "yes"})
    del environment["NOT_GIVEN"]
    arguments = [str(script), "one", "--two"]
    forked = warm_process.run(arguments, environment, tmp_path, stdin="read ü")
    started = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=tmp_path,
        input="read ü",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (forked.returncode, forked.stdout) == (started.returncode, started.stdout)
    if name == "error":  # the traceback has more frames
        assert forked.stderr.splitlines()[-1] == started.stderr.splitlines()[-1]
    else:
        assert forked.stderr == started.stderr


def begin(tmp_path: Path, text: str, **how: Any) -> warm_process.WarmProcess:
    script = tmp_path / "program.py"
    script.write_text(text, encoding="utf-8")
    process = warm_process.start([str(script)], clean_environment(tmp_path), tmp_path, **how)
    wait_for((tmp_path / "begun").exists, "it begins", pause=0.01)
    return process


SLEEP = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(60)"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (warm_process.WarmProcess.kill, -signal.SIGKILL),
        (lambda process: process.send_signal(signal.SIGTERM), -signal.SIGTERM),
        (lambda process: os.killpg(process.pid, signal.SIGINT), -signal.SIGINT),
    ],
    ids=["kill", "signal", "group"],
)
def test_it_can_be_ended(tmp_path: Path, end: Callable[[warm_process.WarmProcess], None], code: int) -> None:
    process = begin(tmp_path, SLEEP, new_session=True)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.1)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.1)
    assert process.poll() is None
    end(process)
    assert process.wait(timeout=20) == code
    stdout, stderr = process.communicate(timeout=20)
    assert process.poll() == process.returncode == code
    assert stdout == "" and ("KeyboardInterrupt" in stderr) == (code == -signal.SIGINT)


def test_several_run_at_once(tmp_path: Path) -> None:
    environment = clean_environment(tmp_path)
    script = tmp_path / "program.py"
    script.write_text("import sys, time; time.sleep(1); sys.exit(int(sys.argv[1]))", encoding="utf-8")
    began = time.monotonic()
    processes = [warm_process.start([str(script), str(number)], environment, tmp_path) for number in range(8)]
    for number, process in enumerate(processes):
        process.communicate(timeout=30)
        assert process.returncode == number
    assert time.monotonic() - began < 7
