# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which of several stored credentials are taken."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.credentials import (
    ANONYMOUS,
    Credentials,
    DockerConfig,
    credentials_for,
    find_docker_config,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.endpoints import Endpoint, Settings


def login(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:pass:word".encode()).decode()}


AUTHS = {
    "quay.io": login("everybody"),
    "quay.io/team": login("team"),
    "quay.io/team/app": login("app"),
    "https://index.docker.io/v1/": login("hub"),
    "https://registry.example.com:5000/v2/": login("site"),
    "plain.example.com": {"username": "plain", "password": "pass:word"},
    "empty.example.com": {},
}


@pytest.mark.parametrize(
    ("registry", "path", "user"),
    [
        ("quay.io", "team/app", "app"),
        ("quay.io", "team/other", "team"),
        ("quay.io", "teams/app", "everybody"),
        ("docker.io", "library/x", "hub"),
        ("registry.example.com:5000", "x", "site"),
        ("registry.example.com", "x", None),
        ("plain.example.com", "x", "plain"),
        ("empty.example.com", "x", None),
        ("nvcr.io", "x", None),
    ],
)
def test_the_most_exact_entry_of_the_file_is_taken(registry: str, path: str, user: str | None) -> None:
    found = DockerConfig("config.json", {"auths": AUTHS}).stored(registry, path)
    expected = Credentials("config.json", user, "pass:word") if user else None
    assert found == expected


@pytest.mark.parametrize(
    "key",
    [
        "127.0.0.1:18090",
        "127.0.0.1:18090/",
        "127.0.0.1:18090/v2/",
        "127.0.0.1:18090/v1",
        "http://127.0.0.1:18090/v2/",
        "https://127.0.0.1:18090",
        "https://user@127.0.0.1:18090/v2/",
    ],
)
def test_a_key_is_for_its_host_as_docker_reads_it(key: str) -> None:
    config = DockerConfig("config.json", {"auths": {key: login("site")}})
    found = config.stored("127.0.0.1:18090", "library/nginx")
    assert found is not None and found.username == "site"
    assert config.stored("127.0.0.1:1809", "library/nginx") is None
    assert config.stored("127.0.0.1", "library/nginx") is None


@pytest.mark.parametrize(
    ("keys", "taken"),
    [
        (["a.b", "https://a.b/v2/"], "a.b"),
        (["a.b/team", "https://a.b/v2/"], "https://a.b/v2/"),
        (["https://a.b/v2/", "a.b/team"], "https://a.b/v2/"),
        (["a.b/team", "a.b/x"], "a.b/x"),
        (["a.b/team"], "a.b/team"),
    ],
)
def test_a_key_of_another_path_is_the_last_resort(keys: list[str], taken: str) -> None:
    found = DockerConfig("config.json", {"auths": {key: login(key) for key in keys}}).stored("a.b", "x/app")
    assert found is not None and found.username == taken.partition(":")[0]


def test_the_user_s_own_word_goes_first() -> None:
    endpoint = Endpoint(Settings("quay.io", username="me", password="mine"), "quay.io", "team/app")
    config = DockerConfig("config.json", {"auths": AUTHS, "credsStore": "missing"})
    assert credentials_for(endpoint, config) == Credentials("registries", "me", "mine")


def test_without_any_entry_one_is_nobody() -> None:
    endpoint = Endpoint(Settings("nvcr.io"), "nvcr.io", "x")
    assert credentials_for(endpoint, DockerConfig("config.json", {})) is ANONYMOUS
    assert ANONYMOUS.basic == ""


@pytest.mark.parametrize(
    ("registry", "helper"), [("quay.io", "quay"), ("docker.io", "hub"), ("nvcr.io", "all"), ("gcr.io", "all")]
)
def test_a_helper_of_the_registry_goes_before_that_of_all(registry: str, helper: str) -> None:
    helpers = {"quay.io": "quay", "https://index.docker.io/v1/": "hub", "gcr.io": ""}
    assert DockerConfig("config.json", {"credHelpers": helpers, "credsStore": "all"}).helper(registry) == helper


def test_an_identity_token_is_taken_for_what_it_is() -> None:
    config = DockerConfig("config.json", {"auths": {"a.b": {**login("<token>"), "identitytoken": "it"}}})
    found = config.stored("a.b", "x")
    assert found == Credentials("config.json", identity_token="it")
    assert "it" not in repr(found)


@pytest.mark.parametrize(
    "content",
    [
        {"auths": {"a.b": {"auth": "no base64"}}},
        {"auths": {"a.b": {"auth": base64.b64encode(b"without colon").decode()}}},
        {"auths": {"a.b": {"auth": base64.b64encode(b":without user").decode()}}},
        {"auths": {"a.b": {"auth": base64.b64encode(b"\xff:\xff").decode()}}},
        {"auths": ["a.b"]},
        {"credHelpers": "x"},
    ],
)
def test_a_broken_file_is_refused_without_its_content(content: dict[str, Any]) -> None:
    config = DockerConfig("/home/me/config.json", content)
    endpoint = Endpoint(Settings("a.b"), "a.b", "x")
    with pytest.raises(HardeningError) as caught:
        credentials_for(endpoint, config)
    assert caught.value.message.startswith("/home/me/config.json: ")
    assert "auth" not in content.get("auths", {}) or "no base64" not in caught.value.message


@pytest.mark.parametrize("variable", ["DOCKER_CONFIG", "HOME"])
def test_the_file_is_found_where_docker_keeps_it(tmp_path: Path, variable: str) -> None:
    folder = tmp_path if variable == "DOCKER_CONFIG" else tmp_path / ".docker"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text('{"credsStore": "pass"}')
    assert find_docker_config("", {variable: str(tmp_path)}).content == {"credsStore": "pass"}


def test_a_file_that_is_not_there_has_nothing_unless_it_was_asked_for(tmp_path: Path) -> None:
    assert find_docker_config("", {"HOME": str(tmp_path)}).content == {}
    with pytest.raises(HardeningError, match="does not exist"):
        find_docker_config(str(tmp_path / "config.json"), {})
