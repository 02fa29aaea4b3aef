# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection options of every module that talks to Vault, and what they stand for.

Names, defaults and environment variables are those of the collection community.hashi_vault, whose users then have
nothing to learn; nothing of that collection is used.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import env_fallback
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures

AUTH_METHODS = ("token", "approle", "jwt")


def _from_environment(*names: str) -> tuple[Callable[..., Any], list[str]]:
    return (env_fallback, list(names))


VAULT_OPTIONS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "fallback": _from_environment("ANSIBLE_HASHI_VAULT_ADDR", "VAULT_ADDR")},
    "namespace": {"type": "str", "fallback": _from_environment("ANSIBLE_HASHI_VAULT_NAMESPACE", "VAULT_NAMESPACE")},
    "ca_cert": {"type": "path", "fallback": _from_environment("ANSIBLE_HASHI_VAULT_CA_CERT", "VAULT_CACERT")},
    "validate_certs": {"type": "bool", "default": True},
    "auth_method": {"type": "str", "choices": list(AUTH_METHODS), "default": "token"},
    "mount_point": {"type": "str"},
    "token": {
        "type": "str",
        "no_log": True,
        "fallback": _from_environment("ANSIBLE_HASHI_VAULT_TOKEN", "VAULT_TOKEN"),
    },
    "token_path": {"type": "path", "no_log": False, "default": "~"},
    "token_file": {"type": "str", "no_log": False, "default": ".vault-token"},
    "role_id": {"type": "str", "fallback": _from_environment("ANSIBLE_HASHI_VAULT_ROLE_ID")},
    "secret_id": {"type": "str", "no_log": True, "fallback": _from_environment("ANSIBLE_HASHI_VAULT_SECRET_ID")},
    "jwt": {"type": "str", "no_log": True, "fallback": _from_environment("ANSIBLE_HASHI_VAULT_JWT")},
    "timeout": {"type": "int", "default": 30},
    "retry_timeout": {"type": "int", "default": 60},
}
"""Argument spec fragment; its documentation is the ``vault_connection`` doc fragment."""


@dataclass(frozen=True)
class VaultSettings:
    """Where Vault is, and who asks.

    Attributes:
        url: such as ``https://vault.example.com:8200``, without a slash at its end.
        namespace: of Vault Enterprise; empty for none.
        verify: file of CA certificates, or whether to check certificates with those of the system.
        token: to use as it is; empty if ``login`` gets one.
        login_path: such as ``auth/approle/login``; empty with a token.
        login: what is sent there.
        timeout: seconds one request may take.
        retry_timeout: seconds for which requests are repeated, those of one run together.
    """

    url: str
    namespace: str = ""
    verify: str | bool = True
    token: str = field(default="", repr=False)
    login_path: str = ""
    login: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 30.0
    retry_timeout: float = 60.0

    def warnings(self) -> list[str]:
        """What is dangerous about these settings."""
        if self.url.startswith("http://") and not is_loopback(self.url):
            return [f"{self.url} is no https: the token and all values can be read, and changed, on the way."]
        return []


def read_vault_settings(params: Mapping[str, Any]) -> VaultSettings:
    """Read and check the connection options of a module.

    Raises:
        HardeningError: with everything that is wrong or missing.
    """
    problems: list[str] = []
    url = str(params["url"] or "").rstrip("/")
    if not url:
        problems.append("url is not set; give the address of Vault, or set VAULT_ADDR")
    elif urlsplit(url).scheme not in ("https", "http") or not urlsplit(url).hostname:
        problems.append(f"url {url} is no address such as https://vault.example.com:8200")
    elif urlsplit(url).path or urlsplit(url).query:
        problems.append(f"url {url} has a path; end it after the port")
    problems += [
        f"{name} must be at least {least}, got {params[name]}"
        for name, least in (("timeout", 1), ("retry_timeout", 0))
        if params[name] < least
    ]
    verify = _read_verify(params, problems)
    token = login_path = ""
    login: dict[str, str] = {}
    if params["auth_method"] == "token":
        token = _read_token(params, problems)
    else:
        login_path, login = _read_login(params, problems)
    if problems:
        raise HardeningError(join_failures("The connection to Vault is not described", problems))
    namespace = str(params["namespace"] or "").strip("/")
    return VaultSettings(url, namespace, verify, token, login_path, login, params["timeout"], params["retry_timeout"])


def is_loopback(url: str) -> bool:
    """Whether an address leads to the machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read_verify(params: Mapping[str, Any], problems: list[str]) -> str | bool:
    path = params["ca_cert"]
    if not params["validate_certs"]:
        return False
    if not path:
        return True
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        problems.append(f"ca_cert {path} cannot be read: {error.strerror}")
    else:
        if "-----BEGIN CERTIFICATE-----" not in text and "-----BEGIN TRUSTED CERTIFICATE-----" not in text:
            problems.append(f"ca_cert {path} has no certificate; it must be PEM")
    return str(path)


def _read_token(params: Mapping[str, Any], problems: list[str]) -> str:
    if params["token"]:
        token = str(params["token"]).strip()
    else:
        file = Path(params["token_path"] or "~").expanduser() / params["token_file"]
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            token = ""
        if not token:
            problems.append(
                f"there is no token; set token or VAULT_TOKEN, log in so that {file} has one, or set auth_method"
            )
            return ""
    if not token.isascii() or not token.isprintable() or " " in token:
        problems.append("token has characters that no token has")
    return token


def _read_login(params: Mapping[str, Any], problems: list[str]) -> tuple[str, dict[str, str]]:
    method = params["auth_method"]
    names = {"approle": {"role_id": "role_id", "secret_id": "secret_id"}, "jwt": {"role_id": "role", "jwt": "jwt"}}
    problems += [f"auth_method {method} needs {name}" for name in names[method] if not params[name]]
    mount = str(params["mount_point"] or method).strip("/")
    return f"auth/{mount}/login", {sent: str(params[name] or "") for name, sent in names[method].items()}
