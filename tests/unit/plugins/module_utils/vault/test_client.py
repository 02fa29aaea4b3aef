# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is repeated and for how long, and how the refusals of Vault are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault import client as vault_client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.client import VaultClient
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import VaultSettings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.session import vault_session

Fakes = Callable[..., "Fake"]
URL = "https://vault.example.com:8200"
FINE = (200, {"data": {"keys": ["a"]}})
DENIED = (403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
INVALID = (403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]})
SEALED = (503, {"errors": ["Vault is sealed"]})
RESET = requests.exceptions.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted."))
NO_SUCH_NAME = requests.exceptions.ConnectionError(
    urllib3.exceptions.MaxRetryError(
        None, "/", urllib3.exceptions.NameResolutionError("vault", None, OSError("unknown"))
    )
)


class Fake:
    """Stands in for hvac's client: gives its answers in turn, and time passes only while the client sleeps."""

    def __init__(self, answers: Sequence[Any], settings: VaultSettings) -> None:
        self.answers, self.settings = list(answers), settings
        self.asked: list[tuple[str, str]] = []
        self.slept: list[float] = []
        self.token = ""
        self.adapter = self.session = self

    def request(self, method: str, url: str, **_options: Any) -> Any:
        self.asked.append((method, url))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, *headers = answer
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = SimpleNamespace(headers={"X-Vault-Token": "t"}, body=None)
        return SimpleNamespace(status_code=status, content=content, headers=dict(*headers), request=sent)

    @property
    def client(self) -> VaultClient:
        return VaultClient(self.settings)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    def make(*answers: Any, settings: VaultSettings | None = None) -> Fake:
        fake = Fake(answers, settings or VaultSettings(URL, token="t"))
        now = SimpleNamespace(time=0.0)

        def sleep(seconds: float) -> None:
            fake.slept.append(seconds)
            now.time += seconds

        monkeypatch.setattr(vault_client, "time", SimpleNamespace(monotonic=lambda: now.time, sleep=sleep))
        monkeypatch.setattr(vault_client.hvac, "Client", lambda **_options: fake)
        return fake

    return make


@pytest.mark.parametrize(
    "trouble",
    [
        (429, {"errors": ["rate limit quota exceeded"]}),
        (500, {"errors": ["internal error"]}),
        (502, b"<html>"),
        (503, b""),
        (412, {"errors": ["required index state not present"]}),
        (400, {"errors": ["Upgrading from non-versioned to versioned data. This backend will be unavailable"]}),
        RESET,
        requests.exceptions.ReadTimeout("read timed out"),
    ],
)
def test_what_can_pass_is_repeated(fakes: Fakes, trouble: Any) -> None:
    fake = fakes(trouble, trouble, FINE)
    assert fake.client.names("sys/policies/acl") == ["a"]
    assert len(fake.slept) == 2


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([(400, {"errors": ["bad"]})], f"GET {URL}/v1/x: Vault refuses it (400: bad)."),
        ([(405, {"errors": []})], f"GET {URL}/v1/x: Vault refuses it (405: HTTP 405)."),
        ([(404, {"errors": ["no handler for route"]})], "Vault refuses it (404: no handler for route)"),
        (
            [(400, b"Client sent an HTTP request to an HTTPS server.\n")],
            "speaks TLS there; its address must begin with",
        ),
        ([(200, b"<html>Welcome</html>")], "Vault refuses it (200: no answer of Vault, but '<html>Welcome</html>')"),
        ([DENIED, FINE], f"x: the token of Vault {URL} lacks the capability read there"),
        ([INVALID, INVALID], f"Vault {URL} does not accept the token: it is wrong, has expired or was revoked"),
        ([SEALED, (200, {"initialized": True, "progress": 1, "t": 3})], "is sealed (1 of 3 keys are given). Unseal it"),
        ([SEALED, (200, {"initialized": False})], "is not initialised. Initialise it with `vault operator init`"),
        ([SEALED, RESET], "is sealed. Unseal it"),
        (
            [requests.exceptions.SSLError("certificate verify failed")],
            "failed: certificate verify failed. Check ca_cert",
        ),
        ([NO_SUCH_NAME], f"Vault {URL} cannot be reached"),
    ],
)
def test_what_cannot_pass_is_told_at_once(fakes: Fakes, answers: list[Any], message: str) -> None:
    fake = fakes(*answers)
    with pytest.raises(HardeningError) as caught:
        fake.client.read("x")
    assert message in caught.value.message
    assert fake.slept == []


def test_nothing_is_no_error(fakes: Fakes) -> None:
    fake = fakes((404, {"errors": []}), (404, {"errors": []}))
    assert fake.client.read("x") is None
    assert fake.client.names("x") == []


def test_patience_is_one_for_all_requests_of_a_run_and_short_before_the_first_answer(fakes: Fakes) -> None:
    busy = [(503, b"")] * 100
    with pytest.raises(HardeningError, match="Vault answers 503"):
        (fake := fakes(*busy)).client.read("x")
    assert sum(fake.slept) <= 10

    fake = fakes(FINE, *busy, settings=VaultSettings(URL, token="t", retry_timeout=20))
    client = fake.client
    client.read("x")
    for _attempt in range(2):
        with pytest.raises(HardeningError, match="did so for all of retry_timeout"):
            client.read("x")
    assert sum(fake.slept) <= 20


def test_a_standby_leads_to_the_active_node_but_never_away_from_tls(fakes: Fakes) -> None:
    fake = fakes((307, b"", {"Location": "https://active:8200/v1/x"}), FINE)
    assert fake.client.read("x") == {"keys": ["a"]}
    assert fake.asked[1] == ("GET", "https://active:8200/v1/x")

    fake = fakes((307, b"", {"Location": "http://active:8200/v1/x"}))
    with pytest.raises(HardeningError):
        fake.client.read("x")
    assert len(fake.asked) == 1


def test_names_are_quoted(fakes: Fakes) -> None:
    fake = fakes(FINE)
    fake.client.read("secret/subkeys/a?b#c%d")
    assert fake.asked == [("GET", "v1/secret/subkeys/a%3Fb%23c%25d")]


@pytest.mark.parametrize(
    ("held", "wanted", "missing"),
    [
        (["root"], ["create|update", "sudo"], None),
        (["create", "sudo"], ["create|update", "sudo"], None),
        (["update"], ["create|update", "sudo"], "lacks the capability sudo there"),
        (["deny"], ["create|update", "sudo"], "lacks the capability create or update and sudo there"),
        (["create"], ["update"], "lacks the capability update there"),
    ],
)
def test_rights_are_looked_at_before_they_are_used(
    fakes: Fakes, held: list[str], wanted: list[str], missing: str | None
) -> None:
    fake = fakes((200, {"data": {"p": held, "capabilities": held}}), FINE)
    if missing is None:
        fake.client.require_capabilities({"p": wanted})
        return
    with pytest.raises(HardeningError) as caught:
        fake.client.require_capabilities({"p": wanted})
    assert "nothing was written" in caught.value.message and missing in caught.value.message


def test_a_token_that_may_not_ask_for_its_rights_is_let_try(fakes: Fakes) -> None:
    fakes(DENIED, FINE).client.require_capabilities({"p": ["update"]})


LOGIN = VaultSettings(URL, login_path="auth/approle/login", login={"role_id": "r", "secret_id": "canary"})


def test_a_login_is_logged_out_at_the_end_also_after_an_error(fakes: Fakes) -> None:
    fake = fakes((200, {"auth": {"client_token": "short"}}), RESET, settings=LOGIN)
    with pytest.raises(ZeroDivisionError), vault_session(LOGIN):
        1 / (fake.token != "short")
    assert fake.asked == [("POST", "v1/auth/approle/login"), ("POST", "v1/auth/token/revoke-self")]


@pytest.mark.parametrize("answer", [(400, {"errors": ["invalid role or secret ID"]}), DENIED, (404, {"errors": []})])
def test_a_login_that_fails_is_told_without_the_secret(fakes: Fakes, answer: Any) -> None:
    fakes(answer, settings=LOGIN)
    with pytest.raises(HardeningError) as caught, vault_session(LOGIN):
        pass
    assert f"Vault {URL} does not let us in at auth/approle/login" in caught.value.message
    assert "canary" not in caught.value.message
