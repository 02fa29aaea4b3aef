# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries that want to know who asks: passwords, tokens, helpers, certificates, and no secret shown anywhere."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback_server import Reply, Request
from module_runs import ModuleRunner
from registry_proxy import registry_proxy
from registry_server import PASSWORD, USER, Registry, basic, plain
from token_server import IDENTITY_TOKEN, SERVICE, Pair, TokenServer

AUTH = {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
HELPER = """#!/bin/sh
read -r server
[ "$1 $server" = "get {registry}" ] || {{ echo "credentials not found in native keychain"; exit 1; }}
echo '{{"ServerURL": "'"$server"'", "Username": "{user}", "Secret": "{secret}"}}'
"""


def docker_login(home: Path, **content: Any) -> None:
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text(json.dumps(content), encoding="utf-8")


def install_helper(
    home: Path, monkeypatch: pytest.MonkeyPatch, registry: str, user: str = USER, secret: str = PASSWORD
) -> None:
    program = home / "bin" / "docker-credential-test"
    program.parent.mkdir()
    program.write_text(HELPER.format(registry=registry, user=user, secret=secret), encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def shows_no_secret(result: dict[str, Any]) -> bool:
    text = json.dumps(result)
    return not any(secret in text for secret in (PASSWORD, AUTH["auth"], IDENTITY_TOKEN, "Bearer ey"))


def test_user_and_password_of_the_module_are_used(
    locked_registry: Registry, pair: Pair, repository: str, look_up: ModuleRunner
) -> None:
    pushed = locked_registry.push_index(repository, "v1", ["linux/amd64"])
    entry = {"name": locked_registry.name, "ca_cert": str(pair.certificate), "username": USER, "password": PASSWORD}
    result = look_up("image_digests_info", images=[pushed.image], registries=[entry])
    assert result["images"][0]["digest"] == pushed.digest
    assert shows_no_secret(result)


@pytest.mark.parametrize("key", ["{}", "https://{}", "https://{}/v1/"])
def test_what_docker_login_stored_is_used(
    locked_registry: Registry, pair: Pair, repository: str, look_up: ModuleRunner, key: str
) -> None:
    pushed = locked_registry.push_index(repository, "v1", ["linux/amd64"])
    docker_login(look_up.home, auths={key.format(locked_registry.name): AUTH})
    entry = {"name": locked_registry.name, "ca_cert": str(pair.certificate)}
    result = look_up("image_digests_info", images=[pushed.image], registries=[entry])
    assert result["images"][0]["digest"] == pushed.digest
    assert shows_no_secret(result)


@pytest.mark.parametrize("how", ["credHelpers", "credsStore"])
def test_a_credential_helper_is_asked(
    locked_registry: Registry,
    pair: Pair,
    repository: str,
    look_up: ModuleRunner,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    pushed = locked_registry.push_index(repository, "v1", ["linux/amd64"])
    install_helper(look_up.home, monkeypatch, locked_registry.name)
    docker_login(look_up.home, **{how: {locked_registry.name: "test"} if how == "credHelpers" else "test"})
    entry = {"name": locked_registry.name, "ca_cert": str(pair.certificate)}
    result = look_up("image_digests_info", images=[pushed.image], registries=[entry])
    assert result["images"][0]["digest"] == pushed.digest
    assert shows_no_secret(result)


def test_a_helper_that_knows_nothing_leaves_it_to_the_file(
    locked_registry: Registry, pair: Pair, repository: str, look_up: ModuleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = locked_registry.push_index(repository, "v1", ["linux/amd64"])
    install_helper(look_up.home, monkeypatch, "another.example.com")
    docker_login(look_up.home, credsStore="test", auths={locked_registry.name: AUTH})
    entry = {"name": locked_registry.name, "ca_cert": str(pair.certificate)}
    assert look_up("image_digests_info", images=[pushed.image], registries=[entry])["images"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, "the credentials (nobody's, as none are known) may not pull from it; log in with docker login"),
        ({"auths": {"REGISTRY": {"auth": "bm9ib2R5Om5vdGhpbmc="}}}, "config.json) may not pull from it"),
        ({"auths": {"REGISTRY": {"auth": "%%%"}}}, "is not the base64 of user:password; log in to that registry again"),
        ({"credsStore": "none"}, "names the credential helper 'docker-credential-none', which is not on the PATH"),
        ({"credsStore": "../none"}, "names the credential helper 'docker-credential-../none'"),
    ],
)
def test_without_good_credentials_the_error_says_whose_were_used(
    locked_registry: Registry,
    pair: Pair,
    repository: str,
    look_up: ModuleRunner,
    content: dict[str, Any],
    problem: str,
) -> None:
    docker_login(look_up.home, **json.loads(json.dumps(content).replace("REGISTRY", locked_registry.name)))
    entry = {"name": locked_registry.name, "ca_cert": str(pair.certificate)}
    failed = look_up.failing(
        "image_digests_info", images=[f"{locked_registry.name}/{repository}:v1"], registries=[entry]
    )
    assert problem in failed["msg"]
    assert shows_no_secret(failed)


def test_a_configuration_that_is_not_json_is_refused_without_showing_it(look_up: ModuleRunner) -> None:
    docker_login(look_up.home)
    (look_up.home / ".docker" / "config.json").write_text(f'{{"auths": {PASSWORD}', encoding="utf-8")
    failed = look_up.failing("image_digests_info", images=["127.0.0.1:1/team/app:v1"])
    assert "config.json is not JSON, as the configuration of Docker must be" in failed["msg"]
    assert shows_no_secret(failed)


def test_a_token_of_the_repository_is_fetched_and_only_its_server_sees_the_password(
    token_registry: Registry, tokens: TokenServer, repository: str, look_up: ModuleRunner
) -> None:
    pushed = _push(token_registry, tokens, repository)
    tokens.proxy.requests.clear()
    with registry_proxy(token_registry.name) as proxy:
        registries = plain(proxy.name, username=USER, password=PASSWORD) + plain(tokens.proxy.name)
        images = [f"{proxy.name}/{repository}:v1", f"{proxy.name}/{repository}:v1@{pushed.digest}"]
        result = look_up("image_digests_info", images=images, registries=registries, concurrency=1)
    assert [image["digest"] for image in result["images"]] == [pushed.digest] * 2
    assert shows_no_secret(result)

    [asked] = tokens.proxy.requests
    assert asked.path == f"/token?scope=repository%3A{repository.replace('/', '%2F')}%3Apull&service={SERVICE}"
    assert asked.headers["Authorization"] == basic()
    token = f"Bearer {tokens.issued[-1]}"
    assert proxy.headers("Authorization") == [None, token, token]


def test_an_identity_token_is_exchanged(
    token_registry: Registry,
    tokens: TokenServer,
    repository: str,
    look_up: ModuleRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pushed = _push(token_registry, tokens, repository)
    install_helper(look_up.home, monkeypatch, token_registry.name, "<token>", IDENTITY_TOKEN)
    docker_login(look_up.home, credHelpers={token_registry.name: "test"})
    tokens.proxy.requests.clear()
    registries = plain(token_registry.name, tokens.proxy.name)
    result = look_up("image_digests_info", images=[pushed.image], registries=registries)
    assert result["images"][0]["digest"] == pushed.digest
    assert shows_no_secret(result)
    [asked] = tokens.proxy.requests
    assert (asked.method, asked.path, asked.headers.get("Authorization")) == ("POST", "/token", None)
    assert f"refresh_token={IDENTITY_TOKEN}" in asked.body.decode()


@pytest.mark.parametrize("password", [None, "wrong-password"])
def test_who_gets_no_token_is_told_which_server_gave_none(
    token_registry: Registry, tokens: TokenServer, repository: str, look_up: ModuleRunner, password: str | None
) -> None:
    login = {"username": USER, "password": password} if password else {}
    registries = plain(token_registry.name, **login) + plain(tokens.proxy.name)
    failed = look_up.failing(
        "image_digests_info", images=[f"{token_registry.name}/{repository}:v1"], registries=registries
    )
    who = "with the credentials of registries" if password else "without credentials"
    assert f"{token_registry.name} wants a token of {tokens.proxy.name}, which gives none {who} (401)" in failed["msg"]
    assert "wrong-password" not in json.dumps(failed)


def test_no_password_goes_to_a_server_of_tokens_without_tls(
    token_registry: Registry, tokens: TokenServer, repository: str, look_up: ModuleRunner
) -> None:
    tokens.proxy.requests.clear()
    failed = look_up.failing(
        "image_digests_info",
        images=[f"{token_registry.name}/{repository}:v1"],
        registries=plain(token_registry.name, username=USER, password=PASSWORD),
    )
    assert "for a token, which is not https; nothing was sent there" in failed["msg"]
    assert tokens.proxy.requests == []


@pytest.mark.parametrize("status", [200, 401])
def test_credentials_do_not_follow_a_redirect_to_another_host(
    registry: Registry, repository: str, look_up: ModuleRunner, status: int
) -> None:
    pushed = registry.push_index(repository, "v1", ["linux/amd64"])

    def store(_request: Request) -> Reply | None:
        return Reply(401, {"WWW-Authenticate": 'Basic realm="mine"'}) if status == 401 else None

    with registry_proxy(registry.name, answer=store) as elsewhere:

        def front(request: Request) -> Reply:
            if "Authorization" not in request.headers:
                return Reply(401, {"WWW-Authenticate": 'Basic realm="test"'})
            return Reply(307, {"Location": f"http://{elsewhere.name}{request.path}"})

        with registry_proxy(answer=front) as proxy:
            registries = plain(proxy.name, username=USER, password=PASSWORD) + plain(elsewhere.name)
            wanted = {"images": [f"{proxy.name}/{repository}:v1"], "registries": registries}
            if status == 200:
                assert look_up("image_digests_info", **wanted)["images"][0]["digest"] == pushed.digest
            else:
                assert "answers 401" in look_up.failing("image_digests_info", **wanted)["msg"]
    assert proxy.headers("Authorization") == [None, basic()]
    assert elsewhere.headers("Authorization") == [None]


def test_a_redirect_away_from_tls_is_refused(
    registry: Registry, pair: Pair, repository: str, look_up: ModuleRunner
) -> None:
    with registry_proxy(registry.name) as elsewhere:

        def front(request: Request) -> Reply:
            return Reply(307, {"Location": f"http://{elsewhere.name}{request.path}?signature=secret"})

        with registry_proxy(answer=front, tls=(pair.certificate, pair.key)) as proxy:
            entry = {"name": proxy.name, "ca_cert": str(pair.certificate)}
            image = f"{proxy.name}/{repository}:v1"
            failed = look_up.failing("image_digests_info", images=[image], registries=[entry])
    assert f"redirects to http://{elsewhere.name}/v2/{repository}/manifests/v1, which is not https" in failed["msg"]
    assert "signature" not in failed["msg"]
    assert elsewhere.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(
    locked_registry: Registry, repository: str, look_up: ModuleRunner
) -> None:
    failed = look_up.failing("image_digests_info", images=[f"{locked_registry.name}/{repository}:v1"])
    assert f"the certificate of https://{locked_registry.name} is not accepted: " in failed["msg"]
    assert "name its authority as ca_cert of an entry in registries" in failed["msg"]
    assert failed["failures"][0]["reason"] == "TLS"


def test_plain_http_is_only_spoken_to_registries_named_for_it(
    registry: Registry, locked_registry: Registry, repository: str, look_up: ModuleRunner
) -> None:
    failed = look_up.failing("image_digests_info", images=[f"{registry.name}/{repository}:v1"])
    assert f"https://{registry.name} does not speak TLS; if that is meant, name it in registries" in failed["msg"]
    failed = look_up.failing(
        "image_digests_info",
        images=[f"{locked_registry.name}/{repository}:v1"],
        registries=plain(locked_registry.name),
    )
    assert "it speaks TLS; remove plain_http from its entry in registries" in failed["msg"]


def _push(registry: Registry, tokens: TokenServer, repository: str) -> Any:
    token = tokens.issue(f"repository:{repository}:pull,push")
    return replace(registry, headers={"Authorization": f"Bearer {token}"}).push_index(repository, "v1", ["linux/amd64"])
