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

GPU_NODES = 8

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


@pytest.fixture
def agent(read: Kubectl) -> Kubectl:
    """Read what an agent of GPU nodes is, by its name, which its namespace has, too."""

    def get(name: str) -> Any:
        return read("daemonset", name, f"--namespace={name}")

    return get


@pytest.fixture
def runs_on_all_gpu_nodes(agent: Kubectl) -> Kubectl:
    """Assert that as many pods of an agent are wanted as there are GPU nodes, and that all are ready."""

    def check(name: str) -> None:
        status = agent(name)["status"]
        assert status["desiredNumberScheduled"] == status["numberReady"] == GPU_NODES

    return check


@pytest.fixture
def is_unprivileged(agent: Kubectl) -> Kubectl:
    """Assert that an agent has no token and that its containers gain no privileges, and return their contexts."""

    def contexts(name: str) -> list[Any]:
        pod = agent(name)["spec"]["template"]["spec"]
        assert pod.get("automountServiceAccountToken") is False
        found = [container["securityContext"] for container in pod["containers"]]
        assert [context["allowPrivilegeEscalation"] for context in found] == [False] * len(found)
        return found

    return contexts
