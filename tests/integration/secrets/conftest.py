# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of Secrets: a real Vault, and a real External Secrets Operator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from external_secrets_server import CrdBundle, RunOperator, crd_bundle, running_operator
from vault_server import VaultServer, running_vault


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """A Vault for all tests; each uses mounts of its own."""
    with running_vault(tmp_path_factory.mktemp("vault")) as server:
        yield server


@pytest.fixture(scope="session")
def crds() -> CrdBundle:
    """The operator's CustomResourceDefinitions, as a file and its checksum."""
    return crd_bundle()


@pytest.fixture(scope="session")
def external_secrets(tmp_path_factory: pytest.TempPathFactory) -> RunOperator:
    """Runs an operator: ``with external_secrets(kubeconfig, arguments) as operator``."""
    folder = tmp_path_factory.mktemp("external-secrets")
    return lambda kubeconfig, arguments: running_operator(kubeconfig, arguments, folder)
