# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one role of the collection as a play of its own, and reads what Ansible says of it."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_runs import ansible_playbook
from sandbox_access import clean_environment

RESULT = re.compile(r"^(?:ok|changed): \[localhost\] => (\{.*\})$", re.MULTILINE)


@dataclass(frozen=True)
class RoleRun:
    """What one run said."""

    returncode: int
    output: str

    @property
    def results(self) -> list[dict[str, Any]]:
        """Results of the tasks that succeeded."""
        return [json.loads(text) for text in RESULT.findall(self.output)]

    @property
    def changed(self) -> bool:
        """Whether a task changed, or in check mode would change, something."""
        return any(result.get("changed") for result in self.results)

    @property
    def counts(self) -> Counter[str]:
        """Number of objects by action."""
        return sum((Counter(result.get("counts", {})) for result in self.results), Counter())

    @property
    def text(self) -> str:
        """The output without the line breaks that Ansible puts into warnings."""
        return re.sub(r"\s+", " ", self.output)


@dataclass(frozen=True)
class RoleRunner:
    """Runs roles against one cluster; ``home`` belongs to the test, ``started`` is that of :mod:`ansible_runs`."""

    home: Path
    kubeconfig: Path
    started: bool = False

    def __call__(self, role: str, *options: str, **variables: Any) -> RoleRun:
        """Run a role that must succeed."""
        run = self.attempt(role, *options, **variables)
        assert run.returncode == 0, run.output
        return run

    def attempt(self, role: str, *options: str, **variables: Any) -> RoleRun:
        """Run a role that may fail."""
        playbook = self.home / "play.json"  # JSON is YAML
        playbook.write_text(json.dumps([self._play(role)]), encoding="utf-8")
        environment = {
            "ANSIBLE_HOME": str(self.home),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_CALLBACK_FORMAT_PRETTY": "false",
        }
        options = ("-v", "-i", "localhost,", str(playbook), "-e", json.dumps(variables), *options)
        environment = clean_environment(self.home, environment)
        done = ansible_playbook(*options, environment=environment, cwd=self.home, started=self.started)
        return RoleRun(done.returncode, done.stdout + done.stderr)

    def _play(self, role: str) -> dict[str, Any]:
        return {
            "hosts": "all",
            "gather_facts": False,
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
            "module_defaults": {"group/gpu_cluster.hardening.cluster": {"kubeconfig": str(self.kubeconfig)}},
            "roles": [{"role": f"gpu_cluster.hardening.{role}"}],
        }
