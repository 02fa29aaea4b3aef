# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the integration tests: one real sandbox for all that one process runs, and clients of it.

Processes that run tests side by side (``pytest -n``) share nothing but what is built once on a machine: each has a
sandbox, a Vault and registries of its own, and the tests of a file stay together (``--dist loadfile``).

``GPU_CLUSTER_TEST_SANDBOX`` may name the directory of a sandbox that runs already, to save its start while developing;
without it the tests start one of their own and stop it at the end.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner, PlaybookRunner
from sandbox_access import CHECKOUT, Kubectl, Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox with the default simulated nodes."""
    running = os.environ.get("GPU_CLUSTER_TEST_SANDBOX")
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if running:
        assert not worker, "tests that run side by side cannot share a sandbox"
        yield Sandbox(Path(running).resolve())
        return
    own = Sandbox(CHECKOUT / ".build" / "-".join(filter(None, ("test-sandbox", worker))))
    own.bring("started")
    try:
        yield own
    finally:
        own.bring("stopped")


@pytest.fixture(scope="session")
def kubeconfig(sandbox: Sandbox) -> Path:
    """Kubeconfig of the administrator."""
    return sandbox.kubeconfig


@pytest.fixture(scope="session")
def kubectl(sandbox: Sandbox) -> Kubectl:
    """kubectl as the administrator."""
    return sandbox.kubectl


@pytest.fixture
def audit(sandbox: Sandbox) -> AuditLog:
    """What the modules asked the server for, from here on."""
    return AuditLog(sandbox.audit_log, sandbox.kubectl)


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace for one test."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def run_module(kubeconfig: Path, tmp_path: Path) -> ModuleRunner:
    """Runs a module against the sandbox."""
    return ModuleRunner(tmp_path, {"kubeconfig": str(kubeconfig)})


@pytest.fixture
def play(kubeconfig: Path, tmp_path: Path) -> PlaybookRunner:
    """Runs tasks with ansible-playbook against the sandbox."""
    return PlaybookRunner(tmp_path, kubeconfig)
