# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves as whom a kubeconfig's user acts, in whose name, and that no message holds a secret."""

from __future__ import annotations

import base64
import datetime
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import credentials
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.access import access_by_kubeconfig
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.credentials import (
    Identity,
    Renewed,
    bearer,
    token_file,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.kubeconfig import Choice, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

SECRET = "secret-token-of-ci"


def access(folder: Path, user: dict[str, Any] | None, cluster: dict[str, Any] | None = None, **params: Any) -> Any:
    whole = {"server": "https://lab:6443", **(cluster or {})}
    choice = Choice("lab", Entry("lab", folder, whole), None if user is None else Entry("ci", folder, user))
    return access_by_kubeconfig(choice, params, {})


def authorization(folder: Path, user: dict[str, Any]) -> str:
    return str(access(folder, user).credentials.identity().authorization)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def jwt(expires: float) -> str:
    return ".".join(encoded(part).rstrip("=") for part in ("{}", json.dumps({"exp": expires}), "signature"))


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \n\n"])
def test_a_token_file_may_end_as_an_editor_leaves_it(tmp_path: Path, end: str) -> None:
    (tmp_path / "token").write_text(f"{SECRET}{end}", encoding="utf-8")
    assert authorization(tmp_path, {"tokenFile": "token"}) == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"token": f"{SECRET}\n"}, f"Bearer {SECRET}"),
        ({"token": "old", "tokenFile": "token"}, f"Bearer {SECRET}"),
        ({"token": "old", "tokenFile": "no-such-file"}, "Bearer old"),
        ({"token": SECRET, "exec": {"command": "x"}}, f"Bearer {SECRET}"),
        ({"username": "ann", "password": "pässword"}, f"Basic {encoded('ann:pässword')}"),
        ({}, ""),
    ],
)
def test_credentials_are_chosen_as_client_go_does(tmp_path: Path, user: dict[str, Any], expected: str) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n", encoding="utf-8")
    assert authorization(tmp_path, user) == expected


def test_without_user_requests_are_anonymous(tmp_path: Path) -> None:
    assert access(tmp_path, None).credentials.identity() == Identity()


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"token": f"{SECRET}\nand more"}, "line break"),
        ({"token": f"{SECRET}ü"}, "character that no token has"),
        ({"tokenFile": "broken"}, "line break"),
        ({"tokenFile": "empty"}, "is empty"),
        ({"tokenFile": "binary"}, "it is not text"),
        ({"tokenFile": "no-such-file"}, "No such file"),
        ({"client-certificate-data": encoded(SECRET)}, "certificate or a key, but not both"),
        ({"client-certificate-data": f"*{SECRET}*", "client-key-data": "x"}, "is not base64"),
        ({"client-certificate": "no-such-file", "client-key": "k"}, "No such file"),
        ({"auth-provider": {"name": "gcp", "config": {"access-token": SECRET}}}, "no longer knows"),
        ({"auth-provider": {"name": "oidc", "config": {}}}, "has no id-token"),
        ({"auth-provider": {"name": "oidc", "config": {"id-token": jwt(1.0)}}}, "has expired"),
        ({"exec": {"command": "x", "apiVersion": "v9"}}, "has the apiVersion 'v9'"),
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}, "has no command"),
        ({"exec": ["a", SECRET]}, "another form than kubectl knows"),
        ({"as": "ann", "as-user-extra": {"a": SECRET}}, "must map each key to a list"),
        ({"as-groups": ["viewers"]}, "but no user"),
        ({"as-uid": "1"}, "but no user"),
        ({"as": "ann\nX-Evil: 1"}, "line break"),
    ],
)
def test_what_is_wrong_with_a_user_is_said_without_its_secrets(
    tmp_path: Path, user: dict[str, Any], words: str
) -> None:
    (tmp_path / "broken").write_text(f"{SECRET}\nx", encoding="utf-8")
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(bytes(range(128, 256)))
    with pytest.raises(HardeningError, match=words) as caught:
        access(tmp_path, user).credentials.identity()
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__cause__)


def test_nothing_secret_is_in_the_text_of_an_access(tmp_path: Path) -> None:
    users: list[dict[str, Any]] = [
        {"token": SECRET},
        {"username": "ann", "password": SECRET},
        {"client-certificate-data": encoded(SECRET), "client-key-data": encoded(SECRET)},
    ]
    for user in users:
        text = repr(access(tmp_path, user, {"proxy-url": f"http://ann:{SECRET}@proxy:3128"}))
        assert SECRET not in text
        assert encoded(SECRET) not in text


def test_an_id_token_is_used_while_it_is_valid(tmp_path: Path) -> None:
    token = jwt(time.time() + 600)
    provider = {"name": "oidc", "config": {"id-token": token}}
    assert authorization(tmp_path, {"auth-provider": provider}) == f"Bearer {token}"


def test_a_token_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "TOKEN_FILE_SECONDS", -60.0)
    (tmp_path / "token").write_text("one", encoding="utf-8")
    source = token_file(tmp_path / "token", "ci")
    assert source.identity().authorization == "Bearer one"
    (tmp_path / "token").write_text("two", encoding="utf-8")
    assert source.identity().authorization == "Bearer two"


def test_an_identity_is_fetched_when_it_ends_soon_or_was_refused_and_not_before() -> None:
    fetched: list[Identity] = []

    def fetch() -> Identity:
        fetched.append(Identity(bearer(f"number-{len(fetched)}", "x"), expires=time.time() + (600 if fetched else 10)))
        return fetched[-1]

    source = Renewed(fetch)
    first = source.identity()
    second = source.identity()
    assert (first, second) == (fetched[0], fetched[1])
    assert source.identity() is second
    assert source.renew(second) is True
    assert source.renew(second) is True, "another thread has fetched already"
    assert len(fetched) == 3


def plugin(folder: Path, lines: str) -> dict[str, Any]:
    program = folder / "login"
    program.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"command": "./login", "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


def answer(status: dict[str, Any], version: str = "v1") -> str:
    credential = {"apiVersion": f"client.authentication.k8s.io/{version}", "kind": "ExecCredential", "status": status}
    return f"cat <<'END'\n{json.dumps(credential)}\nEND"


def test_a_plugin_gives_a_token_and_when_it_ends(tmp_path: Path) -> None:
    settings = plugin(tmp_path, answer({"token": SECRET, "expirationTimestamp": "2099-01-02T03:04:05Z"}))
    identity = access(tmp_path, {"exec": settings}).credentials.identity()
    assert identity.authorization == f"Bearer {SECRET}"
    assert identity.expires == datetime.datetime(2099, 1, 2, 3, 4, 5, tzinfo=datetime.UTC).timestamp()


def test_a_plugin_gives_a_client_certificate(tmp_path: Path) -> None:
    settings = plugin(tmp_path, answer({"clientCertificateData": "a", "clientKeyData": "b"}))
    pair = access(tmp_path, {"exec": settings}).credentials.identity().pair
    assert (pair.certificate, pair.key) == (b"a", b"b")


def test_a_plugin_is_told_what_it_asks_for(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    note = f'echo "$KUBERNETES_EXEC_INFO" > {seen}; echo "$1 $WHO" >> {seen}'
    settings = plugin(tmp_path, f"{note}\n{answer({'token': 'x'})}")
    settings |= {"args": ["first"], "env": [{"name": "WHO", "value": "me"}], "provideClusterInfo": True}
    (tmp_path / "ca.crt").write_text("the authority", encoding="utf-8")
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "lab"}}
    cluster = {"certificate-authority": "ca.crt", "tls-server-name": "name", "extensions": [extension]}
    access(tmp_path, {"exec": settings}, cluster).credentials.identity()
    info, rest = seen.read_text(encoding="utf-8").splitlines()
    assert rest == "first me"
    assert json.loads(info)["spec"] == {
        "interactive": False,
        "cluster": {
            "server": "https://lab:6443",
            "tls-server-name": "name",
            "certificate-authority-data": encoded("the authority"),
            "config": {"audience": "lab"},
        },
    }


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("echo no session >&2; exit 3", "ended with code 3: no session"),
        (f"echo {SECRET}", "does not print an ExecCredential"),
        (answer({}), "neither a token nor a client certificate"),
        (answer({"clientCertificateData": SECRET}), "neither a token nor a client certificate"),
        (answer({"token": SECRET}, "v1beta1"), "does not print an ExecCredential of client.authentication.k8s.io/v1,"),
        (answer({"token": SECRET, "expirationTimestamp": "soon"}), "no time in RFC 3339"),
        (answer({"token": f"{SECRET}\nx"}), "line break"),
    ],
)
def test_a_plugin_that_gives_nothing_is_explained(tmp_path: Path, lines: str, words: str) -> None:
    source = access(tmp_path, {"exec": plugin(tmp_path, lines)}).credentials
    with pytest.raises(HardeningError, match=words) as caught:
        source.identity()
    assert SECRET not in str(caught.value)


def test_a_plugin_that_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    settings = {**plugin(tmp_path, ""), "command": "no-such-login-command", "installHint": "Get it from\nthe intranet."}
    with pytest.raises(HardeningError, match=r"no-such-login-command cannot be run: .* Get it from the intranet\."):
        access(tmp_path, {"exec": settings}).credentials.identity()


@pytest.mark.parametrize(
    ("user", "params", "headers"),
    [
        ({}, {}, []),
        ({"as": "bot"}, {}, [("Impersonate-User", "bot")]),
        (
            {"as": "bot", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"example.org/Team": ["x", "y"]}},
            {},
            [
                ("Impersonate-User", "bot"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b"),
                ("Impersonate-Extra-example.org%2FTeam", "x"),
                ("Impersonate-Extra-example.org%2FTeam", "y"),
            ],
        ),
        ({"as": "bot"}, {"impersonate_user": "ann"}, [("Impersonate-User", "ann")]),
        (
            {"as": "bot", "as-groups": ["a"]},
            {"impersonate_groups": ["c"]},
            [("Impersonate-User", "bot"), ("Impersonate-Group", "c")],
        ),
        ({"as": "jürgen"}, {}, [("Impersonate-User", "jürgen".encode().decode("latin-1"))]),
    ],
)
def test_requests_are_made_in_the_name_that_is_given(
    tmp_path: Path, user: dict[str, Any], params: dict[str, Any], headers: list[tuple[str, str]]
) -> None:
    assert access(tmp_path, user, **params).impersonation.headers() == headers


@pytest.mark.parametrize(
    ("cluster", "url"),
    [
        ({"server": "https://lab:6443/k8s/clusters/c-1/"}, "https://lab:6443/k8s/clusters/c-1"),
        ({"server": "lab:6443", "insecure-skip-tls-verify": True}, "https://lab:6443"),
        ({"server": "lab:6443", "certificate-authority-data": encoded("x")}, "https://lab:6443"),
        ({"server": "lab:8080"}, "http://lab:8080"),
    ],
)
def test_the_address_is_read_as_client_go_does(tmp_path: Path, cluster: dict[str, Any], url: str) -> None:
    assert access(tmp_path, {}, cluster).server.url == url


def test_an_address_with_a_password_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(HardeningError, match="must not hold a user or password") as caught:
        access(tmp_path, {}, {"server": f"https://ann:{SECRET}@lab"})
    assert SECRET not in str(caught.value)
