# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of image references, and a complete reference taken apart. Pure.

Source: https://github.com/distribution/reference/blob/main/reference.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

HOST = re.compile(r"(?=.*[.:]|localhost$)[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?")
PATH = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """One image at one registry.

    Attributes:
        registry: host, and port if there is one.
        path: of the repository at the registry.
        tag: empty if there is a digest only.
        digest: empty if there is a tag only.
    """

    registry: str
    path: str
    tag: str
    digest: str

    @property
    def repository(self) -> str:
        """The repository with its registry."""
        return f"{self.registry}/{self.path}"

    def __str__(self) -> str:
        return self.repository + (self.tag and f":{self.tag}") + (self.digest and f"@{self.digest}")


def parse_reference(text: str) -> Reference:
    """Take ``registry/path:tag``, ``registry/path@digest`` or ``registry/path:tag@digest`` apart.

    Raises:
        HardeningError: says what is wrong with it.
    """
    name, at, digest = text.partition("@")
    registry, _slash, rest = name.partition("/")
    path, colon, tag = rest.partition(":")
    if "://" in text:
        raise HardeningError(f"{text!r} is an address; write it without what is before the registry")
    if not rest or not HOST.fullmatch(registry):
        raise HardeningError(f"{text!r} names no registry; write docker.io/library/... in full")
    if not PATH.fullmatch(path):
        raise HardeningError(f"{path!r} in {text!r} is no path of an image: lower-case letters, digits, single - _ .")
    if colon and not TAG.fullmatch(tag):
        raise HardeningError(f"{tag!r} in {text!r} is no tag: 1 to 128 letters, digits, '-', '_' or '.'")
    if at and not DIGEST.fullmatch(digest):
        raise HardeningError(f"{digest!r} in {text!r} is no digest; it must be sha256: and 64 of 0-9 a-f")
    if not tag and not digest:
        raise HardeningError(f"{text!r} has neither a tag nor a digest")
    return Reference(registry, path, tag, digest)
