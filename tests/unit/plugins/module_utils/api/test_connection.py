# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves where connection settings come from, what overrides what, and which limits are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import (
    CONNECTION_OPTIONS,
    limits,
    load_configuration,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError


def params(**given: Any) -> dict[str, Any]:
    """Parameters of a module as Ansible fills them in."""
    return {**{name: option.get("default") for name, option in CONNECTION_OPTIONS.items()}, **given}


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    contexts = {name: {"cluster": name, "user": name} for name in ("one", "two")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [{"name": name, "context": context} for name, context in contexts.items()],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443"}} for name in contexts],
        "users": [{"name": name, "user": {"token": f"token-{name}"}} for name in contexts],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def token(configuration: Any) -> str:
    return str(configuration.auth_settings()["BearerToken"]["value"])


@pytest.mark.parametrize(
    ("given", "host", "bearer"),
    [
        ({}, "https://one:6443", "Bearer token-one"),
        ({"context": "two"}, "https://two:6443", "Bearer token-two"),
        ({"api_key": "mine"}, "https://one:6443", "Bearer mine"),
        ({"host": "https://three:6443/", "api_key": "mine"}, "https://three:6443", "Bearer mine"),
    ],
)
def test_what_overrides_what(kubeconfig: Path, given: dict[str, Any], host: str, bearer: str) -> None:
    configuration = load_configuration(params(kubeconfig=str(kubeconfig), **given))
    assert (configuration.host, token(configuration)) == (host, bearer)
    assert configuration.verify_ssl is True


def test_the_environment_is_used_without_the_option(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", f"/no/such/file:{kubeconfig}")
    assert load_configuration(params()).host == "https://one:6443"


def test_the_home_is_used_last(kubeconfig: Path) -> None:
    (kubeconfig.parent / ".kube").mkdir()
    kubeconfig.rename(kubeconfig.parent / ".kube" / "config")
    assert load_configuration(params()).host == "https://one:6443"


def test_certificates_are_checked_unless_told_not_to(kubeconfig: Path) -> None:
    assert load_configuration(params(kubeconfig=str(kubeconfig), validate_certs=False)).verify_ssl is False


def test_an_unknown_context_lists_the_known_ones(kubeconfig: Path) -> None:
    with pytest.raises(HardeningError, match="Asked for context 'three'; contexts in the file: one, two"):
        load_configuration(params(kubeconfig=str(kubeconfig), context="three"))


@pytest.mark.parametrize(
    ("name", "value"), [("request_timeout", 0), ("concurrency", 0), ("concurrency", -1), ("retry_timeout", -1)]
)
def test_senseless_limits_are_refused(name: str, value: int) -> None:
    with pytest.raises(HardeningError, match=f"{name} must .* got {value}"):
        limits(params(**{name: value}))
