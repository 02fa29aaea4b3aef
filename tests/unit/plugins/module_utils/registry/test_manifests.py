# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is accepted as a manifest, and what is read from it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.manifests import (
    ManifestError,
    config_platform,
    digest_of,
    has_platform,
    read_manifest,
)

OCI = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


def test_the_digest_is_that_of_the_bytes() -> None:
    # Known from `printf '{}' | sha256sum`.
    assert digest_of(b"{}") == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    manifest = read_manifest(b"{}", f"{OCI.upper()}; charset=utf-8", {"header": "", "reference": digest_of(b"{}")})
    assert (manifest.digest, manifest.media_type, manifest.size) == (digest_of(b"{}"), OCI, 2)


@pytest.mark.parametrize(
    ("document", "platforms"),
    [
        ({}, []),
        ({"manifests": None}, []),
        ({"manifests": ["x", {}, {"platform": "x"}, {"platform": {"os": "linux"}}]}, []),
        ({"manifests": [{"platform": {"os": "unknown", "architecture": "unknown"}}]}, []),
        (
            {
                "manifests": [
                    {"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
                    {"platform": {"os": "linux", "architecture": "amd64"}},
                    {"platform": {"os": "linux", "architecture": "amd64", "os.version": "2"}},
                ]
            },
            ["linux/amd64", "linux/arm64/v8"],
        ),
    ],
)
def test_the_platforms_of_an_index_are_named_once(document: dict[str, object], platforms: list[str]) -> None:
    assert read_manifest(json.dumps(document).encode(), OCI, {}).platforms == platforms


@pytest.mark.parametrize(
    ("data", "content_type", "problem"),
    [
        (b"{}", "", "it sent something without type, which is no manifest"),
        (b"{}", "application/json", "it sent application/json, which is no manifest"),
        (b"[]", OCI, "which is no manifest"),
        (b"{", OCI, "which is no manifest"),
        (b"[" * 100_000, OCI, "which is no manifest"),
        (b"{}", "application/vnd.docker.distribution.manifest.v1+json", "the old schema 1"),
        (json.dumps({"mediaType": DOCKER}).encode(), OCI, f"says that it is '{DOCKER}', but it was sent as {OCI}"),
        (b'{"manifests": [], "config": {}}', OCI, "an index and a manifest at once"),
        (b'{"manifests": [], "layers": []}', DOCKER, "an index and a manifest at once"),
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes, content_type: str, problem: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifest(data, content_type, {})
    assert problem in str(caught.value)


def test_bytes_with_another_digest_are_refused_before_they_are_read() -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifest(b"not json", "", {"the reference": "sha256:x"})
    assert f"the bytes have the digest {digest_of(b'not json')}, but the reference says sha256:x" in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "has"),
    [("linux/arm64", True), ("linux/arm64/v8", True), ("linux/arm", False), ("linux/amd64", False), ("linux", True)],
)
def test_a_platform_without_variant_is_content_with_any(wanted: str, has: bool) -> None:
    assert has_platform(wanted, ["linux/arm64/v8"]) is has


def test_the_platform_of_a_single_image_is_that_of_its_configuration() -> None:
    data = b'{"os": "linux", "architecture": "arm64", "variant": "v8"}'
    assert config_platform(data, digest_of(data)) == "linux/arm64/v8"
    assert config_platform(b"[]", digest_of(b"[]")) == ""
    with pytest.raises(ManifestError, match="the manifest says sha256:x"):
        config_platform(data, "sha256:x")
