# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done so that a part holds exactly its files. Pure but for looking at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.paths import Found, look, read_owner, sum_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.store import Holding, State, Store


@dataclass(frozen=True)
class Move:
    """What happens to one file.

    Attributes:
        path: absolute.
        before: the file as it is; None if there is none.
        old: its bytes.
        after: the file as it will be; None to have none.
        new: its bytes.
        theirs: whether somebody else made it what it is, after we had written it.
        sensitive: whether its content must not be shown.
    """

    path: str
    before: Found | None
    old: bytes
    after: Found | None
    new: bytes
    theirs: bool = False
    sensitive: bool = False

    @property
    def needed(self) -> bool:
        """Whether anything has to be done."""
        return self.before != self.after


@dataclass(frozen=True)
class Wanted:
    """A file that a part wants."""

    found: Found
    data: bytes
    sensitive: bool


def read_wanted(files: Sequence[Mapping[str, Any]]) -> dict[str, Wanted]:
    """The files of a part by their paths, from options of a module.

    Raises:
        HardeningError: a mode, an owner or a path is wrong.
    """
    wanted: dict[str, Wanted] = {}
    for entry in files:
        path, data = entry["path"], entry["content"].encode()
        if path in wanted:
            raise HardeningError(f"{path} is named twice")
        try:
            mode = int(entry["mode"], 8)
        except ValueError:
            raise HardeningError(f"{path}: {entry['mode']!r} is no mode, such as 0644") from None
        wanted[path] = Wanted(Found(sum_of(data), mode, *read_owner(entry)), data, bool(entry.get("sensitive")))
    return wanted


def moves_to(wanted: Mapping[str, Wanted], state: State, store: Store, part: str) -> list[Move]:
    """What to do for each file that is wanted, or that the part holds and does not want any more.

    Raises:
        HardeningError: something is in the way.
    """
    return [*_to_ours(wanted, state), *_to_originals(wanted, state, store, part)]


def moves_back(state: State, store: Store, part: str) -> list[Move]:
    """What undoes the change of a part that is not called good yet.

    Raises:
        HardeningError: something is in the way, or what was kept is gone.
    """
    if state.change is None:
        return []
    return [_move_to(path, found, state, store, part) for path, found in sorted(state.change.before.items())]


def _to_ours(wanted: Mapping[str, Wanted], state: State) -> Iterator[Move]:
    for path, file in wanted.items():
        before, old = look(path) or (None, b"")
        theirs = _is_theirs(path, before, state)
        yield Move(path, before, old, file.found, file.data, theirs, file.sensitive)


def _to_originals(wanted: Mapping[str, Wanted], state: State, store: Store, part: str) -> Iterator[Move]:
    # The last one that was written goes first.
    for path, ours in reversed(list(state.holding.files.items())):
        if path not in wanted:
            yield _move_to(path, ours.original, state, store, part)


def _move_to(path: str, found: Found | None, state: State, store: Store, part: str) -> Move:
    before, old = look(path) or (None, b"")
    new = b"" if found is None else old if found == before else store.bytes_of(part, found)
    sensitive = any(holding.files[path].sensitive for holding in _holdings(state) if path in holding.files)
    return Move(path, before, old, found, new, _is_theirs(path, before, state), sensitive)


def _is_theirs(path: str, before: Found | None, state: State) -> bool:
    held = [holding.files[path] for holding in _holdings(state) if path in holding.files]
    known = [found.sum for ours in held for found in (ours.wrote, ours.original) if found]
    if state.change and (found := state.change.before.get(path)):
        known.append(found.sum)
    return bool(held) and before is not None and before.sum not in known


def _holdings(state: State) -> Iterator[Holding]:
    yield state.holding
    if state.change:
        yield state.change.holding
