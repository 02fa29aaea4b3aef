# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images as a user names them: complete, from the registry of the site, not older than is safe, and pinned.

Pure. Messages name each key of the image, so that all that is wrong with it is said at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.lock import (
    read_locked_images,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.versions import is_final, numbers
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.references import DIGEST, HOST, PATH, TAG

_IMAGE = {"repository": REQUIRED, "tag": REQUIRED, "digest": ""}
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)*")
LEADING_VERSION = r"^v?([0-9]+(?:\.[0-9]+)+)"
"""Where the version stands in most tags, such as ``v0.20.0`` or ``0.44.1-debian``."""


@dataclass(frozen=True)
class Floor:
    """The oldest version that will do.

    Attributes:
        version: such as ``0.17.3``; empty for none.
        pattern: a regular expression whose first group is the version in a tag.
        reason: what is wrong with older ones, such as a CVE.
        allow_below: accept older ones all the same.
    """

    version: object = ""
    pattern: object = LEADING_VERSION
    reason: str = ""
    allow_below: object = False


@dataclass(frozen=True)
class Pins:
    """What an image without digest is pinned to.

    Attributes:
        lock: the images of a lock file, ``{repository:tag: {digest, media_type}}``; None for none.
        required: refuse an image that has no digest and is not in the lock.
    """

    lock: object = None
    required: object = False


def image_reference(
    value: object, registry: object = "", floor: Floor | None = None, name: str = "image", pins: Pins | None = None
) -> str:
    """The reference of an image, ``repository:tag`` or ``repository:tag@digest``.

    Args:
        value: ``{repository, tag, digest}``; the digest may be left out or empty.
        registry: replaces the registry host of the repository; may have a path, which goes before the image's own.
        floor: the oldest version that will do.
        name: how the user calls the image, for messages; ``<name>_allow_below_floor`` is the switch they name.
        pins: where its digest comes from if it has none of its own.

    Raises:
        HardeningError: with everything that is wrong.
    """
    root = Entry(name, value)
    reference = read_image(root, registry, floor, name, pins)
    if root.problems:
        raise HardeningError(join_failures("The image cannot be used", root.problems))
    return reference


def read_image(
    root: Entry, registry: object = "", floor: Floor | None = None, name: str = "image", pins: Pins | None = None
) -> str:
    """The same for an image that is a part of something else: problems are noted at its entry."""
    keys = root.keys(_IMAGE)
    named = read_repository(keys["repository"])
    repository = _moved(named, Entry("registry", registry or "", root.problems))
    tag = _read_tag(keys["tag"])
    digest = keys["digest"].text()
    if digest and not DIGEST.fullmatch(digest):
        keys["digest"].refuse(f"{digest!r} is no digest; it must be sha256: and 64 of 0-9 a-f")
    if floor and tag:
        _refuse_old(keys["tag"], tag, floor, name)
    if pins and named and tag and not digest:
        digest = _pinned(root, f"{named}:{tag}", pins)
    return f"{repository}:{tag}" + (f"@{digest}" if digest else "")


def split_reference(reference: str) -> tuple[str, str]:
    """Repository and tag of a reference as a pod has it; the tag is empty where there is none."""
    repository, _at, _digest = reference.partition("@")
    name, colon, tag = repository.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (repository, "")


def read_repository(entry: Entry) -> str:
    """A repository with its registry, without tag or digest, such as ``nvcr.io/nvidia/k8s-device-plugin``."""
    text = entry.text()
    if not isinstance(entry.value, str):
        return ""
    host, _slash, path = text.partition("/")
    if "://" in text:
        entry.refuse(f"{text!r} is an address; write it without what is before the registry")
    elif "@" in text or ":" in path:
        entry.refuse(f"{text!r} has a tag or digest in it; these are keys of their own")
    elif not path or not HOST.fullmatch(host):
        entry.refuse(f"{text!r} names no registry, so a node may take it from anywhere; write docker.io/... in full")
    elif not PATH.fullmatch(path):
        entry.refuse(f"{path!r} is no path of an image: lower-case letters, digits and single - _ . between them")
    return text


def read_registry(entry: Entry) -> str:
    """A registry, or a part of one, such as ``registry.example.com:5000`` or ``registry.example.com/ml``."""
    text = entry.text()
    host, slash, path = text.partition("/")
    if isinstance(entry.value, str) and (not HOST.fullmatch(host) or (slash and not PATH.fullmatch(path))):
        entry.refuse(f"{text!r} is no registry, such as registry.example.com:5000 or registry.example.com/ml")
    return text


def _moved(repository: str, registry: Entry) -> str:
    """The repository at another registry."""
    text = registry.text()
    if not text:
        return repository
    host, slash, path = text.partition("/")
    if not HOST.fullmatch(host) or (slash and not PATH.fullmatch(path)):
        registry.refuse(f"{text!r} is no registry, such as registry.example.com:5000 or registry.example.com/mirror")
    return f"{text}/{repository.partition('/')[2]}"


def _pinned(image: Entry, key: str, pins: Pins) -> str:
    """The digest in the lock.

    The lock calls an image as the user does, without the registry of the site: a mirror has the same image, and so the
    same digest.
    """
    locked = read_locked_images(Entry("lock", pins.lock, image.problems)) if pins.lock is not None else {}
    digest = locked[key].digest if key in locked else ""
    if not digest and Entry("require_digest", pins.required, image.problems).flag():
        image.refuse(
            f"it has no digest, and {key} is not in the lock; run the playbook gpu_cluster.hardening.lock_images, "
            "or set its digest"
        )
    return digest


def _read_tag(entry: Entry) -> str:
    text = entry.text()
    if text == "latest":
        entry.refuse("latest is another image tomorrow; name a version")
    elif isinstance(entry.value, str) and not TAG.fullmatch(text):
        entry.refuse(f"{text!r} is no tag: 1 to 128 letters, digits, '-', '_' or '.'")
    return text


def _refuse_old(entry: Entry, tag: str, floor: Floor, name: str) -> None:
    wanted = Entry("floor", floor.version, entry.problems).text()
    if Entry("allow_below_floor", floor.allow_below, entry.problems).flag() or not wanted:
        return
    why = f" ({floor.reason})" if floor.reason else ""
    way_out = f"take a newer tag, or set {name}_allow_below_floor: true to accept that"
    found = _version_in(tag, Entry("version_pattern", floor.pattern, entry.problems))
    if not _NUMBERS.fullmatch(wanted):
        entry.refuse(f"the floor {wanted!r} is no version such as 1.2.3")
    elif found is None:
        entry.refuse(f"no version can be read from {tag!r}, and {wanted} is the oldest that is safe{why}; {way_out}")
    elif found < (numbers(wanted), True):
        entry.refuse(f"{tag!r} is older than {wanted}, the oldest that is safe{why}; {way_out}")


def _version_in(tag: str, pattern: Entry) -> tuple[tuple[int, ...], bool] | None:
    """The version in a tag and whether it is final, so that a release candidate sorts before its release."""
    try:
        match = re.search(pattern.text(), tag)
        text = match[1] if match else ""
    except (re.error, IndexError):
        pattern.refuse(f"{pattern.value!r} is no regular expression with a group for the version")
        return None
    if match is None or not _NUMBERS.fullmatch(text or ""):
        return None
    return numbers(text), is_final(tag[match.end(1) :])
