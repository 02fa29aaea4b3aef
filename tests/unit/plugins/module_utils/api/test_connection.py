# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves where connection settings come from, what overrides what, and which limits are refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import access as access_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import (
    CONNECTION_OPTIONS,
    find_access,
    limits,
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


def bearer_of(access: Any) -> str:
    return str(access.credentials.identity().authorization)


@pytest.mark.parametrize(
    ("given", "host", "bearer"),
    [
        ({}, "https://one:6443", "Bearer token-one"),
        ({"context": "two"}, "https://two:6443", "Bearer token-two"),
        ({"api_key": "mine"}, "https://one:6443", "Bearer mine"),
        ({"api_key": "mine\n"}, "https://one:6443", "Bearer mine"),
        ({"host": "https://three:6443/", "api_key": "mine"}, "https://three:6443", "Bearer mine"),
    ],
)
def test_what_overrides_what(kubeconfig: Path, given: dict[str, Any], host: str, bearer: str) -> None:
    access = find_access(params(kubeconfig=str(kubeconfig), **given))
    assert (access.server.url, bearer_of(access)) == (host, bearer)
    assert access.server.verify is True


def test_the_environment_is_used_without_the_option(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", f"/no/such/file:{kubeconfig}")
    assert find_access(params()).server.url == "https://one:6443"


def test_the_home_is_used_last(kubeconfig: Path) -> None:
    (kubeconfig.parent / ".kube").mkdir()
    kubeconfig.rename(kubeconfig.parent / ".kube" / "config")
    assert find_access(params()).server.url == "https://one:6443"


def test_certificates_are_checked_unless_told_not_to(kubeconfig: Path) -> None:
    assert find_access(params(kubeconfig=str(kubeconfig), validate_certs=False)).server.verify is False


def test_an_unknown_context_lists_the_known_ones(kubeconfig: Path) -> None:
    with pytest.raises(HardeningError, match="Asked for context 'three'; contexts in the file: one, two"):
        find_access(params(kubeconfig=str(kubeconfig), context="three"))


@pytest.mark.parametrize("there", [None, ""])
def test_a_pod_uses_its_account_where_there_is_no_kubeconfig(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str | None
) -> None:
    kubeconfig.unlink()
    if there is not None:
        (tmp_path / ".kube").mkdir()
        (tmp_path / ".kube" / "config").write_text(there, encoding="utf-8")
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("of-the-pod\n", encoding="utf-8")
    (account / "ca.crt").write_text("authority", encoding="utf-8")
    monkeypatch.setattr(access_module, "IN_CLUSTER", account)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    access = find_access(params())
    assert (access.server.url, access.server.authorities) == ("https://[fd00::1]:443", "authority")
    assert bearer_of(access) == "Bearer of-the-pod"


def test_options_of_a_certificate_come_before_the_kubeconfigs(kubeconfig: Path, tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text(f"the {name}", encoding="utf-8")
    files = {"ca_cert": "ca", "client_cert": "cert", "client_key": "key"}
    access = find_access(
        params(kubeconfig=str(kubeconfig), **{option: str(tmp_path / name) for option, name in files.items()})
    )
    pair = access.credentials.identity().pair
    assert access.server.authorities == "the ca"
    assert pair is not None and (pair.certificate, pair.key) == (b"the cert", b"the key")
    assert bearer_of(access) == ""


def test_a_certificate_stays_beside_a_token_that_is_given_for_it(kubeconfig: Path) -> None:
    document = json.loads(kubeconfig.read_text(encoding="utf-8"))
    data = {f"client-{name}-data": base64.b64encode(name.encode()).decode() for name in ("certificate", "key")}
    document["users"][0]["user"] = data
    kubeconfig.write_text(json.dumps(document), encoding="utf-8")
    assert find_access(params(kubeconfig=str(kubeconfig))).credentials.identity().pair is not None


@pytest.mark.parametrize(
    ("name", "value"), [("request_timeout", 0), ("concurrency", 0), ("concurrency", -1), ("retry_timeout", -1)]
)
def test_senseless_limits_are_refused(name: str, value: int) -> None:
    with pytest.raises(HardeningError, match=f"{name} must .* got {value}"):
        limits(params(**{name: value}))
