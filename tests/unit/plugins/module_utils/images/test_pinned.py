# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which images are accepted, how they are named, and what is said of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.filter.image import image
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images import pinned as images
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import Floor, Pins, image_reference

PLUGIN = {"repository": "nvcr.io/nvidia/k8s-device-plugin", "tag": "v0.20.0"}
DIGEST = "sha256:" + "0a" * 32
OTHER = "sha256:" + "0b" * 32
DCGM_VERSION = r"^[0-9.]+-([0-9.]+)"


def refusal(value: object, **options: Any) -> str:
    with pytest.raises(HardeningError) as caught:
        image_reference(value, **options)
    return caught.value.message


@pytest.mark.parametrize(
    ("value", "registry", "expected"),
    [
        (PLUGIN, "", "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"),
        ({**PLUGIN, "digest": DIGEST}, "", f"nvcr.io/nvidia/k8s-device-plugin:v0.20.0@{DIGEST}"),
        ({**PLUGIN, "digest": ""}, None, "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"),
        ({**PLUGIN, "digest": None}, "", "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"),
        (PLUGIN, "registry.example.com:5000", "registry.example.com:5000/nvidia/k8s-device-plugin:v0.20.0"),
        (PLUGIN, "harbor.example.com/nvcr", "harbor.example.com/nvcr/nvidia/k8s-device-plugin:v0.20.0"),
        ({"repository": "localhost/a", "tag": "1"}, "", "localhost/a:1"),
        ({"repository": "127.0.0.1:5000/a__b/c--d", "tag": "_x"}, "", "127.0.0.1:5000/a__b/c--d:_x"),
    ],
)
def test_a_complete_image_becomes_its_reference(value: dict[str, str], registry: str, expected: str) -> None:
    assert image_reference(value, registry) == expected


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"repository": None}, "image: repository is missing"),
        ({"repository": ""}, "image.repository: '' names no registry"),
        ({"repository": "nvidia/k8s-device-plugin"}, "names no registry, so a node may take it from anywhere"),
        ({"repository": "k8s-device-plugin"}, "names no registry"),
        ({"repository": "nvcr.io/"}, "names no registry"),
        ({"repository": "https://nvcr.io/nvidia/x"}, "is an address; write it without"),
        ({"repository": "nvcr.io/nvidia/x:v1"}, "has a tag or digest in it; these are keys of their own"),
        ({"repository": f"nvcr.io/nvidia/x@{DIGEST}"}, "has a tag or digest in it"),
        ({"repository": "nvcr.io/NVIDIA/x"}, "'NVIDIA/x' is no path of an image"),
        ({"repository": "nvcr.io/nvidia//x"}, "is no path of an image"),
        ({"tag": None}, "image: tag is missing"),
        ({"tag": "latest"}, "image.tag: latest is another image tomorrow; name a version"),
        ({"tag": ""}, "image.tag: '' is no tag"),
        ({"tag": "v0.20.0 "}, "image.tag: 'v0.20.0 ' is no tag"),
        ({"tag": 4.5}, "image.tag: must be a string, not 4.5; quote it"),
        ({"digest": "0a" * 32}, "is no digest; it must be sha256: and 64 of 0-9 a-f"),
        ({"digest": "sha256:" + "0A" * 32}, "is no digest"),
        ({"digest": DIGEST[:-1]}, "is no digest"),
        ({"digset": DIGEST}, "no key 'digset' is known here (did you mean digest?)"),
    ],
)
def test_an_image_that_is_not_complete_is_refused(change: dict[str, object], problem: str) -> None:
    assert problem in refusal({**PLUGIN, **change})


@pytest.mark.parametrize("value", ["nvcr.io/nvidia/k8s-device-plugin:v0.20.0", None, [PLUGIN]])
def test_an_image_that_is_no_mapping_is_refused(value: object) -> None:
    assert "image: must be a mapping" in refusal(value)


@pytest.mark.parametrize("registry", ["registry", "https://registry.example.com", "registry.example.com/", "a.b/UP"])
def test_a_registry_that_is_none_is_refused(registry: str) -> None:
    assert f"registry: {registry!r} is no registry" in refusal(PLUGIN, registry=registry)


def test_all_problems_are_reported_under_the_name_of_the_variable() -> None:
    message = refusal({"repository": "x", "tag": "latest"}, name="device_plugin_image")
    assert "2 problems" in message
    assert "device_plugin_image.repository: " in message
    assert "device_plugin_image.tag: " in message


@pytest.mark.parametrize(
    ("tag", "floor", "pattern", "accepted"),
    [
        ("v0.17.3", "0.17.3", images.LEADING_VERSION, True),
        ("v0.20.0", "0.17.3", images.LEADING_VERSION, True),
        ("v0.17.2", "0.17.3", images.LEADING_VERSION, False),
        ("v0.9.9", "0.17.3", images.LEADING_VERSION, False),
        ("v0.17.3-ubi9", "0.17.3", images.LEADING_VERSION, True),
        ("v0.17.3-rc.1", "0.17.3", images.LEADING_VERSION, False),
        ("v0.17.4-rc.1", "0.17.3", images.LEADING_VERSION, True),
        ("1.2", "1.2.0", images.LEADING_VERSION, True),
        ("4.5.3-4.8.2-distroless", "4.8.2", DCGM_VERSION, True),
        ("4.5.3-4.8.2-distroless", "4.8.2", images.LEADING_VERSION, False),
        ("4.9.0-4.8.1-ubuntu22.04", "4.8.2", DCGM_VERSION, False),
        ("4.5.3-4.10.0-ubi9", "4.8.2", DCGM_VERSION, True),
        ("stable", "", images.LEADING_VERSION, True),
    ],
)
def test_the_floor_is_compared_with_the_version_in_the_tag(tag: str, floor: str, pattern: str, accepted: bool) -> None:
    value = {"repository": "nvcr.io/x", "tag": tag}
    if accepted:
        assert image_reference(value, floor=Floor(floor, pattern)) == f"nvcr.io/x:{tag}"
    else:
        assert f"is older than {floor}" in refusal(value, floor=Floor(floor, pattern))


def test_a_version_below_the_floor_says_why_and_what_to_set() -> None:
    old = {**PLUGIN, "tag": "v0.16.0"}
    floor = Floor("0.17.3", reason="CVE-2025-23266")
    assert refusal(old, floor=floor, name="device_plugin_image") == (
        "The image cannot be used: device_plugin_image.tag: 'v0.16.0' is older than 0.17.3, the oldest that is safe "
        "(CVE-2025-23266); take a newer tag, or set device_plugin_image_allow_below_floor: true to accept that"
    )
    assert image_reference(old, floor=Floor("0.17.3", allow_below=True)).endswith(":v0.16.0")


def test_a_tag_without_version_is_refused_only_where_there_is_a_floor() -> None:
    mirrored = {**PLUGIN, "tag": "stable"}
    assert "no version can be read from 'stable'" in refusal(mirrored, floor=Floor("0.17.3"))
    assert image_reference(mirrored, floor=Floor("0.17.3", allow_below=True)).endswith(":stable")


@pytest.mark.parametrize(
    ("floor", "problem"),
    [
        (Floor("newest"), "the floor 'newest' is no version"),
        (Floor(4.8), "floor: must be a string, not 4.8; quote it"),
        (Floor("1.2", allow_below="no"), "allow_below_floor: must be true or false"),
        (Floor("1.2", pattern="("), "version_pattern: '(' is no regular expression with a group"),
        (Floor("1.2", pattern="v"), "version_pattern: 'v' is no regular expression with a group"),
    ],
)
def test_a_floor_that_cannot_be_compared_is_refused(floor: Floor, problem: str) -> None:
    assert problem in refusal(PLUGIN, floor=floor)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("nvcr.io/nvidia/x:v1", ("nvcr.io/nvidia/x", "v1")),
        (f"nvcr.io/nvidia/x:v1@{DIGEST}", ("nvcr.io/nvidia/x", "v1")),
        (f"nvcr.io/nvidia/x@{DIGEST}", ("nvcr.io/nvidia/x", "")),
        ("registry:5000/x", ("registry:5000/x", "")),
        ("falco", ("falco", "")),
    ],
)
def test_a_reference_is_taken_apart(reference: str, expected: tuple[str, str]) -> None:
    assert images.split_reference(reference) == expected


LOCK = {
    "nvcr.io/nvidia/k8s-device-plugin:v0.20.0": {"digest": DIGEST},
    "mirror.example.com/nvidia/k8s-device-plugin:v0.20.0": {"digest": OTHER},
}


@pytest.mark.parametrize(
    ("change", "registry", "expected"),
    [
        ({}, "", f"nvcr.io/nvidia/k8s-device-plugin:v0.20.0@{DIGEST}"),
        ({"digest": ""}, "", f"nvcr.io/nvidia/k8s-device-plugin:v0.20.0@{DIGEST}"),
        # The digest of the image as it is named, not of the place that it is taken from: a copy has the same.
        ({}, "mirror.example.com", f"mirror.example.com/nvidia/k8s-device-plugin:v0.20.0@{DIGEST}"),
        ({"digest": OTHER}, "", f"nvcr.io/nvidia/k8s-device-plugin:v0.20.0@{OTHER}"),
        ({"tag": "v0.20.1"}, "", "nvcr.io/nvidia/k8s-device-plugin:v0.20.1"),
    ],
)
def test_an_image_without_digest_gets_that_of_the_lock(change: dict[str, str], registry: str, expected: str) -> None:
    assert image_reference({**PLUGIN, **change}, registry, pins=Pins(LOCK)) == expected


@pytest.mark.parametrize("lock", [None, {}, {"nvcr.io/nvidia/other:v0.20.0": {"digest": DIGEST}}])
def test_an_image_that_is_not_pinned_is_refused_where_digests_are_required(lock: object) -> None:
    assert image_reference(PLUGIN, pins=Pins(lock, False)).endswith(":v0.20.0")
    assert refusal(PLUGIN, pins=Pins(lock, True), name="device_plugin_image") == (
        "The image cannot be used: device_plugin_image: it has no digest, and nvcr.io/nvidia/k8s-device-plugin:v0.20.0 "
        "is not in the lock; run the playbook gpu_cluster.hardening.lock_images, or set its digest"
    )
    assert image_reference({**PLUGIN, "digest": DIGEST}, pins=Pins(lock, True)).endswith(DIGEST)


@pytest.mark.parametrize(
    ("pins", "problem"),
    [
        (Pins([]), "lock: must be a mapping, not a list"),
        (Pins({"x:v1": {"digest": DIGEST}}), "lock.x:v1: 'x:v1' names no registry"),
        (Pins({"r.io/x:v1": DIGEST}), f"lock.r.io/x:v1: must be a mapping, not '{DIGEST}'"),
        (Pins({"r.io/x:v1": {"digest": "sha256:0a"}}), "lock.r.io/x:v1.digest: 'sha256:0a' is no digest"),
        (Pins({}, "no"), "require_digest: must be true or false, not 'no'"),
    ],
)
def test_a_lock_that_is_none_is_refused(pins: Pins, problem: str) -> None:
    assert problem in refusal(PLUGIN, pins=pins)


def test_the_filter_takes_the_lock_and_refuses_what_is_not_in_it() -> None:
    assert image(PLUGIN, lock=LOCK, require_digest=True).endswith(DIGEST)
    with pytest.raises(AnsibleFilterError, match="is not in the lock"):
        image(PLUGIN, lock={}, require_digest=True)


def test_the_filter_gives_the_reference_or_an_error_of_ansible() -> None:
    assert image(PLUGIN, "r.example.com", floor="0.17.3") == "r.example.com/nvidia/k8s-device-plugin:v0.20.0"
    with pytest.raises(AnsibleFilterError, match=r"is older than 0\.21"):
        image(PLUGIN, floor="0.21")


def test_the_documentation_has_the_default_pattern() -> None:
    document = yaml.safe_load(Path(images.__file__).parents[2].joinpath("filter/image.yml").read_text())
    assert document["DOCUMENTATION"]["options"]["version_pattern"]["default"] == images.LEADING_VERSION
