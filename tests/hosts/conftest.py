# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests on machines: one set of two for all that one process runs.

They need root. Without it, or without what they are made of, the tests here are skipped with the reason.
``GPU_CLUSTER_TEST_SANDBOX`` is not used here: the sandbox has these machines as its nodes, and lasts as long as they.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from host_needs import reason_against_machines
from machine_cluster import MachineCluster, running_cluster
from machines import Machine
from sandbox_access import CHECKOUT, Kubectl, Sandbox


@pytest.fixture(scope="session")
def cluster() -> Iterator[MachineCluster]:
    """A sandbox whose GPU nodes are machines."""
    if reason := reason_against_machines():
        pytest.skip(reason)
    build = CHECKOUT / ".build" / "hosts"
    with running_cluster(build, Sandbox(CHECKOUT / ".build" / "hosts-sandbox")) as running:
        yield running


@pytest.fixture(scope="session")
def machine(cluster: MachineCluster) -> Machine:
    """The first of the machines."""
    return cluster.machines[0]


@pytest.fixture(scope="session")
def kubectl(cluster: MachineCluster) -> Kubectl:
    """kubectl as the administrator."""
    return cluster.sandbox.kubectl
