# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of Vault means, and how it is told to people. Pure.

Source: https://developer.hashicorp.com/vault/api-docs#http-status-codes
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

RETRIED_STATUSES = frozenset({412, 429, 500, 502, 503, 504})
_UPGRADING = re.compile(r"Upgrading from non-versioned to versioned data")


class VaultError(HardeningError):
    """Vault refused a request.

    Attributes:
        status: HTTP status.
        errors: what Vault said, one line each.
        path: what was asked for, without ``v1/``.
    """

    def __init__(self, status: int, errors: Sequence[str], path: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.errors = tuple(errors)
        self.path = path


def read_errors(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What Vault says is wrong, without the bullets of Go's multierror."""
    errors = body.get("errors")
    texts = [str(error) for error in errors] if isinstance(errors, list) else []
    lines = (line.strip().removeprefix("* ") for text in texts for line in text.splitlines())
    return tuple(line for line in lines if line and not re.fullmatch(r"\d+ errors? occurred:", line))


def is_sealed(status: int, errors: Sequence[str]) -> bool:
    """Whether Vault is sealed, or not initialised: it answers both alike."""
    return status in (500, 503) and any("Vault is sealed" in error for error in errors)


def may_pass(status: int, errors: Sequence[str]) -> bool:
    """Whether a refusal can pass by itself."""
    if status == 400:
        return any(_UPGRADING.search(error) for error in errors)  # a KV mount that was made a moment ago
    return status in RETRIED_STATUSES and not is_sealed(status, errors)


def sealed_text(url: str, status: Mapping[str, Any]) -> str:
    """Why Vault answers that it is sealed, from its ``sys/seal-status``."""
    if status.get("initialized") is False:
        return f"Vault {url} is not initialised. Initialise it with `vault operator init`, unseal it, and run again."
    progress = f" ({status['progress']} of {status['t']} keys are given)" if status.get("t") else ""
    return f"Vault {url} is sealed{progress}. Unseal it with `vault operator unseal`, and run again."


def refusal_text(request: str, status: int, errors: Sequence[str]) -> str:
    """What to tell about a refusal that nothing more is known of."""
    said = "; ".join(errors) or f"HTTP {status}"
    if status in RETRIED_STATUSES:
        return f"{request}: Vault answers {status} ({said}), and did so for all of retry_timeout."
    if any("HTTP request to an HTTPS server" in error for error in errors):
        return f"{request}: Vault speaks TLS there; its address must begin with https://."
    return f"{request}: Vault refuses it ({status}: {said})."


def login_text(url: str, path: str, errors: Sequence[str]) -> str:
    """What to tell if a login failed."""
    return (
        f"Vault {url} does not let us in at {path} ({'; '.join(errors)}). Check role_id and secret_id or jwt (they may "
        "have expired or be used up), mount_point, and that the role exists."
    )


def token_text(url: str) -> str:
    """What to tell if the token itself is refused."""
    return (
        f"Vault {url} does not accept the token: it is wrong, has expired or was revoked, or belongs to another Vault "
        "or namespace. Log in again, or give another one."
    )


def missing_rights_text(url: str, missing: Mapping[str, Sequence[str]]) -> list[str]:
    """One line for each path on which the token lacks capabilities."""
    return [
        f"{path}: the token of Vault {url} lacks the capability {' and '.join(capabilities)} there"
        for path, capabilities in sorted(missing.items())
    ]
