# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a part on a real file system: kept, replaced, put back, and healed after a kill anywhere."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts import paths
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.change import Done, Part, accept, make, undo
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.moves import Wanted, read_wanted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import Step
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.programs import Outcome
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.store import Store

ME = pwd.getpwuid(os.getuid()).pw_name
MINE = grp.getgrgid(os.getgid()).gr_name
RELOAD = Step(command=("reload",))


@dataclass
class Programs:
    """Stands in for the programs of a machine: notes what is run, and fails where it is told to."""

    failing: tuple[str, ...] = ()
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], seconds: float) -> Outcome:
        self.ran.append(tuple(command))
        failed = command[0] in self.failing
        if failed:
            self.failing = ()
        return Outcome(int(failed), "", "no good" if failed else "")


@dataclass
class Machine:
    """A folder as a machine, with a store."""

    root: Path
    programs: Programs = field(default_factory=Programs)

    @property
    def part(self) -> Part:
        return Part("toolkit", Store(str(self.root / "store")), self.programs)

    def path(self, name: str) -> Path:
        return self.root / "etc" / name

    def make(
        self, steps: tuple[Step, ...] = (RELOAD,), check: bool = False, keep_open: bool = False, **files: str
    ) -> Done:
        """Files are named as arguments, with __ for a slash."""
        with self.part.store.locked():
            return make(self.part, self.wanted(**files), steps, lambda: None, check, keep_open)

    def wanted(self, **files: str) -> dict[str, Wanted]:
        options = {"mode": "0640", "owner": ME, "group": MINE}
        return read_wanted(
            [
                {"path": str(self.path(name.replace("__", "/"))), "content": text, **options}
                for name, text in files.items()
            ]
        )

    def etc(self) -> dict[str, tuple[str, int]]:
        """Every file below etc: content and mode."""
        return {
            str(path.relative_to(self.root / "etc")): (path.read_text(), path.stat().st_mode & 0o7777)
            for path in sorted((self.root / "etc").rglob("*"))
            if path.is_file()
        }

    def times(self) -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in sorted(self.root.rglob("*")) if path.name != "lock"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    (tmp_path / "etc").mkdir(0o755)
    machine.path("there").write_text("of the machine")
    machine.path("there").chmod(0o604)
    return machine


def test_new_and_replaced_files_are_as_wanted_and_steps_follow_once(machine: Machine) -> None:
    done = machine.make(there="ours", conf__new="ours, too")
    assert machine.etc() == {"there": ("ours", 0o640), "conf/new": ("ours, too", 0o640)}
    assert done.changed
    assert machine.programs.ran == [("reload",)]


def test_files_that_are_all_new_are_written_and_taken_back(machine: Machine) -> None:
    before = machine.etc()
    machine.make(new="ours")
    assert machine.etc() == {**before, "new": ("ours", 0o640)}
    machine.make()
    assert machine.etc() == before


def test_steps_that_are_planned_anew_are_those_of_a_rollback(machine: Machine) -> None:
    """An older version may have planned one that fails once its file is gone."""
    machine.make(steps=(Step(command=("older",)),), new="ours")
    machine.programs.ran.clear()
    assert not machine.make(steps=(RELOAD,), new="ours").changed
    assert machine.programs.ran == []
    machine.make()
    assert machine.programs.ran == [("reload",)]


def test_a_second_run_writes_nothing_and_runs_nothing(machine: Machine) -> None:
    machine.make(there="ours", new="ours")
    before = machine.times()
    machine.programs.ran.clear()
    assert not machine.make(there="ours", new="ours").changed
    assert machine.times() == before
    assert machine.programs.ran == []


def test_absent_puts_back_the_very_bytes_with_their_mode_and_leaves_nothing(machine: Machine) -> None:
    before = machine.etc()
    machine.make(there="ours", conf__deep__new="ours")
    machine.make(there="ours again", conf__deep__new="ours")
    machine.programs.ran.clear()
    assert machine.make(steps=()).changed
    assert machine.etc() == before
    assert not machine.path("conf").exists()
    assert machine.part.store.parts() == []
    assert machine.programs.ran == [("reload",)]


def test_a_file_that_is_no_longer_wanted_goes_back(machine: Machine) -> None:
    machine.make(there="ours", new="ours")
    machine.make(new="ours")
    assert machine.etc() == {"there": ("of the machine", 0o604), "new": ("ours", 0o640)}


def test_a_file_that_is_as_wanted_already_is_put_back_if_it_changes_later(machine: Machine) -> None:
    machine.path("there").chmod(0o640)
    assert not machine.make(there="of the machine").changed
    machine.make(there="ours")
    machine.make()
    assert machine.etc()["there"] == ("of the machine", 0o640)


@pytest.mark.parametrize("files", [{"there": "ours"}, {}], ids=["present", "absent"])
def test_what_somebody_else_made_of_a_file_is_kept(machine: Machine, files: dict[str, str]) -> None:
    machine.make(there="ours")
    machine.path("there").write_text("theirs")
    (kept,) = machine.make(**files).kept.values()
    assert Path(kept).read_text() == "theirs"
    assert Path(kept).stat().st_mode & 0o077 == 0
    assert machine.etc()["there"][0] == ("ours" if files else "of the machine")


def test_check_mode_says_what_a_run_does_and_writes_nothing(machine: Machine) -> None:
    machine.make(there="ours", gone="ours")
    machine.path("there").write_text("theirs")
    before = machine.times()
    foreseen = machine.make(check=True, there="ours", new="ours")
    assert machine.times() == before
    done = machine.make(there="ours", new="ours")
    assert (foreseen.moves, foreseen.steps) == (done.moves, done.steps)


def test_files_that_are_judged_bad_change_nothing(machine: Machine) -> None:
    def refuse() -> None:
        raise HardeningError("refused")

    before = machine.etc()
    wanted = machine.wanted(there="x")
    with pytest.raises(HardeningError, match="refused"):
        make(machine.part, wanted, (), refuse, check=True)
    with pytest.raises(HardeningError, match="refused"):
        make(machine.part, wanted, (), refuse, check=False)
    assert machine.etc() == before
    assert machine.part.store.parts() == []


def test_a_step_that_fails_brings_the_old_files_back_and_is_done_again(machine: Machine) -> None:
    before = machine.etc()
    machine.programs.failing = ("reload",)
    with pytest.raises(HardeningError, match="no good\nThe old files are back in place"):
        machine.make(there="ours", conf__new="ours")
    assert machine.etc() == before
    assert not machine.path("conf").exists()
    assert machine.part.store.parts() == []
    assert machine.programs.ran == [("reload",), ("reload",)]


def test_a_disk_that_is_full_before_the_last_file_changes_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, write, names = machine.etc(), paths.write_new, iter(["there", "new"])

    def full(path: str, data: bytes, *rest: Any) -> None:
        if path.endswith(paths.STAGED) and next(names) == "new":
            raise OSError(errno.ENOSPC, "No space left on device", path)
        write(path, data, *rest)

    monkeypatch.setattr(paths, "write_new", full)
    with pytest.raises(HardeningError, match="No space left on device\nNothing was changed"):
        machine.make(there="ours", new="ours")
    assert machine.etc() == before
    assert machine.programs.ran == []


def in_the_way(machine: Machine, what: str) -> None:
    path = machine.path("new")
    if what == "link":
        path.symlink_to("there")
    elif what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "open folder":
        machine.path("").chmod(0o777)
    else:
        machine.path("").rename(machine.root / "was")
        machine.path("").write_text("")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("link", "is a link to there"),
        ("folder", "is a folder, where a file is to be"),
        ("pipe", "is no file"),
        ("open folder", "everybody may write to"),
        ("file", "is no folder"),
    ],
)
def test_what_is_in_the_way_is_named_and_nothing_is_changed(machine: Machine, what: str, message: str) -> None:
    in_the_way(machine, what)
    with pytest.raises(HardeningError, match=message):
        machine.make(new="ours")
    assert machine.part.store.parts() == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"owner": "nobody-of-that-name"}, "nobody-of-that-name"),
        ({"mode": "rw"}, "'rw' is no mode"),
        ({"path": "etc/x"}, "no absolute path"),
        ({"path": "/etc/../x"}, "no absolute path"),
    ],
)
def test_files_that_cannot_be_are_refused(machine: Machine, changed: dict[str, str], message: str) -> None:
    entry = {"path": "/etc/x", "content": "", "mode": "0644", "owner": ME, "group": MINE}
    with pytest.raises(HardeningError, match=message):
        make(machine.part, read_wanted([{**entry, **changed}]), (), lambda: None, check=True)


def test_bytes_that_were_damaged_in_the_store_are_not_put_back(machine: Machine) -> None:
    machine.make(there="ours")
    for kept in (machine.root / "store/parts/toolkit/bytes").iterdir():
        kept.write_text("damaged")
    with pytest.raises(HardeningError, match="is damaged"):
        machine.make()
    assert machine.etc()["there"][0] == "ours"


def test_a_change_that_is_kept_open_is_undone_to_what_was_there_before_it(machine: Machine) -> None:
    machine.make(there="first", gone="first")
    before = machine.etc()
    machine.make(keep_open=True, there="second", new="second")
    machine.make(keep_open=True, there="third", new="second")
    done = undo(machine.part, check=False)
    assert done.steps == [RELOAD]
    assert machine.etc() == before
    assert not undo(machine.part, check=False).changed
    machine.make()
    assert machine.etc() == {"there": ("of the machine", 0o604)}


def test_a_change_that_is_accepted_is_not_undone(machine: Machine) -> None:
    assert machine.make(keep_open=True, there="ours").open
    assert accept(machine.part, check=False)
    assert not undo(machine.part, check=False).changed
    assert machine.etc()["there"][0] == "ours"


def test_a_step_that_a_killed_run_owes_is_done_by_the_next_one(machine: Machine) -> None:
    class Killed(BaseException):
        pass

    def killed(command: Sequence[str], seconds: float) -> Outcome:
        raise Killed

    part = Part("toolkit", machine.part.store, killed)
    with pytest.raises(Killed):
        make(part, machine.wanted(there="ours"), (RELOAD,), lambda: None, check=False)
    done = machine.make(there="ours")
    assert done.changed
    assert not done.moves
    assert machine.programs.ran == [("reload",)]
    assert not machine.make(there="ours").changed


def test_two_runs_at_once_wait_for_each_other(machine: Machine) -> None:
    with machine.part.store.locked(), pytest.raises(HardeningError, match="Another run"), machine.part.store.locked(0):
        pass


def run_and_die(work: Callable[[], object], at: int) -> bool:
    """Run something in a process of its own that ends, without a word, before its n-th call of the system."""
    child = os.fork()
    if child == 0:
        left = at

        def look(_frame: FrameType, event: str, called: Any) -> None:
            nonlocal left
            if event == "c_call" and (called.__module__ == "posix" or type(called.__self__).__module__ == "_io"):
                left -= 1
                if left < 0:
                    os._exit(9)

        sys.setprofile(look)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def begin(folder: Path) -> Machine:
    """A machine whose part wrote two files, one of which was there before."""
    machine = Machine(folder)
    (machine.root / "etc").mkdir(parents=True)
    machine.path("there").write_text("of the machine")
    machine.path("there").chmod(0o604)
    machine.make(there="first", gone="first")
    return machine


@pytest.fixture
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.mark.usefixtures("no_wait_for_the_disk")
def test_a_kill_anywhere_is_healed_by_the_next_run_and_taken_back_to_the_bytes(tmp_path: Path) -> None:
    at, died = 0, True
    while died:
        machine = begin(tmp_path / str(at))
        died = run_and_die(partial(machine.make, there="second", conf__new="second"), at)
        assert machine.etc()["there"][0] in ("first", "second")

        machine.make(there="second", conf__new="second")
        assert machine.etc() == {"there": ("second", 0o640), "conf/new": ("second", 0o640)}, f"killed at call {at}"
        assert not machine.make(there="second", conf__new="second").changed
        run_and_die(machine.make, at)
        machine.make()
        assert machine.etc() == {"there": ("of the machine", 0o604)}, f"killed at call {at}"
        assert not machine.path("conf").exists()
        at += 1
    assert at > 50


@pytest.mark.usefixtures("no_wait_for_the_disk")
@pytest.mark.parametrize("killed", ["change", "undoing"])
def test_a_kill_anywhere_is_undone(tmp_path: Path, killed: str) -> None:
    at, died = 0, True
    while died:
        machine = begin(tmp_path / str(at))
        before = machine.etc()
        change = partial(machine.make, keep_open=True, there="second", conf__new="second")
        if killed == "change":
            died = run_and_die(change, at)
        else:
            change()
            died = run_and_die(partial(undo, machine.part, check=False), at)
        undo(machine.part, check=False)
        assert machine.etc() == before, f"killed at call {at}"
        assert not machine.path("conf").exists()
        at += 1
    assert at > 50
