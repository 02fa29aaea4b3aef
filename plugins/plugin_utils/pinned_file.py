# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a file that must have a certain SHA-256, from this machine or from an address. Downloads it once."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from ansible.module_utils.urls import ConnectionError as UrlConnectionError
from ansible.module_utils.urls import SSLValidationError, open_url
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_BYTES = 64 * 1024 * 1024
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Pinned:
    """A file, and what must be in it.

    Attributes:
        source: an absolute path, or an address.
        sha256: 64 of 0-9 a-f.
        allow_http: accept an address without TLS.
    """

    source: str
    sha256: str
    allow_http: bool = False

    @property
    def is_address(self) -> bool:
        """Whether it has to be fetched."""
        return "://" in self.source

    @property
    def shown(self) -> str:
        """The source in messages: an address may hold a password, or a token in its query."""
        if not self.is_address:
            return self.source
        parts = urlsplit(self.source)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def read_pinned(file: Pinned, cache: Path) -> bytes:
    """The content of the file, which has the right SHA-256.

    Args:
        file: what to read.
        cache: folder for downloads; they are found there by their SHA-256.

    Raises:
        HardeningError: it cannot be read, or is another file.
    """
    if not SHA256.fullmatch(file.sha256):
        raise HardeningError(f"The SHA-256 of {file.shown} must be 64 of 0-9 a-f, as sha256sum prints it.")
    if not file.is_address:
        return _checked(file, _read(file))
    scheme = urlsplit(file.source).scheme.lower()
    if scheme != "https" and not (scheme == "http" and file.allow_http):
        what = "has no TLS; use https" if scheme == "http" else "cannot be fetched; use https, or an absolute path"
        raise HardeningError(f"The address {file.shown} {what}.")
    kept = cache / file.sha256
    content = _kept(kept, file.sha256)
    if content is None:
        content = _checked(file, _fetch(file))
        _keep(kept, content)
    return content


def _read(file: Pinned) -> bytes:
    path = Path(file.source).expanduser()
    if not path.is_absolute():
        raise HardeningError(f"The path {file.source!r} is not absolute; begin it with inventory_dir or playbook_dir.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise HardeningError(f"The file {path} cannot be read: {error.strerror}.") from None


def _fetch(file: Pinned) -> bytes:
    hint = "Check the address and the proxy (https_proxy, no_proxy), or name a file that you have fetched yourself."
    try:
        with open_url(file.source, timeout=TIMEOUT_SECONDS, http_agent="gpu_cluster.hardening") as response:
            content: bytes = response.read(MOST_BYTES + 1)
    except HTTPError as error:
        raise HardeningError(f"{file.shown} cannot be fetched: the server answers {error.code}. {hint}") from None
    except (URLError, UrlConnectionError, SSLValidationError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise HardeningError(f"{file.shown} cannot be fetched: {reason}. {hint}") from None
    if len(content) > MOST_BYTES:
        raise HardeningError(f"{file.shown} has more than {MOST_BYTES // 1024 // 1024} MiB, so it is something else.")
    return content


def _checked(file: Pinned, content: bytes) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise HardeningError(
            f"{file.shown} has the SHA-256 {found}, and {file.sha256} is expected. It is another version, was cut "
            "short, or was tampered with. Nothing was applied."
        )
    return content


def _kept(path: Path, sha256: str) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


def _keep(path: Path, content: bytes) -> None:
    """Keep a download for the next run; two runs at once, or a folder that cannot be written to, do no harm."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(draft).replace(path)
    except OSError:
        return
