# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries that are busy, away, wrong or dishonest."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from loopback_server import RESET, Reply, Request
from module_runs import ModuleRunner
from registry_proxy import registry_proxy
from registry_server import Registry, basic, digest_of, encoded, plain

BUSY = Reply(429, {"Retry-After": "1"}, b'{"errors": [{"code": "TOOMANYREQUESTS"}]}')
AWAY = Reply(503)


@pytest.mark.parametrize("fault", [BUSY, AWAY, Reply(500), RESET, Reply(429, {"Retry-After": "not a time"})])
def test_what_passes_by_itself_is_waited_for(
    registry: Registry, repository: str, look_up: ModuleRunner, fault: Reply
) -> None:
    pushed = registry.push_index(repository, "v1", ["linux/amd64"])
    with registry_proxy(registry.name, answer=lambda request: fault if request.number < 2 else None) as proxy:
        image = f"{proxy.name}/{repository}:v1"
        result = look_up("image_digests_info", images=[image], registries=plain(proxy.name))
    assert result["images"][0]["digest"] == pushed.digest
    assert len(proxy.requests) == 3


@pytest.mark.parametrize(
    ("fault", "problem", "status"),
    [
        (AWAY, "answers 503, and did so until timeout was over; try again later", 503),
        (
            replace(BUSY, headers={"Retry-After": "3600"}),
            "answers 429 TOOMANYREQUESTS: it has had too many requests",
            429,
        ),
        (Reply(429, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}), "asked for a longer wait than timeout", 429),
    ],
)
def test_what_does_not_pass_ends_with_the_timeout(
    repository: str, look_up: ModuleRunner, fault: Reply, problem: str, status: int
) -> None:
    with registry_proxy(answer=lambda request: fault) as proxy:
        image = f"{proxy.name}/{repository}:v1"
        failed = look_up.failing("image_digests_info", images=[image], registries=plain(proxy.name), timeout=2)
    assert problem in failed["msg"]
    assert (failed["failures"][0]["status"], failed["failures"][0]["reason"]) == (status, "Busy")


def test_a_token_server_that_is_busy_is_waited_for(repository: str, look_up: ModuleRunner) -> None:
    manifest = encoded({"schemaVersion": 2, "layers": []})
    kind = "application/vnd.oci.image.manifest.v1+json"

    def answer(request: Request) -> Reply:
        if request.path.startswith("/token"):
            return BUSY if request.number < 2 else Reply(200, {}, b'{"token": "t"}')
        if request.headers.get("Authorization") == "Bearer t":
            return Reply(200, {"Content-Type": kind}, manifest)
        return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{proxy.name}/token"'})

    with registry_proxy(answer=answer) as proxy:
        image = f"{proxy.name}/{repository}:v1"
        result = look_up("image_digests_info", images=[image], registries=plain(proxy.name))
    assert result["images"][0]["digest"] == digest_of(manifest)
    assert [request.path.partition("?")[0].rpartition("/")[2] for request in proxy.requests] == [
        "v1", "token", "token", "v1"
    ]  # fmt: skip


def other_digest(reply: Reply) -> Reply:
    return reply.with_header("Docker-Content-Digest", "sha256:" + "0a" * 32)


def other_bytes(reply: Reply) -> Reply:
    return replace(reply, body=reply.body + b" ")


def other_bytes_and_digest(reply: Reply) -> Reply:
    return other_bytes(reply).with_header("Docker-Content-Digest", digest_of(reply.body + b" "))


def other_type(reply: Reply) -> Reply:
    return reply.with_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")


def two_kinds(reply: Reply) -> Reply:
    body = encoded({**json.loads(reply.body), "layers": []})
    return replace(reply, body=body).with_header("Docker-Content-Digest", digest_of(body))


def old_schema(reply: Reply) -> Reply:
    return reply.with_header("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")


def login_page(reply: Reply) -> Reply:
    return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>log in</html>")


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (other_digest, "but Docker-Content-Digest says sha256:0a0a"),
        (other_bytes, "but Docker-Content-Digest says {digest}"),
        (other_bytes_and_digest, "but the reference says {digest}"),
        (
            other_type,
            "'application/vnd.oci.image.index.v1+json', but it was sent as application/vnd.oci.image.manifest",
        ),
        (two_kinds, "the reference says {digest}"),
        (old_schema, "it has only a manifest of the old schema 1"),
        (login_page, "but the reference says {digest}"),
    ],
)
def test_a_registry_that_sends_something_else_for_a_digest_is_refused(
    registry: Registry, repository: str, look_up: ModuleRunner, edit: Callable[[Reply], Reply], problem: str
) -> None:
    pushed = registry.push_index(repository, "v1", ["linux/amd64"])
    with registry_proxy(registry.name, edit=edit) as proxy:
        image = f"{proxy.name}/{repository}@{pushed.digest}"
        failed = look_up.failing("image_digests_info", images=[image], registries=plain(proxy.name))
    assert problem.format(digest=pushed.digest) in failed["msg"]
    assert f"{proxy.name} is not to be trusted here" in failed["msg"]
    assert failed["failures"][0]["reason"] == "WrongContent"
    assert failed["images"] == []


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (two_kinds, "the document is an index and a manifest at once"),
        (login_page, "it sent text/html, which is no manifest of an image"),
        (lambda reply: Reply(404, {}, b"<html>not here</html>"), "answers 404, as no registry does"),
        (lambda reply: Reply(204), "answers 204, as no registry does"),
        (lambda reply: Reply(302, {"Location": "/login"}), "redirects more than 5 times"),
        (lambda reply: Reply(200, {}, b"x" * 5_000_000), "sends more than 4194304 bytes, which is no manifest"),
    ],
)
def test_what_is_no_registry_is_said_to_be_none(
    registry: Registry, repository: str, look_up: ModuleRunner, edit: Callable[[Reply], Reply], problem: str
) -> None:
    registry.push_index(repository, "v1", ["linux/amd64"])
    with registry_proxy(registry.name, edit=edit) as proxy:
        image = f"{proxy.name}/{repository}:v1"
        failed = look_up.failing("image_digests_info", images=[image], registries=plain(proxy.name))
    assert problem in failed["msg"]
    assert image in failed["msg"]


def test_a_configuration_with_another_digest_is_refused(
    registry: Registry, repository: str, look_up: ModuleRunner
) -> None:
    registry.push_image(repository, "v1", "linux/amd64")

    def edit(reply: Reply) -> Reply:
        is_config = b'"rootfs"' in reply.body
        return replace(reply, body=reply.body.replace(b"amd64", b"arm64")) if is_config else reply

    with registry_proxy(registry.name, edit=edit) as proxy:
        failed = look_up.failing(
            "image_digests_info",
            images=[f"{proxy.name}/{repository}:v1"],
            registries=plain(proxy.name),
            platforms=["linux/arm64"],
        )
    assert "the bytes of the configuration have the digest " in failed["msg"]


def test_what_a_registry_quotes_of_the_password_is_not_repeated(repository: str, look_up: ModuleRunner) -> None:
    def answer(request: Request) -> Reply:
        quoted = request.headers.get("Authorization", "")
        errors = [{"code": "DENIED", "message": quoted}, {"code": quoted}]
        return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}, json.dumps({"errors": errors}).encode())

    home = look_up.home / ".docker"
    home.mkdir()
    with registry_proxy(answer=answer) as proxy:
        auths = {proxy.name: {"auth": basic().partition(" ")[2]}}
        (home / "config.json").write_text(json.dumps({"auths": auths}), encoding="utf-8")
        image = f"{proxy.name}/{repository}:v1"
        failed = look_up.failing("image_digests_info", images=[image], registries=plain(proxy.name))
    assert proxy.headers("Authorization") == [None, basic()]
    assert "answers 401 DENIED: " in failed["msg"]
    assert basic().partition(" ")[2] not in json.dumps(failed)


def test_images_are_asked_for_together_but_not_more_than_allowed(
    registry: Registry, repository: str, look_up: ModuleRunner
) -> None:
    tags = [f"v{number}" for number in range(9)]
    for tag in tags:
        registry.push_image(repository, tag, "linux/amd64")
    together = threading.Barrier(3, timeout=60)  # nobody passes alone
    under_way: Counter[str] = Counter()
    most = []
    lock = threading.Lock()

    def answer(request: Request) -> None:
        with lock:
            under_way["now"] += 1
            most.append(under_way["now"])
        together.wait()
        with lock:
            under_way["now"] -= 1

    with registry_proxy(registry.name, answer=answer) as proxy:
        images = [f"{proxy.name}/{repository}:{tag}" for tag in tags]
        result = look_up("image_digests_info", images=images, registries=plain(proxy.name), concurrency=3)
    assert len(result["images"]) == len(proxy.requests) == 9
    assert max(most) == 3
