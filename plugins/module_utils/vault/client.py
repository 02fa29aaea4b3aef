# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to Vault: one session, one retry policy under one deadline, readable errors, no token in any of them.

``hvac`` supplies the session, the headers and TLS. Its methods for single APIs are not used, as they neither tell what
may be repeated nor know all that is asked for here.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.answers import (
    VaultError,
    is_sealed,
    may_pass,
    missing_rights_text,
    read_errors,
    refusal_text,
    sealed_text,
    token_text,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import VaultSettings

try:
    import hvac
    import requests
    import urllib3

    IMPORT_ERROR: str | None = None
except ImportError as missing:
    IMPORT_ERROR = str(missing)

FIRST_CONTACT_SECONDS = 10.0
MERGE_PATCH = "application/merge-patch+json"
REDIRECTS = frozenset({301, 302, 307, 308})
CAPABILITIES = {"GET": "read", "LIST": "list", "DELETE": "delete", "PATCH": "patch"}


@dataclass(frozen=True)
class Answer:
    """What Vault answered: its status and its body, empty if that was no JSON object."""

    status: int
    body: Mapping[str, Any]

    @property
    def data(self) -> Mapping[str, Any]:
        """The ``data`` of the body."""
        data = self.body.get("data")
        return data if isinstance(data, Mapping) else {}


class VaultClient:
    """Sends requests to one Vault with one token."""

    def __init__(self, settings: VaultSettings, token: str = "") -> None:
        if IMPORT_ERROR is not None:
            raise HardeningError(
                f"The Python package hvac cannot be imported ({IMPORT_ERROR}). "
                "Install it for the interpreter that runs the modules: pip install hvac"
            )
        self._settings = settings
        self._patience = settings.retry_timeout
        self._answered = False
        self._hvac = hvac.Client(
            url=settings.url,
            token=token,
            verify=settings.verify,
            timeout=(min(10.0, settings.timeout), settings.timeout),
            namespace=settings.namespace or None,
            adapter=hvac.adapters.RawAdapter,
            allow_redirects=False,
        )
        if settings.verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    @property
    def url(self) -> str:
        """Address of Vault, as configured."""
        return self._settings.url

    def use_token(self, token: str) -> None:
        """Send this token from here on."""
        self._hvac.token = token

    def read(self, path: str) -> Mapping[str, Any] | None:
        """The ``data`` at a path, or None if nothing is there."""
        answer = self.request("GET", path)
        return None if answer.status == 404 else answer.data

    def names(self, path: str) -> list[str]:
        """The names that LIST answers; none if nothing is there."""
        keys = self.request("LIST", path).data.get("keys")
        return [str(key) for key in keys] if isinstance(keys, list) else []

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> Answer:
        """Send one request; repeat it while Vault is busy or away, until ``retry_timeout`` is used up.

        Every request of this collection may be repeated: values are written with check-and-set, all else says how it
        shall be.

        Args:
            method: an HTTP method, or ``LIST``.
            path: without ``v1/``.
            body: becomes JSON.
            content_type: of the body.

        Returns:
            An answer of status 2xx, or 404.

        Raises:
            VaultError: Vault refused it.
            HardeningError: Vault could not be reached.
        """
        began = time.monotonic()
        patience = self._patience if self._answered else min(self._patience, FIRST_CONTACT_SECONDS)
        attempt = 0
        while True:
            attempt += 1
            answer = self.attempt(method, path, body, content_type)
            if isinstance(answer, Answer):
                self._answered = True
                errors = read_errors(answer.body)
                again = may_pass(answer.status, errors)
            else:
                again = _is_passing(answer)
            if again and _pause(attempt, began + patience):
                continue
            if attempt > 1:
                self._patience = max(0.0, self._patience - (time.monotonic() - began))
            if not isinstance(answer, Answer):
                raise _unreachable(self._settings, answer) from answer
            if (answer.status < 300 or answer.status == 404) and not errors:
                return answer
            raise self._refusal(method, path, answer.status, errors)

    def require_capabilities(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Fail if the token lacks rights that are about to be used.

        Args:
            wanted: by path, the capabilities that are all needed; ``create|update`` is met by either.

        Raises:
            HardeningError: with every path that lacks one.
        """
        if not wanted:
            return
        try:
            held = self.request("POST", "sys/capabilities-self", {"paths": sorted(wanted)}).data
        except VaultError as error:
            if error.status == 403:
                return  # it may not even ask; the requests themselves will tell
            raise
        missing = {path: _lacking(held.get(path), capabilities) for path, capabilities in wanted.items()}
        self.refuse_missing({path: lacking for path, lacking in missing.items() if lacking})

    def refuse_missing(self, missing: Mapping[str, Sequence[str]]) -> None:
        """Fail if there are paths on which the token lacks capabilities; first see whether it is a token at all."""
        if not missing:
            return
        if not self._knows_token():
            raise HardeningError(token_text(self.url))
        raise HardeningError(
            join_failures("Rights are missing in Vault, so nothing was written", missing_rights_text(self.url, missing))
        )

    def _knows_token(self) -> bool:
        """Whether the token is valid; one that may not look itself up is taken for valid."""
        answer = self.attempt("GET", "auth/token/lookup-self", None, "")
        if not isinstance(answer, Answer) or answer.status != 403:
            return True
        errors = read_errors(answer.body)
        return not any(text in error for error in errors for text in ("invalid token", "bad token"))

    def _refusal(self, method: str, path: str, status: int, errors: Sequence[str]) -> HardeningError:
        if is_sealed(status, errors):
            seal = self.attempt("GET", "sys/seal-status", None, "")
            return VaultError(
                status, errors, path, sealed_text(self.url, seal.body if isinstance(seal, Answer) else {})
            )
        if status == 403 and not path.endswith("/login"):
            if not self._knows_token():
                return HardeningError(token_text(self.url))
            capability = CAPABILITIES.get(method, "create|update")
            (text,) = missing_rights_text(self.url, {path: _lacking([], [capability])})
            return VaultError(status, errors, path, text)
        return VaultError(status, errors, path, refusal_text(f"{method} {self.url}/v1/{path}", status, errors))

    def attempt(self, method: str, path: str, body: Mapping[str, Any] | None, content_type: str) -> Answer | Exception:
        """Send one request, once: the answer, whatever its status, or why there was none.

        A standby may send us to the active node, once, and not away from TLS.
        """
        url = f"v1/{quote(path, safe='/')}"
        options: dict[str, Any] = {"raise_exception": False}
        if body is not None:
            options |= {"data": json.dumps(body), "headers": {"Content-Type": content_type}}
        try:
            response = self._hvac.adapter.request(method, url, **options)
            target = response.headers.get("Location", "")
            if response.status_code in REDIRECTS and _is_as_safe(self.url, target):
                response = self._resend(method, target, response)
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            return error
        return Answer(response.status_code, _read_body(response.content))

    def _resend(self, method: str, target: str, redirect: Any) -> Any:
        """The same request to where the answer leads."""
        sent = redirect.request
        return self._hvac.session.request(
            method,
            target,
            headers=dict(sent.headers),
            data=sent.body,
            verify=self._settings.verify,
            timeout=self._settings.timeout,
            allow_redirects=False,
        )


def _is_as_safe(url: str, target: str) -> bool:
    return urlsplit(target).scheme == "https" or (urlsplit(url).scheme == "http" and target.startswith("http:"))


def _is_passing(error: Exception) -> bool:
    """Whether a connection error can pass by itself: not a certificate, a name or a malformed address."""
    wrong = (requests.exceptions.SSLError, requests.exceptions.ProxyError)
    if isinstance(error, wrong) or not isinstance(
        error, (requests.exceptions.ConnectionError, requests.exceptions.Timeout)
    ):
        return False
    return not isinstance(_cause(error), urllib3.exceptions.NameResolutionError)


def _cause(error: Exception) -> object:
    """What urllib3 said, below what requests made of it."""
    inner = error.args[0] if error.args else error
    return getattr(inner, "reason", None) or inner


def _pause(attempt: int, deadline: float) -> bool:
    """Sleep before the next attempt; False if that would end after the deadline."""
    delay = min(8.0, 0.2 * 2**attempt) * random.uniform(0.8, 1.2)
    if time.monotonic() + delay > deadline:
        return False
    time.sleep(delay)
    return True


def _unreachable(settings: VaultSettings, error: Exception) -> HardeningError:
    cause = _cause(error)
    if isinstance(error, requests.exceptions.SSLError):
        return HardeningError(
            f"The TLS connection to Vault {settings.url} failed: {cause}. Check ca_cert (gpu_cluster_vault_ca_cert), "
            "that the address is one the certificate names, and that Vault speaks TLS there."
        )
    return HardeningError(
        f"Vault {settings.url} cannot be reached: {cause}. Check that it runs, the address (gpu_cluster_vault_url), "
        "and that this machine may connect to it."
    )


def _lacking(held: object, wanted: Sequence[str]) -> list[str]:
    """The capabilities that are not held; ``create|update`` is met by either."""
    have = {str(capability) for capability in held} if isinstance(held, list) else set()
    if "root" in have:
        return []
    return [text.replace("|", " or ") for text in wanted if not have & set(text.split("|"))]


def _read_body(data: bytes) -> dict[str, Any]:
    """The JSON object of an answer. What is none, such as a page of a proxy, becomes an error as Vault writes them."""
    try:
        body = json.loads(data) if data else {}
    except ValueError:
        return {"errors": [f"no answer of Vault, but {' '.join(data[:200].decode(errors='replace').split())!r}"]}
    return body if isinstance(body, dict) else {}
