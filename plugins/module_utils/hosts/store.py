# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept on a machine of each part: the files that were there before, and what was written.

Below a folder of root's: ``parts/<part>/state.json``, with the bytes that it names by their sums in
``parts/<part>/bytes``, and in ``kept/<part>`` what somebody else had made of our files.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.paths import (
    Found,
    sum_of,
    write_at_once,
    write_new,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import Step

STORE_OPTION = {"store": {"type": "path", "default": "/var/lib/gpu_cluster_hardening"}}
"""Of all modules that change a machine: the folder of what was there before."""
_PART = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FORM = 1


@dataclass(frozen=True)
class Ours:
    """A file that a part wrote.

    Attributes:
        original: what was there before the part; None if nothing was.
        wrote: what the part made of it.
        sensitive: whether its content must not be shown.
    """

    original: Found | None
    wrote: Found
    sensitive: bool = False


@dataclass(frozen=True)
class Holding:
    """What a part holds of the machine.

    Attributes:
        files: by path.
        folders: that it made.
        steps: what to do when a file changes.
    """

    files: Mapping[str, Ours] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Change:
    """A change that nobody has called good yet.

    Attributes:
        before: the files as they were, by path; None where there was none.
        holding: what the part held.
        owed: steps that have yet to be done.
    """

    before: Mapping[str, Found | None]
    holding: Holding
    owed: tuple[Step, ...] = ()


@dataclass(frozen=True)
class State:
    """What is known of a part."""

    holding: Holding = field(default_factory=Holding)
    change: Change | None = None


class Store:
    """The store of one machine. Nothing is made before something is kept."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def parts(self) -> list[str]:
        """Names of the parts that hold something."""
        try:
            names = os.listdir(os.path.join(self.folder, "parts"))
        except FileNotFoundError:
            return []
        return sorted(name for name in names if os.path.exists(self._state_path(name)))

    def read(self, part: str) -> State:
        """What is known of a part."""
        if not _PART.fullmatch(part):
            raise HardeningError(f"{part!r} is no name of a part: small letters, digits and _")
        try:
            with open(self._state_path(part), encoding="utf-8") as stream:
                return _read_state(json.load(stream))
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HardeningError(
                f"{self._state_path(part)} cannot be read ({error}). It says what was on this machine before; restore"
                f" it from a backup, or put the files below {self.folder} back by hand and remove it."
            ) from None

    def save(self, part: str, state: State) -> None:
        """Replace what is known of a part, at once; of one that holds nothing, nothing is left."""
        path = self._state_path(part)
        if state == State():
            with suppress(FileNotFoundError):
                os.unlink(path)
        else:
            self._make(self._path(part))
            text = json.dumps(_as_json(state), indent=1, sort_keys=True)
            self._make(os.path.dirname(path))
            write_at_once(path, text.encode())
        self._sweep(part, {found.sum for found in _all_found(state)})

    def keep(self, part: str, data: bytes) -> None:
        """Keep bytes, before a state names them."""
        folder = self._path(part, "bytes")
        self._make(folder)
        path = os.path.join(folder, sum_of(data))
        if not os.path.exists(path):
            write_at_once(path, data)

    def bytes_of(self, part: str, found: Found) -> bytes:
        """Bytes that were kept.

        Raises:
            HardeningError: they are gone, or are other ones.
        """
        path = self._path(part, "bytes", found.sum)
        try:
            with open(path, "rb") as stream:
                data = stream.read()
        except OSError as error:
            raise HardeningError(f"{path}, which is what was there before, cannot be read: {error.strerror}") from None
        if sum_of(data) != found.sum:
            raise HardeningError(f"{path} is damaged: its sum is not its name. Restore it from a backup.")
        return data

    def keep_theirs(self, part: str, path: str, data: bytes) -> str:
        """Keep what somebody else made of a file of ours. Returns where."""
        folder = os.path.join(self.folder, "kept", part)
        self._make(folder)
        kept = os.path.join(folder, f"{path.strip('/').replace('/', '_')}.{sum_of(data)[:12]}")
        if not os.path.exists(kept):
            write_new(kept, data)
        return kept

    @contextmanager
    def locked(self, patience: float = 60) -> Iterator[None]:
        """Keep other runs away.

        Raises:
            HardeningError: another one is at work, or the folder is not only ours.
        """
        self._make(self.folder)
        about = os.stat(self.folder)
        if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
            raise HardeningError(f"{self.folder} must belong to root alone, with mode 0700")
        handle = os.open(os.path.join(self.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            ends = time.monotonic() + patience
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > ends:
                        raise HardeningError("Another run is changing this machine; wait for its end") from None
                    time.sleep(0.2)
            yield
        finally:
            os.close(handle)

    def _path(self, part: str, *names: str) -> str:
        return os.path.join(self.folder, "parts", part, *names)

    def _state_path(self, part: str) -> str:
        return self._path(part, "state.json")

    def _make(self, folder: str) -> None:
        for path in (self.folder, folder):  # what is above a folder that is made does not get its mode
            os.makedirs(path, mode=0o700, exist_ok=True)

    def _sweep(self, part: str, used: set[str]) -> None:
        with suppress(FileNotFoundError):
            for name in os.listdir(self._path(part, "bytes")):
                if name not in used:
                    os.unlink(self._path(part, "bytes", name))


def _all_found(state: State) -> Iterator[Found]:
    holdings = [state.holding, *([state.change.holding] if state.change else [])]
    for holding in holdings:
        for ours in holding.files.values():
            yield from filter(None, (ours.original, ours.wrote))
    if state.change:
        yield from filter(None, state.change.before.values())


def _as_json(state: State) -> dict[str, Any]:
    return {"form": _FORM, **asdict(state)}


def _read_state(data: Mapping[str, Any]) -> State:
    if data["form"] != _FORM:
        raise ValueError(f"form {data['form']}: written by a newer version of the collection")
    change = data["change"]
    if change is not None:
        before = {path: _read_found(found) for path, found in change["before"].items()}
        change = Change(before, _read_holding(change["holding"]), _read_steps(change["owed"]))
    return State(_read_holding(data["holding"]), change)


def _read_holding(data: Mapping[str, Any]) -> Holding:
    files = {
        path: Ours(_read_found(ours["original"]), Found(**ours["wrote"]), ours["sensitive"])
        for path, ours in data["files"].items()
    }
    return Holding(files, tuple(data["folders"]), _read_steps(data["steps"]))


def _read_found(data: Mapping[str, Any] | None) -> Found | None:
    return None if data is None else Found(**data)


def _read_steps(data: list[Mapping[str, Any]]) -> tuple[Step, ...]:
    return tuple(read_step(step) for step in data)


def read_step(data: Mapping[str, Any]) -> Step:
    """A step as JSON, or an option of a module, has it."""
    return Step(**{**data, "command": tuple(data["command"]), "paths": tuple(data["paths"])})


def opened(
    change: Change | None, before: Mapping[str, Found | None], holding: Holding, owed: tuple[Step, ...]
) -> Change:
    """A change that goes on: what was there before it began stays what it was."""
    if change is None:
        return Change(before, holding, owed)
    return replace(change, before={**before, **change.before}, owed=owed)
