# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules and playbooks the way Ansible does: in a process of their own, arguments as JSON on stdin."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import warm_process
from ansible_runs import ANSIBLE_PLAYBOOK
from sandbox_access import clean_environment
from warm_process import WarmProcess

MODULES = "ansible_collections.gpu_cluster.hardening.plugins.modules"
# Interpreters of a play: the one that Ansible itself runs with, for which doors run in its process; and the same one
# by another name, for which their modules are started.
HERE = "{{ ansible_playbook_python }}"
MODULE = "{{ ansible_playbook_python | dirname }}/../bin/{{ ansible_playbook_python | basename }}"


@dataclass(frozen=True)
class ModuleRunner:
    """Runs a module of the collection; ``defaults`` are parameters that every run gets."""

    home: Path
    defaults: Mapping[str, Any]

    def __call__(self, module: str, /, check: bool = False, **params: Any) -> dict[str, Any]:
        """Run a module that must succeed; returns its result."""
        code, result = self._finish(module, check, params)
        assert code == 0 and not result.get("failed"), result.get("msg")
        return result

    def failing(self, module: str, /, check: bool = False, **params: Any) -> dict[str, Any]:
        """Run a module that must fail; returns its result."""
        code, result = self._finish(module, check, params)
        assert code == 1 and result.get("failed"), f"it did not fail: {result}"
        return result

    def start(self, module: str, /, check: bool = False, **params: Any) -> WarmProcess:
        """Begin a run, for tests that disturb it; :func:`result_of` ends it."""
        arguments = {**self.defaults, **params, "_ansible_check_mode": check, "_ansible_diff": True}
        arguments["_ansible_verbosity"] = 1  # each object has a diff of its own
        stdin = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
        return warm_process.start(["-m", f"{MODULES}.{module}"], clean_environment(self.home), stdin=stdin)

    def _finish(self, module: str, check: bool, params: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        process = self.start(module, check, **params)
        return result_of(process)


def result_of(process: WarmProcess) -> tuple[int, dict[str, Any]]:
    """Wait for a run; its exit code and its result. Whatever happens, a module answers with JSON and no traceback."""
    stdout, stderr = process.communicate(timeout=300)
    assert not stderr, stderr
    assert process.returncode is not None
    return process.returncode, json.loads(stdout)


@dataclass(frozen=True)
class PlaybookRunner:
    """Runs a playbook of one play on localhost with the real ansible-playbook."""

    home: Path
    kubeconfig: Path

    def __call__(
        self,
        tasks: Sequence[Mapping[str, Any]],
        *options: str,
        interpreter: str = HERE,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run tasks; the caller looks at the exit code and the output."""
        process = self.start(tasks, *options, interpreter=interpreter, environment=environment)
        stdout, stderr = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode or 0, stdout, stderr)

    def start(
        self,
        tasks: Sequence[Mapping[str, Any]],
        *options: str,
        interpreter: str = HERE,
        environment: Mapping[str, str] | None = None,
    ) -> WarmProcess:
        """Begin a run in a process group of its own, for tests that disturb it."""
        playbook = self.home / "playbook.json"  # JSON is YAML
        playbook.write_text(json.dumps([self._play(tasks, interpreter)]), encoding="utf-8")
        command = [ANSIBLE_PLAYBOOK, "-i", "localhost,", str(playbook), *options]
        whole = clean_environment(self.home, {"ANSIBLE_NOCOLOR": "1", **(environment or {})})
        return warm_process.start(command, whole, self.home, new_session=True)

    def _play(self, tasks: Sequence[Mapping[str, Any]], interpreter: str) -> dict[str, Any]:
        return {
            "hosts": "all",
            "gather_facts": False,
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": interpreter},
            "module_defaults": {"group/gpu_cluster.hardening.cluster": {"kubeconfig": str(self.kubeconfig)}},
            "tasks": list(tasks),
        }
