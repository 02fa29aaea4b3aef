# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the digests of many images at once, and tells all that is wrong with any of them together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.endpoints import Endpoint, Endpoints
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.manifests import Manifest, has_platform
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.references import (
    Reference,
    parse_reference,
)

MovedTags = Literal["fail", "warn"]


class Client(Protocol):
    """What reads manifests."""

    def manifest(self, endpoint: Endpoint, wanted: str) -> Manifest:
        """The index or manifest of a tag or digest."""

    def platform(self, endpoint: Endpoint, manifest: Manifest) -> str:
        """The platform of an image without index."""


@dataclass(frozen=True)
class Wishes:
    """What every image must be.

    Attributes:
        platforms: it must run on, such as ``linux/amd64``.
        moved_tags: whether a tag that does not mean the digest beside it is an error.
    """

    platforms: tuple[str, ...] = ()
    moved_tags: MovedTags = "fail"


@dataclass(frozen=True)
class Found:
    """An image as its registry has it.

    Attributes:
        reference: as it was asked for.
        manifest: the index, or the manifest where there is none.
        platforms: it runs on, as far as that was looked at.
        tag_digest: what the tag means now; empty if there is no tag, or no longer.
    """

    reference: Reference
    manifest: Manifest
    platforms: tuple[str, ...]
    tag_digest: str

    @property
    def has_moved(self) -> bool:
        """Whether the tag means something else than the digest beside it."""
        return bool(self.reference.tag) and self.tag_digest != self.manifest.digest

    @property
    def move(self) -> str:
        """How the tag moved, in words."""
        now = f"means {self.tag_digest} now" if self.tag_digest else "is gone"
        return f"the tag {self.reference.tag} {now}, and not {self.manifest.digest} as when it was pinned"

    def as_json(self, image: str) -> dict[str, Any]:
        """As a module returns it."""
        return {
            "image": image,
            "repository": self.reference.repository,
            "tag": self.reference.tag,
            "digest": self.manifest.digest,
            "media_type": self.manifest.media_type,
            "size": self.manifest.size,
            "platforms": list(self.platforms),
            "tag_digest": self.tag_digest,
        }


def parse_images(images: Sequence[str]) -> list[Reference]:
    """Take references apart.

    Raises:
        HardeningError: with everything that is wrong.
    """
    references, problems = [], []
    for index, image in enumerate(images):
        try:
            references.append(parse_reference(image))
        except HardeningError as error:
            problems.append(f"images[{index}]: {error.message}")
    if problems:
        raise HardeningError(join_failures("These are no images", problems))
    return references


def resolve(client: Client, endpoints: Endpoints, images: Sequence[str], wishes: Wishes, concurrency: int) -> Resolved:
    """Ask for every image, each once, at most ``concurrency`` at once.

    Raises:
        HardeningError: with everything that is wrong; what was found is its ``partial``.
    """
    references = dict(zip(images, parse_images(images), strict=True))
    with ThreadPoolExecutor(max_workers=max(1, min(concurrency, len(references)))) as executor:
        futures = {
            image: executor.submit(_attempt, client, endpoints.of(reference), reference, wishes)
            for image, reference in references.items()
        }
        try:
            outcomes = {image: future.result() for image, future in futures.items()}
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    found = [item.as_json(image) for image in images if isinstance(item := outcomes[image], Found)]
    failures = [
        _failure(image, endpoints.of(references[image]), outcome)
        for image, outcome in outcomes.items()
        if isinstance(outcome, HardeningError)
    ]
    if failures:
        problems = [f"{failure['image']}: {failure['message']}" for failure in failures]
        raise HardeningError(join_failures("Images cannot be pinned", problems), failures, {"images": found})
    moved = [f"{image}: {item.move}" for image, item in outcomes.items() if isinstance(item, Found) and item.has_moved]
    return Resolved(found, moved)


@dataclass(frozen=True)
class Resolved:
    """What a module returns, and what it warns of."""

    images: list[dict[str, Any]]
    warnings: list[str]


def resolve_image(client: Client, endpoint: Endpoint, reference: Reference, wishes: Wishes) -> Found:
    """Find one image.

    A tag is asked for even where there is a digest, as it usually still means it, and then one request says both.

    Raises:
        RegistryError: it is not there, has moved, or lacks a platform.
    """
    by_tag = _of_tag(client, endpoint, reference)
    manifest = by_tag
    if manifest is None or reference.digest not in ("", manifest.digest):
        try:
            manifest = client.manifest(endpoint, reference.digest)
        except RegistryError as error:
            if error.reason == "NotFound" and by_tag is not None:
                error.message += f"; the tag {reference.tag} means {by_tag.digest}"
            raise
    found = Found(reference, manifest, _platforms(client, endpoint, manifest, wishes), by_tag.digest if by_tag else "")
    if found.has_moved and wishes.moved_tags == "fail":
        raise RegistryError(
            "MovedTag",
            f"{found.move}; find out why, then pin the new one (lock_images with -e lock_images_refresh=true), or keep "
            "the old one with moved_tags: warn (-e lock_images_moved_tags=warn)",
        )
    missing = [platform for platform in wishes.platforms if not has_platform(platform, list(found.platforms))]
    if missing:
        has = f"has {', '.join(found.platforms)}" if found.platforms else "names none"
        raise RegistryError("MissingPlatform", f"it is not for {', '.join(missing)}; it {has}")
    return found


def _of_tag(client: Client, endpoint: Endpoint, reference: Reference) -> Manifest | None:
    if not reference.tag:
        return None
    try:
        return client.manifest(endpoint, reference.tag)
    except RegistryError as error:
        if error.reason == "NotFound" and reference.digest:
            return None
        raise


def _platforms(client: Client, endpoint: Endpoint, manifest: Manifest, wishes: Wishes) -> tuple[str, ...]:
    if manifest.is_index or not wishes.platforms:
        return tuple(manifest.platforms)
    platform = client.platform(endpoint, manifest)
    return (platform,) if platform else ()


def _attempt(client: Client, endpoint: Endpoint, reference: Reference, wishes: Wishes) -> Found | HardeningError:
    try:
        return resolve_image(client, endpoint, reference, wishes)
    except HardeningError as error:
        return error


def _failure(image: str, endpoint: Endpoint, error: HardeningError) -> dict[str, object]:
    reason, status = (error.reason, error.status) if isinstance(error, RegistryError) else ("Credentials", 0)
    return {
        "image": image,
        "registry": endpoint.registry,
        "reason": reason,
        "status": status,
        "message": error.message,
    }
