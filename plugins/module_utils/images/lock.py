# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lock says of images: which digest each had when it was looked at. Pure.

It calls images as the variables of the roles do, ``repository:tag``, and says nothing about the registry of a site: a
copy of an image has the digest of the image, so one lock is true at every site, or the copy is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.manifests import MEDIA_TYPES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.references import DIGEST, parse_reference


@dataclass(frozen=True)
class LockedImage:
    """What the lock says about an image.

    Attributes:
        digest: of its index, or of its manifest if it has no index.
        media_type: of that document; empty if the lock does not say.
    """

    digest: str
    media_type: str

    def as_json(self) -> dict[str, str]:
        """As it stands in the file."""
        return {"digest": self.digest} | ({"media_type": self.media_type} if self.media_type else {})


def read_locked_images(entry: Entry) -> dict[str, LockedImage]:
    """The images below the key ``images``; problems are noted at the entry."""
    return {name: _read_locked(name, value) for name, value in entry.named().items()}


def _read_locked(name: str, value: Entry) -> LockedImage:
    try:
        reference = parse_reference(name)
    except HardeningError as error:
        value.refuse(error.message)
    else:
        if reference.digest or not reference.tag:
            value.refuse("the name of an image in the lock must be repository:tag, without a digest")
    keys = value.keys({"digest": REQUIRED, "media_type": OPTIONAL})
    digest = keys["digest"].text()
    if isinstance(keys["digest"].value, str) and not DIGEST.fullmatch(digest):
        keys["digest"].refuse(f"{digest!r} is no digest; it must be sha256: and 64 of 0-9 a-f")
    media_type = keys["media_type"].choice(sorted(MEDIA_TYPES)) if keys["media_type"].given else ""
    return LockedImage(digest, media_type)
