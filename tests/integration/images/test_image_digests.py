# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry knows of images is found, checked, and asked for with few requests."""

from __future__ import annotations

import pytest
from module_runs import ModuleRunner
from registry_proxy import registry_proxy
from registry_server import Registry, plain

PLATFORMS = ["linux/amd64", "linux/arm64/v8"]
NOWHERE = "sha256:" + "0a" * 32


@pytest.mark.parametrize("docker", [False, True])
def test_a_tag_of_several_platforms_gives_the_digest_of_the_index(
    registry: Registry, repository: str, look_up: ModuleRunner, docker: bool
) -> None:
    pushed = registry.push_index(repository, "v1", PLATFORMS, docker)
    result = look_up("image_digests_info", images=[pushed.image], registries=plain(registry.name))
    assert result["changed"] is False
    assert result["images"] == [
        {
            "image": pushed.image,
            "repository": f"{registry.name}/{repository}",
            "tag": "v1",
            "digest": pushed.digest,
            "media_type": pushed.media_type,
            "size": pushed.size,
            "platforms": PLATFORMS,
            "tag_digest": pushed.digest,
        }
    ]


@pytest.mark.parametrize("docker", [False, True])
def test_an_image_without_index_gives_the_digest_of_its_manifest(
    registry: Registry, repository: str, look_up: ModuleRunner, docker: bool
) -> None:
    pushed = registry.push_image(repository, "v1", "linux/arm64/v8", docker)
    wanted = {"images": [pushed.image], "registries": plain(registry.name)}
    found = look_up("image_digests_info", **wanted)["images"][0]
    assert (found["digest"], found["media_type"], found["platforms"]) == (pushed.digest, pushed.media_type, [])
    found = look_up("image_digests_info", **wanted, platforms=["linux/arm64"])["images"][0]
    assert found["platforms"] == ["linux/arm64/v8"]


def test_results_are_in_the_order_of_the_images_and_each_is_asked_for_once(
    registry: Registry, repository: str, look_up: ModuleRunner
) -> None:
    pushed = {tag: registry.push_image(repository, tag, "linux/amd64", content=tag) for tag in ("v1", "v2")}
    with registry_proxy(registry.name) as proxy:
        images = [f"{proxy.name}/{repository}:{tag}" for tag in ("v2", "v1", "v2")]
        result = look_up("image_digests_info", check=True, images=images, registries=plain(proxy.name))
    assert [image["digest"] for image in result["images"]] == [pushed[tag].digest for tag in ("v2", "v1", "v2")]
    assert sorted(request.path for request in proxy.requests) == [
        f"/v2/{repository}/manifests/{tag}" for tag in ("v1", "v2")
    ]


def test_a_digest_is_found_without_tag(registry: Registry, repository: str, look_up: ModuleRunner) -> None:
    pushed = registry.push_index(repository, "v1", PLATFORMS)
    image = f"{registry.name}/{repository}@{pushed.digest}"
    found = look_up("image_digests_info", images=[image], registries=plain(registry.name))["images"][0]
    assert (found["digest"], found["tag"], found["tag_digest"]) == (pushed.digest, "", "")


def test_one_request_says_that_a_tag_still_has_its_digest(
    registry: Registry, repository: str, look_up: ModuleRunner
) -> None:
    pushed = registry.push_index(repository, "v1", PLATFORMS)
    with registry_proxy(registry.name) as proxy:
        image = f"{proxy.name}/{repository}:v1@{pushed.digest}"
        found = look_up("image_digests_info", images=[image], registries=plain(proxy.name))["images"][0]
    assert (found["digest"], found["tag_digest"]) == (pushed.digest, pushed.digest)
    assert len(proxy.requests) == 1


def test_a_tag_that_moved_is_an_error_or_a_warning(registry: Registry, repository: str, look_up: ModuleRunner) -> None:
    old = registry.push_index(repository, "v1", PLATFORMS)
    new = registry.push_index(repository, "v1", PLATFORMS, content="rebuilt")
    assert old.digest != new.digest
    wanted = {"images": [f"{old.image}@{old.digest}"], "registries": plain(registry.name)}
    move = f"the tag v1 means {new.digest} now, and not {old.digest} as when it was pinned"

    failed = look_up.failing("image_digests_info", **wanted)
    assert move in failed["msg"]
    assert failed["failures"][0]["reason"] == "MovedTag"

    result = look_up("image_digests_info", **wanted, moved_tags="warn")
    assert (result["images"][0]["digest"], result["images"][0]["tag_digest"]) == (old.digest, new.digest)
    assert move in str(result["warnings"])


def test_a_tag_that_is_gone_is_said_to_be_gone(registry: Registry, repository: str, look_up: ModuleRunner) -> None:
    pushed = registry.push_index(repository, "v1", PLATFORMS)
    image = f"{registry.name}/{repository}:v2@{pushed.digest}"
    failed = look_up.failing("image_digests_info", images=[image], registries=plain(registry.name))
    assert f"the tag v2 is gone, and not {pushed.digest} as when it was pinned" in failed["msg"]


def test_a_digest_that_is_not_there_is_an_error_that_says_what_the_tag_means(
    registry: Registry, repository: str, look_up: ModuleRunner
) -> None:
    pushed = registry.push_index(repository, "v1", PLATFORMS)
    image = f"{pushed.image}@{NOWHERE}"
    failed = look_up.failing(
        "image_digests_info", images=[image], registries=plain(registry.name), moved_tags="warn"
    )  # moved tags may pass, a digest that nobody can pull may not
    assert failed["msg"] == (
        f"Images cannot be pinned: {image}: {registry.name} answers 404 MANIFEST_UNKNOWN: {repository} has no digest "
        f"{NOWHERE} there; the tag v1 means {pushed.digest}"
    )


def test_an_image_for_another_platform_is_refused(registry: Registry, repository: str, look_up: ModuleRunner) -> None:
    index = registry.push_index(repository, "index", ["linux/arm64", "windows/amd64"])
    single = registry.push_image(repository, "single", "linux/arm64")
    failed = look_up.failing(
        "image_digests_info",
        images=[index.image, single.image],
        registries=plain(registry.name),
        platforms=["linux/amd64", "linux/arm64"],
    )
    assert f"{index.image}: it is not for linux/amd64; it has linux/arm64, windows/amd64" in failed["msg"]
    assert f"{single.image}: it is not for linux/amd64; it has linux/arm64" in failed["msg"]


def test_all_that_is_wrong_is_said_together_and_what_was_found_is_returned(
    registry: Registry, repository: str, look_up: ModuleRunner
) -> None:
    pushed = registry.push_index(repository, "v1", PLATFORMS)
    no_tag, no_repository = f"{registry.name}/{repository}:v2", f"{registry.name}/{repository}/none:v1"
    nobody = "127.0.0.1:1/team/app:v1"
    failed = look_up.failing(
        "image_digests_info",
        images=[no_tag, pushed.image, no_repository, nobody],
        registries=plain(registry.name, "127.0.0.1:1"),
    )
    assert [image["digest"] for image in failed["images"]] == [pushed.digest]
    assert failed["msg"].startswith("Images cannot be pinned (3 problems):\n")
    assert (
        f"- {no_tag}: {registry.name} answers 404 MANIFEST_UNKNOWN: {repository} has no tag v2 there" in failed["msg"]
    )
    assert f"- {no_repository}: {registry.name} answers 404 " in failed["msg"]
    assert f"- {nobody}: http://127.0.0.1:1 cannot be reached: " in failed["msg"]
    assert [(each["image"], each["status"], each["reason"]) for each in failed["failures"]] == [
        (no_tag, 404, "NotFound"),
        (no_repository, 404, "NotFound"),
        (nobody, 0, "Unreachable"),
    ]


def test_a_mirror_is_asked_in_the_stead_of_a_registry(
    registry: Registry, repository: str, look_up: ModuleRunner
) -> None:
    pushed = registry.push_index(f"hub/{repository}", "v1", PLATFORMS)
    registries = [{"name": "docker.io", "mirror": f"{registry.name}/hub"}, *plain(registry.name)]
    image = f"docker.io/{repository}:v1"
    found = look_up("image_digests_info", images=[image], registries=registries)["images"][0]
    assert (found["image"], found["digest"]) == (image, pushed.digest)
    assert found["repository"] == f"docker.io/{repository}"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"images": ["app:v1"]}, "images[0]: 'app:v1' names no registry"),
        ({"images": ["docker.io/x:v1", "docker.io/x"]}, "images[1]: 'docker.io/x' has neither a tag nor a digest"),
        ({"registries": [{"name": "https://a.b"}]}, "registries: https://a.b: is no registry"),
        ({"registries": [{"name": "a.b"}, {"name": "a.b"}]}, "registries: a.b: is there twice"),
        ({"registries": [{"name": "a.b", "mirror": "c"}]}, "the mirror 'c' is no registry"),
        ({"registries": [{"name": "a.b", "mirror": "c.d", "username": "u"}]}, "it is never asked, as c.d is"),
        ({"registries": [{"name": "a.b", "username": "u"}]}, "username and password must be given together"),
        ({"registries": [{"name": "docker.io", "ca_cert": "/no/ca.pem"}]}, "ca_cert /no/ca.pem cannot be read as PEM"),
        ({"docker_config": "/no/config.json"}, "docker_config: /no/config.json does not exist"),
    ],
)
def test_bad_options_are_refused_before_any_request(
    look_up: ModuleRunner, options: dict[str, object], problem: str
) -> None:
    failed = look_up.failing("image_digests_info", **{"images": ["docker.io/team/app:v1"], **options})
    assert problem in failed["msg"]
