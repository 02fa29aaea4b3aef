# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of Vault that is logged in, and logged out again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.answers import VaultError, login_text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.client import VaultClient
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import VaultSettings


@contextmanager
def vault_session(settings: VaultSettings) -> Iterator[VaultClient]:
    """A client with a token: the one that was given, or one from a login that is revoked at the end.

    Raises:
        HardeningError: the login failed.
    """
    client = VaultClient(settings, settings.token)
    if not settings.login_path:
        yield client
        return
    try:
        answer = client.request("POST", settings.login_path, settings.login)
    except VaultError as error:
        if error.status in (400, 401, 403, 404):
            raise HardeningError(login_text(settings.url, settings.login_path, error.errors)) from error
        raise
    auth = answer.body.get("auth")
    token = auth.get("client_token") if isinstance(auth, Mapping) else None
    if not token:
        raise HardeningError(login_text(settings.url, settings.login_path, ["there is nothing there to log in to"]))
    client.use_token(str(token))
    try:
        yield client
    finally:
        client.attempt("POST", "auth/token/revoke-self", {}, "application/json")  # it ends by itself, too
