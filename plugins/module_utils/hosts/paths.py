# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is at a path of the machine, and how it is replaced at once or not at all."""

from __future__ import annotations

import errno
import grp
import hashlib
import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

STAGED = ".gpu-hardening-new"
"""End of the name of a file that is about to replace another; no program takes it for its configuration."""
_LABEL = "security.selinux"


@dataclass(frozen=True)
class Found:
    """A file as it is, or should be.

    Attributes:
        sum: SHA-256 of its bytes.
        mode: permissions.
        uid: of its owner.
        gid: of its group.
    """

    sum: str
    mode: int
    uid: int
    gid: int

    def as_json(self) -> dict[str, Any]:
        """For the store."""
        return asdict(self)


def sum_of(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def look(path: str) -> tuple[Found, bytes] | None:
    """The file at a path, and its bytes; None if there is none.

    Raises:
        HardeningError: something else is there, or somebody else could put something there.
    """
    _require_safe_folder(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise HardeningError(
                f"{path} is a link to {os.readlink(path)}. Files of somebody else are not written to: remove the link."
            ) from None
        raise HardeningError(f"{path} cannot be read: {error.strerror}") from None
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        kind = "a folder" if stat.S_ISDIR(about.st_mode) else "no file"
        raise HardeningError(f"{path} is {kind}, where a file is to be. Move it away.")
    with os.fdopen(handle, "rb") as stream:
        data = stream.read()
    return Found(sum_of(data), stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid), data


def missing_folders(path: str) -> Iterator[str]:
    """Folders that a file needs and that are not there, from the top."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        yield from missing_folders(folder)
        yield folder


def write_new(path: str, data: bytes, mode: int = 0o600, uid: int = -1, gid: int = -1) -> None:
    """Write a file that was not there, down to the disk."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # of a run that was killed
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fchown(stream.fileno(), uid, gid)
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())


def write_at_once(path: str, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    write_new(path + ".new", data)
    os.replace(path + ".new", path)


def stage(path: str, data: bytes, wanted: Found) -> None:
    """Write beside a path what will replace it."""
    write_new(path + STAGED, data, wanted.mode, wanted.uid, wanted.gid)
    # A new file has the label of its folder; one that is there may have one of its own.
    with suppress(OSError, AttributeError):
        os.setxattr(path + STAGED, _LABEL, os.getxattr(path, _LABEL))


def unstage(path: str) -> None:
    """Forget what was staged."""
    with suppress(FileNotFoundError):
        os.unlink(path + STAGED)


def replace_by_staged(path: str) -> None:
    """Put in place what was staged."""
    os.replace(path + STAGED, path)
    sync_folder(path)


def remove(path: str) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)
        sync_folder(path)


def sync_folder(path: str) -> None:
    """Bring to the disk which files are in the folder of a path."""
    handle = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_owner(entry: Mapping[str, Any]) -> tuple[int, int]:
    """User and group of a file that is wanted, as numbers.

    Raises:
        HardeningError: the machine has no such user or group.
    """
    try:
        return pwd.getpwnam(entry["owner"]).pw_uid, grp.getgrnam(entry["group"]).gr_gid
    except KeyError as error:
        raise HardeningError(f"{entry['path']}: {error.args[0]}") from None


def _require_safe_folder(path: str) -> None:
    if not os.path.isabs(path) or os.path.normpath(path) != path:
        raise HardeningError(f"{path!r} is no absolute path of a file")
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    while True:
        try:
            about = os.stat(folder)
        except OSError as error:
            raise HardeningError(f"{path}: {folder}: {error.strerror}") from None
        if not stat.S_ISDIR(about.st_mode):
            raise HardeningError(f"{path}: {folder} is no folder. Move it away.")
        if about.st_mode & stat.S_IWOTH and not about.st_mode & stat.S_ISVTX:
            raise HardeningError(f"{path}: everybody may write to {folder}. Run chmod o-w {folder} first.")
        if about.st_uid not in (0, os.geteuid()):
            raise HardeningError(f"{path}: {folder} belongs to user {about.st_uid}, who could replace the file")
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)
