# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may read and write files of Kubernetes and of the GPU runtime. Only ever narrows, and can be taken back.

Contents are not touched. What owner and mode were is kept, in ``modes/<name>.json`` of the store.
"""

from __future__ import annotations

import glob
import grp
import json
import os
import pwd
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.paths import write_at_once


@dataclass(frozen=True)
class Access:
    """Owner, group and mode of a file or folder."""

    uid: int
    gid: int
    mode: int


@dataclass(frozen=True)
class Narrowing:
    """What happens to one path."""

    path: str
    before: Access
    after: Access


def narrowings(rules: Sequence[Mapping[str, Any]], root: str = "") -> list[Narrowing]:
    """What has to change so that rules hold.

    Args:
        rules: each with ``pattern`` (of paths, as a shell takes it), ``mode`` (the most that is allowed, in octal),
            ``owner`` and ``group`` (names; empty for any). The first rule for a path counts.
        root: in front of every pattern, for tests.

    Raises:
        HardeningError: a mode, a user or a group is wrong.
    """
    found: dict[str, Narrowing] = {}
    for rule in rules:
        most, uid, gid = _read(rule)
        for path in sorted(glob.glob(root + rule["pattern"])):
            before = look(path)
            if path not in found and before is not None:
                after = Access(
                    before.uid if uid is None else uid, before.gid if gid is None else gid, before.mode & most
                )
                found[path] = Narrowing(path, before, after)
    return [narrowing for narrowing in found.values() if narrowing.before != narrowing.after]


def look(path: str) -> Access | None:
    """Owner and mode of a file or folder; None for anything else, links included: they have none of their own."""
    try:
        about = os.lstat(path)
    except OSError:
        return None
    kinds = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISSOCK)
    if not any(is_kind(about.st_mode) for is_kind in kinds):
        return None
    return Access(about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode))


class Ledger:
    """What paths were before they were narrowed, and what they were made."""

    def __init__(self, store: str, name: str) -> None:
        self.path = Path(store) / "modes" / f"{name}.json"

    def read(self) -> dict[str, Narrowing]:
        """By path."""
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))
            return {
                path: Narrowing(path, Access(**entry["before"]), Access(**entry["after"]))
                for path, entry in entries.items()
            }
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError) as error:
            raise HardeningError(
                f"{self.path} cannot be read ({error}). Restore it from a backup, or remove it."
            ) from None

    def save(self, narrowed: Mapping[str, Narrowing]) -> None:
        """Replace it; of nothing, nothing is left."""
        if not narrowed:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        entries = {path: {"before": asdict(one.before), "after": asdict(one.after)} for path, one in narrowed.items()}
        write_at_once(str(self.path), json.dumps(entries, indent=1, sort_keys=True).encode())


def narrow(ledger: Ledger, wanted: Sequence[Narrowing]) -> None:
    """Do what is needed. What was first is remembered first, and stays what it was."""
    if not wanted:
        return
    known = ledger.read()
    for one in wanted:
        first = known[one.path].before if one.path in known else one.before
        known[one.path] = Narrowing(one.path, first, one.after)
    ledger.save(known)
    for one in wanted:
        _give(one.path, one.after)


def widenings(ledger: Ledger) -> list[Narrowing]:
    """What brings paths back that still are what they were made."""
    return [Narrowing(path, one.after, one.before) for path, one in ledger.read().items() if look(path) == one.after]


def widen(ledger: Ledger, wanted: Sequence[Narrowing]) -> None:
    """Bring paths back, and forget them."""
    for one in wanted:
        _give(one.path, one.after)
    ledger.save({})


def _give(path: str, access: Access) -> None:
    # By its handle: another program may put a link in its place meanwhile.
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        place = f"/proc/self/fd/{handle}"
        os.chown(place, access.uid, access.gid)
        os.chmod(place, access.mode)  # chown takes setuid away
    finally:
        os.close(handle)


def _read(rule: Mapping[str, Any]) -> tuple[int, int | None, int | None]:
    try:
        mode = int(rule["mode"], 8)
    except ValueError:
        raise HardeningError(f"{rule['pattern']}: {rule['mode']!r} is no mode, such as 0600") from None
    if not 0 <= mode <= 0o7777:
        raise HardeningError(f"{rule['pattern']}: {rule['mode']!r} is no mode, such as 0600")
    try:
        uid = pwd.getpwnam(rule["owner"]).pw_uid if rule["owner"] else None
        gid = grp.getgrnam(rule["group"]).gr_gid if rule["group"] else None
    except KeyError as error:
        raise HardeningError(f"{rule['pattern']}: {error.args[0]}") from None
    return mode, uid, gid
