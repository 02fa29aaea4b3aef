# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs programs of the machine: those that judge files, and those that make them count."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import Step

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/rke2/bin:/var/lib/rancher/rke2/bin"
_SHOWN = 600
"""Most characters of what a program says."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """The end of what it said."""
        return (self.err.strip() or self.out.strip())[-_SHOWN:] or "nothing was said"


Run = Callable[[Sequence[str], float], Outcome]
"""Runs a program with its arguments, for so many seconds at most."""


def run(command: Sequence[str], seconds: float) -> Outcome:
    """Run a program; one that is not there ends with 127, one that takes too long with 124."""
    environment = {"PATH": _PATH, "LC_ALL": "C", "HOME": "/root"}
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            env=environment,
            check=False,
            cwd="/",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return Outcome(124, "", f"no end within {seconds:.0f} s")
    except OSError as error:
        return Outcome(127, "", str(error.strerror))
    return Outcome(done.returncode, done.stdout, done.stderr)


def take(steps: Sequence[Step], run_program: Run, sleep: Callable[[float], None] = time.sleep) -> None:
    """Do steps in their order.

    Raises:
        HardeningError: one failed; those after it were not done.
    """
    for step in steps:
        if step.service:
            _act(step, run_program, sleep)
        else:
            done = run_program(step.command, 300)
            if done.code:
                raise HardeningError(f"{' '.join(step.command)} ended with {done.code}: {done.said}")


def _act(step: Step, run_program: Run, sleep: Callable[[float], None]) -> None:
    if step.action.startswith("try-") and run_program(["systemctl", "is-active", "--quiet", step.service], 30).code:
        return
    done = run_program(["systemctl", step.action, step.service], 180)
    problem = done.said if done.code else ""
    started = _main_process(step.service, run_program)
    for _second in range(0 if problem else step.settle):
        if run_program(["systemctl", "is-active", "--quiet", step.service], 30).code:
            problem = "it does not stay up"
            break
        sleep(1)
    if not problem and step.settle and _main_process(step.service, run_program) != started:
        problem = "it does not stay up"
    if problem:
        log = run_program(["journalctl", "--no-pager", "--quiet", "-o", "cat", "-n", "5", "-u", step.service], 30)
        last = log.out.strip()[-_SHOWN:]
        raise HardeningError(f"systemctl {step.action} {step.service} failed: {problem}\n{last}".strip())


def _main_process(service: str, run_program: Run) -> str:
    return run_program(["systemctl", "show", "-p", "MainPID", "--value", service], 30).out.strip()
