# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the files of a model: what they are, and their sums. I/O only; nothing is loaded."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.models.checksums import shown
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.models.pickles import why_unsafe

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class ModelTree:
    """The folder of a model.

    Attributes:
        root: the folder.
        sums_name: name of the file with the sums at its top, which is no part of the model.
        allowed: patterns of relative paths of files that may be pickles.
    """

    root: Path
    sums_name: str
    allowed: tuple[str, ...] = ()

    @property
    def sums_path(self) -> Path:
        """The file with the sums."""
        return self.root / self.sums_name

    def read(self, concurrency: int) -> dict[str, str]:
        """SHA-256 of every file by relative path.

        Raises:
            HardeningError: names every file that cannot be read, leads out of the folder or is a pickle.
        """
        files, problems = self._files()
        with ThreadPoolExecutor(max_workers=max(1, concurrency)) as executor:
            # The list keeps the order of the files, so that messages do.
            outcomes = list(executor.map(self._look_at, files))
        problems += [outcome.problem for outcome in outcomes if outcome.problem]
        if problems:
            raise HardeningError(join_failures(f"The model in {self.root} cannot be used", problems))
        if not files:
            raise HardeningError(f"path: {self.root} has no files, so there is no model in it")
        return {outcome.name: outcome.digest for outcome in outcomes}

    def _files(self) -> tuple[list[str], list[str]]:
        """Relative paths of all files, and what cannot be one."""
        try:
            root = self.root.resolve(strict=True)
            if not root.is_dir():
                raise HardeningError(f"path: {self.root} is no folder")
            files, problems = [], []
            for entry in _walk(root):
                name = os.path.relpath(entry.path, root)
                problem = _why_not_a_file(entry, root)
                if problem:
                    problems.append(f"{shown(name)} {problem}")
                elif name != self.sums_name:
                    files.append(name)
        except OSError as error:
            raise HardeningError(f"path: {self.root} cannot be read: {error.strerror}: {error.filename}") from None
        return sorted(files), problems

    def _look_at(self, name: str) -> _Outcome:
        try:
            with (self.root / name).open("rb") as stream:
                unsafe = "" if self._is_allowed(name) else why_unsafe(name, stream)
                if unsafe:
                    return _Outcome(
                        name,
                        problem=f"{shown(name)} can run code when it is loaded: {unsafe}; convert it to safetensors, "
                        "or name it in allow_pickle if you trust whoever made it",
                    )
                stream.seek(0)
                digest = hashlib.sha256()
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                return _Outcome(name, digest.hexdigest())
        except OSError as error:
            return _Outcome(name, problem=f"{shown(name)} cannot be read: {error.strerror}")

    def _is_allowed(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.allowed)


@dataclass(frozen=True)
class _Outcome:
    name: str
    digest: str = ""
    problem: str = ""


def read_sums(tree: ModelTree) -> str | None:
    """The file with the sums; None if there is none.

    Raises:
        HardeningError: it cannot be read.
    """
    try:
        if tree.sums_path.is_symlink():
            raise HardeningError(f"{tree.sums_path} is a link; it must be a file of its own")
        return os.fsdecode(tree.sums_path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise HardeningError(f"{tree.sums_path} cannot be read: {error.strerror}") from None


def check_patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    """Patterns of paths that may be pickles.

    Raises:
        HardeningError: one could never match.
    """
    problems = [
        f"allow_pickle[{index}]: {pattern!r} can match no file, as paths are relative to path"
        for index, pattern in enumerate(patterns)
        if not pattern or pattern.startswith(("/", "./")) or ".." in pattern.split("/")
    ]
    if problems:
        raise HardeningError(join_failures("allow_pickle", problems))
    return tuple(patterns)


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All that is not a folder, at any depth. Links are not followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            else:
                yield entry


def _why_not_a_file(entry: os.DirEntry[str], root: Path) -> str:
    if entry.is_symlink():
        try:
            target = Path(entry.path).resolve(strict=True)
        except (OSError, RuntimeError):
            return "is a link to nothing"
        if not target.is_relative_to(root):
            return f"is a link out of the folder, to {target}; what is there can change without anybody noticing here"
        if target.is_dir():
            return "is a link to a folder; its files have sums where they are"
        return "" if target.is_file() else "is a link to something that is no file"
    return "" if stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode) else "is no file, but a device, pipe or socket"
