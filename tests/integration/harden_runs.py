# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``harden-gpu-cluster.yml`` as its users do, over an inventory of the test."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_runs import ansible_playbook
from sandbox_access import CHECKOUT, clean_environment


class Playbook:
    """Runs ``harden-gpu-cluster.yml`` over an inventory of its own."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None, started: bool = False) -> None:
        """Use a directory of the test for the inventory and as HOME.

        ``environment`` is added to that of all runs; ``started`` is that of :mod:`ansible_runs`.
        """
        self.home = home
        self.started = started
        # A checkout's settings show results as YAML, whose long lines are broken.
        shown = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        self.environment = {"ANSIBLE_HOME": str(home), **shown, **(environment or {})}

    def __call__(
        self, clusters: dict[str, Path], *options: str, playbook: str = "harden-gpu-cluster.yml", **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        hosts = {name: {"gpu_cluster_kubeconfig": str(path)} for name, path in clusters.items()}
        inventory = self.home / "inventory.json"
        inventory.write_text(json.dumps({"gpu_clusters": {"hosts": hosts}}), encoding="utf-8")
        return ansible_playbook(
            *("-i", str(inventory), playbook, *options, "-e", json.dumps(variables)),
            environment=clean_environment(self.home, self.environment),
            cwd=CHECKOUT,
            started=self.started,
        )


def recap(done: subprocess.CompletedProcess[str], host: str) -> dict[str, int]:
    """The counts of one host in the play recap."""
    line = next(line for line in reversed(done.stdout.splitlines()) if line.startswith(host))
    return {key: int(value) for key, value in (pair.split("=") for pair in line.split(":", 1)[1].split())}
