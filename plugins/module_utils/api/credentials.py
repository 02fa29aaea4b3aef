# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who requests are made as, and how that is renewed while they are made. No error here shows a secret."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.tls import KeyPair
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

HEADER_VALUE = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
TOKEN_FILE_SECONDS = 60.0
"""How long a token that was read from a file is used before the file is read again, as in client-go."""
EARLY_SECONDS = 30.0
"""How long before it expires an identity is renewed."""


@dataclass(frozen=True)
class Identity:
    """What a request shows of itself.

    Attributes:
        authorization: value of the header of that name; empty for none.
        expires: when it should be renewed, as :func:`time.time` counts; None for never.
    """

    authorization: str = field(default="", repr=False)
    pair: KeyPair | None = None
    expires: float | None = None


class Credentials(Protocol):
    """Gives identities. Safe to use from several threads."""

    def identity(self) -> Identity:
        """The identity to use now."""

    def renew(self, refused: Identity) -> bool:
        """The server has refused this one: get another if that is possible, and say whether there is one."""


@dataclass(frozen=True)
class Fixed:
    """An identity that stays."""

    value: Identity

    def identity(self) -> Identity:
        """The identity."""
        return self.value

    def renew(self, refused: Identity) -> bool:
        """Whether there is another: there is none."""
        return refused != self.value


class Renewed:
    """An identity that is fetched again when it is about to expire or was refused."""

    def __init__(self, fetch: Callable[[], Identity]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._identity: Identity | None = None

    def identity(self) -> Identity:
        """The identity, fetched first if there is none yet or it ends soon.

        Raises:
            HardeningError: it cannot be fetched.
        """
        # Under the lock, so that a plugin, which may ask a person, is run once.
        with self._lock:
            known = self._identity
            if known is None or (known.expires is not None and known.expires - EARLY_SECONDS <= time.time()):
                self._identity = known = self._fetch()
            return known

    def renew(self, refused: Identity) -> bool:
        """Fetch another, unless another thread has done it meanwhile."""
        with self._lock:
            if self._identity is refused:
                self._identity = self._fetch()
            return self._identity != refused


def bearer(token: str, where: str) -> str:
    """Value of ``Authorization`` for a token, without the line break that an editor leaves at its end.

    Raises:
        HardeningError: it cannot be sent. The token is not shown.
    """
    token = token.strip()
    if not HEADER_VALUE.fullmatch(token):
        what = "is empty" if not token else "holds a line break or another character that no token has"
        raise HardeningError(f"The token of {where} {what}.")
    return f"Bearer {token}"


def token_file(path: Path, where: str, otherwise: str = "", pair: KeyPair | None = None) -> Renewed:
    """A token in a file that somebody renews.

    Args:
        path: of the file.
        where: whose token it is, for messages.
        otherwise: the token to use where the file cannot be read.
        pair: the client certificate that is shown beside it.
    """

    def fetch() -> Identity:
        try:
            token = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            if not otherwise:
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                raise HardeningError(f"The token file {path} of {where} cannot be read: {reason}.") from None
            token = otherwise
        renewal = time.time() + TOKEN_FILE_SECONDS + EARLY_SECONDS
        return Identity(bearer(token, f"{where} ({path})"), pair, renewal)

    return Renewed(fetch)


def oidc_identity(owner: str, settings: Mapping[str, Any]) -> Identity:
    """The token that kubectl's auth provider ``oidc`` has stored. It is not renewed here: kubectl would have to know.

    Raises:
        HardeningError: there is none, or it has expired.
    """
    advice = "Run any kubectl command with this kubeconfig, which renews it, or use an exec plugin"
    token = str(settings.get("id-token") or "")
    if not token:
        raise HardeningError(f"The kubeconfig's auth-provider of {owner} has no id-token. {advice}.")
    try:
        payload = token.split(".")[1]
        expires = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"]
    except (ValueError, KeyError, IndexError, TypeError):
        expires = None
    if isinstance(expires, (int, float)) and expires <= time.time():
        raise HardeningError(f"The id-token of the kubeconfig's auth-provider of {owner} has expired. {advice}.")
    return Identity(bearer(token, owner))
