# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry sends for an image: an index of one manifest for each platform, or one manifest. Pure.

Source: https://github.com/opencontainers/image-spec, image-index.md and manifest.md
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
MEDIA_TYPES = frozenset(INDEX_TYPES + MANIFEST_TYPES)
_OLD_TYPES = "application/vnd.docker.distribution.manifest.v1"


class ManifestError(Exception):
    """What was sent is not what was asked for; the text says why."""


@dataclass(frozen=True)
class Manifest:
    """An index or a manifest whose bytes have the digest.

    Attributes:
        digest: computed from the bytes, not taken from the registry's word.
        media_type: one of ``MEDIA_TYPES``.
        size: in bytes.
        document: parsed.
    """

    digest: str
    media_type: str
    size: int
    document: Mapping[str, Any]

    @property
    def is_index(self) -> bool:
        """Whether it names one manifest for each platform."""
        return self.media_type in INDEX_TYPES

    @property
    def platforms(self) -> list[str]:
        """The platforms of an index, such as ``linux/arm64/v8``; without attestations, which have none."""
        if not self.is_index:
            return []
        entries = self.document.get("manifests") or []
        names = (platform_name(entry.get("platform")) for entry in entries if isinstance(entry, Mapping))
        return sorted({name for name in names if name and not name.startswith("unknown/")})

    @property
    def config_digest(self) -> str:
        """Digest of the configuration of a manifest, which names its platform; empty if there is none."""
        config = self.document.get("config")
        return str(config.get("digest") or "") if isinstance(config, Mapping) else ""


def read_manifest(data: bytes, content_type: str, asserted_digests: Mapping[str, str]) -> Manifest:
    """Check what a registry sent.

    Args:
        data: the body.
        content_type: its Content-Type.
        asserted_digests: digests that it must have, by who says so; empty ones do not count.

    Raises:
        ManifestError: it has another digest, is no manifest, or could be read as two kinds of document.
    """
    digest = digest_of(data)
    for source, asserted in asserted_digests.items():
        if asserted and asserted != digest:
            raise ManifestError(f"the bytes have the digest {digest}, but {source} says {asserted}")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith(_OLD_TYPES):
        raise ManifestError("it has only a manifest of the old schema 1; push the image again with a current tool")
    document = _json_object(data)
    if document is None or media_type not in MEDIA_TYPES:
        raise ManifestError(f"it sent {media_type or 'something without type'}, which is no manifest of an image")
    # A document that is an index to one client and a manifest to another shows them two images under one digest.
    named = document.get("mediaType", media_type)
    if named != media_type:
        raise ManifestError(f"the manifest says that it is {named!r:.100}, but it was sent as {media_type}")
    if "manifests" in document and ("layers" in document or "config" in document):
        raise ManifestError("the document is an index and a manifest at once, which no honest tool makes")
    return Manifest(digest, media_type, len(data), document)


def digest_of(data: bytes) -> str:
    """The digest of bytes, as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def platform_name(platform: object) -> str:
    """``linux/amd64`` or ``linux/arm64/v8`` of a platform in an index or a configuration; empty if it names none."""
    if not isinstance(platform, Mapping) or not platform.get("os") or not platform.get("architecture"):
        return ""
    parts = (platform["os"], platform["architecture"], platform.get("variant"))
    return "/".join(str(part) for part in parts if part)


def config_platform(data: bytes, asserted_digest: str) -> str:
    """The platform that the configuration of an image names.

    Raises:
        ManifestError: it has another digest than its manifest says.
    """
    if digest_of(data) != asserted_digest:
        raise ManifestError(
            f"the bytes of the configuration have the digest {digest_of(data)}, but the manifest says {asserted_digest}"
        )
    return platform_name(_json_object(data))


def has_platform(wanted: str, platforms: list[str]) -> bool:
    """Whether an image runs on a platform; one without variant is content with any."""
    return any(platform == wanted or platform.startswith(f"{wanted}/") for platform in platforms)


def _json_object(data: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
