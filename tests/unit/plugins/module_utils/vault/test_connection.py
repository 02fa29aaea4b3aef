# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Vault is found, who asks it, and what is said if that is not described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import (
    VaultSettings,
    read_vault_settings,
)

PARAMS: dict[str, Any] = {
    **dict.fromkeys(("namespace", "ca_cert", "mount_point", "token_path", "role_id", "secret_id", "jwt")),
    "url": "https://vault.example.com:8200/",
    "validate_certs": True,
    "auth_method": "token",
    "token": "hvs.canary",
    "token_file": ".vault-token",
    "timeout": 30,
    "retry_timeout": 60,
}


def read(**changes: Any) -> VaultSettings:
    return read_vault_settings({**PARAMS, **changes})


def test_a_token_is_used_as_it_is_and_never_shown() -> None:
    settings = read(namespace="/team/ml/")
    assert (settings.url, settings.namespace, settings.token) == (
        "https://vault.example.com:8200",
        "team/ml",
        "hvs.canary",
    )
    assert settings.login_path == ""
    assert "canary" not in repr(settings)


def test_without_a_token_that_of_the_file_is_used(tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text("hvs.file\n")
    assert read(token=None, token_path=str(tmp_path)).token == "hvs.file"


@pytest.mark.parametrize(
    ("changes", "path", "login"),
    [
        (
            {"auth_method": "approle", "role_id": "r", "secret_id": "canary"},
            "auth/approle/login",
            {"role_id": "r", "secret_id": "canary"},
        ),
        (
            {"auth_method": "jwt", "role_id": "r", "jwt": "canary", "mount_point": "/kubernetes/"},
            "auth/kubernetes/login",
            {"role": "r", "jwt": "canary"},
        ),
    ],
)
def test_other_methods_log_in_without_the_token(changes: dict[str, Any], path: str, login: dict[str, str]) -> None:
    settings = read(**changes)
    assert (settings.token, settings.login_path, settings.login) == ("", path, login)
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"url": None}, "url is not set"),
        ({"url": "vault:8200"}, "url vault:8200 is no address"),
        ({"url": "https://vault:8200/v1"}, "url https://vault:8200/v1 has a path"),
        ({"ca_cert": "/no/such/file"}, "ca_cert /no/such/file cannot be read: No such file or directory"),
        ({"ca_cert": pytest.__file__}, "has no certificate"),
        ({"token": None, "token_path": "/no/such"}, "there is no token; set token or VAULT_TOKEN"),
        ({"token": "two words"}, "token has characters that no token has"),
        ({"auth_method": "approle", "role_id": "r"}, "auth_method approle needs secret_id"),
        ({"auth_method": "jwt", "jwt": "j"}, "auth_method jwt needs role_id"),
        ({"timeout": 0}, "timeout must be at least 1, got 0"),
        ({"retry_timeout": -1}, "retry_timeout must be at least 0, got -1"),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        read(**changes)
    assert problem in caught.value.message


def test_all_problems_are_told_together() -> None:
    with pytest.raises(HardeningError) as caught:
        read(url="", timeout=0, token=None, token_path="/no/such")
    assert caught.value.message.count("\n- ") == 3


@pytest.mark.parametrize(
    ("url", "warned"),
    [("http://vault:8200", 1), ("http://127.0.0.1:8200", 0), ("http://[::1]:8200", 0), ("https://v", 0)],
)
def test_http_is_warned_of_where_it_leaves_the_machine(url: str, warned: int) -> None:
    assert len(read(url=url).warnings()) == warned


def test_certificates_are_checked_with_the_given_file_or_those_of_the_system(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    assert read(ca_cert=str(file)).verify == str(file)
    assert read().verify is True
    assert read(ca_cert=str(file), validate_certs=False).verify is False
