# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real API server that the integration tests run against, and the second client that reads it back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).resolve().parents[2]
ANSIBLE_ENVIRONMENT = {
    "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build" / "collections"),
    "ANSIBLE_FORCE_COLOR": "0",
    "ANSIBLE_LOCALHOST_WARNING": "0",
    "ANSIBLE_PIPELINING": "1",
    "PYTHONPATH": str(CHECKOUT / ".build" / "collections"),
}
SPEAKS_JSON = frozenset({"get", "create", "apply", "patch"})


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which nothing of the user's (kubeconfig, Ansible settings) can decide a test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "KUBE", "VAULT_"))}
    return {**kept, "HOME": str(home), **ANSIBLE_ENVIRONMENT, **(extra or {})}


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox, by the directory it lives in."""

    directory: Path

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of its administrator."""
        return self.directory / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """Audit log of its API server, one event a line."""
        return self.directory / "logs" / "audit.log"

    def bring(self, state: str, **more: Any) -> None:
        """Bring it into a state with the collection's own playbook; ``started`` also heals what does not run.

        ``more`` are further variables of the role.
        """
        command = [str(BIN / "ansible-playbook"), "-i", "localhost,", "playbooks/sandbox.yml"]
        variables = {"sandbox_directory": str(self.directory), "sandbox_state": state, **more}
        done = subprocess.run(
            [*command, "-e", json.dumps(variables)],
            cwd=CHECKOUT,
            env={**os.environ, **ANSIBLE_ENVIRONMENT},
            capture_output=True,
            text=True,
            check=False,
            timeout=3600,  # the first start on a machine builds the control plane
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def kill(self, component: str) -> None:
        """End one of its processes as a crash does."""
        state = json.loads((self.directory / "state.json").read_text(encoding="utf-8"))
        os.kill(state["components"][component]["process"]["pid"], signal.SIGKILL)

    @property
    def kubectl(self) -> Kubectl:
        """Its own kubectl, as the administrator."""
        return Kubectl(self.directory / "bin" / "kubectl", self.kubeconfig)


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl: the client that the tests believe, as it shares no code with the collection."""

    binary: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: object = None) -> Any:
        """Run a command that must succeed; parsed JSON where kubectl can answer so, else its output.

        ``stdin`` is an object that becomes ``-f -``.
        """
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout) if arguments[0] in SPEAKS_JSON and done.stdout else done.stdout

    def run(
        self, *arguments: str, stdin: object = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        command = [str(self.binary), f"--kubeconfig={self.kubeconfig}", *arguments]
        if stdin is not None:
            command += ["-f", "-"]
        if arguments[0] in SPEAKS_JSON and "--raw" not in arguments:
            command += ["-o", "json"]
        text = None if stdin is None else json.dumps(stdin)
        env = {**os.environ, **(environment or {})}
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120, env=env)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Any:
        """One object with its managedFields, or None."""
        place = ["-n", namespace] if namespace else []
        return self("get", kind, name, *place, "--ignore-not-found", "--show-managed-fields") or None

    def names(self, kind: str, namespace: str) -> set[str]:
        """Names of all objects of a kind in a namespace."""
        return {item["metadata"]["name"] for item in self("get", kind, "-n", namespace)["items"]}
