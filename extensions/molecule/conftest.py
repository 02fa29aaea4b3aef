# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox as its own kubectl reads it, for the tests before and after the real run."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

SANDBOX = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / ".build" / "molecule-sandbox"

testinfra_hosts = ["ansible://gpu_clusters"]
Kubectl = Callable[..., Any]


@pytest.fixture
def kubectl(host: Host) -> Kubectl:
    """Run kubectl with words and return testinfra's result."""
    command = f"{SANDBOX / 'bin' / 'kubectl'} --kubeconfig={SANDBOX / 'kubeconfig'}"

    def run(*words: str) -> Any:
        return host.run(f"{command} {shlex.join(words)}")

    return run


@pytest.fixture
def read(kubectl: Kubectl) -> Kubectl:
    """Read what ``kubectl get`` answers to words."""

    def get(*words: str) -> Any:
        done = kubectl("get", *words, "--output=json")
        assert done.rc == 0, done.stderr
        return json.loads(done.stdout)

    return get
