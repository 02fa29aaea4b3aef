# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries for the tests of images: an open one, one with passwords, one with tokens. No cluster is needed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from module_runs import ModuleRunner
from registry_server import HTPASSWD, Registry, basic, running_registry
from token_server import Pair, TokenServer, make_pair, token_server


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that lets everybody do everything."""
    with running_registry(
        tmp_path_factory.mktemp("open"), storage={"inmemory": {}, "delete": {"enabled": True}}
    ) as running:
        yield running


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A certificate for this machine that no system trusts."""
    return make_pair(tmp_path_factory.mktemp("pair"), "registry")


@pytest.fixture(scope="session")
def locked_registry(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Registry]:
    """A registry with TLS that wants a user and a password."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "htpasswd").write_text(HTPASSWD, encoding="utf-8")
    auth = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
    with running_registry(folder, auth=auth, tls=tls) as running:
        yield replace(running, headers={"Authorization": basic()})


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    """The server of tokens of ``token_registry``."""
    with token_server(tmp_path_factory.mktemp("tokens")) as server:
        yield server


@pytest.fixture(scope="session")
def token_registry(tmp_path_factory: pytest.TempPathFactory, tokens: TokenServer) -> Iterator[Registry]:
    """A registry that wants a token for each repository."""
    with running_registry(tmp_path_factory.mktemp("token-registry"), auth=tokens.auth) as running:
        yield running


@pytest.fixture
def repository() -> str:
    """A repository for one test."""
    return f"team/{uuid.uuid4().hex[:10]}"


@pytest.fixture
def look_up(tmp_path: Path) -> ModuleRunner:
    """Runs modules in a home without credentials; a registry that does not answer is given up soon."""
    return ModuleRunner(tmp_path, {})
