# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a part of a machine what it should be, so that a crash at any point is healed by the next run.

What was there is kept, and the state that names it is saved, before anything is replaced. Then each file is replaced by
one rename, and the steps follow. A state is saved again once all is done. Where something fails, the old files come
back and the steps are done again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts import paths
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.moves import (
    Move,
    Wanted,
    moves_back,
    moves_to,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import Step
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.programs import Run, take
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.store import (
    Holding,
    Ours,
    State,
    Store,
    opened,
)


@dataclass(frozen=True)
class Part:
    """A part of a machine, and how it is changed.

    Attributes:
        name: of the part.
        store: of the machine.
        run: runs programs.
    """

    name: str
    store: Store
    run: Run


@dataclass(frozen=True)
class Done:
    """What was done, or would be.

    Attributes:
        moves: that were needed.
        steps: that were taken.
        kept: where files are now that somebody else had changed, by path.
        open: whether there is a change that nobody has called good.
    """

    moves: Sequence[Move]
    steps: Sequence[Step]
    kept: Mapping[str, str]
    open: bool

    @property
    def changed(self) -> bool:
        """Whether the machine is not what it was."""
        return bool(self.moves or self.steps)


def make(
    part: Part,
    wanted: Mapping[str, Wanted],
    steps: Sequence[Step],
    judge: Callable[[], None],
    check: bool,
    keep_open: bool = False,
) -> Done:
    """Make a part hold exactly some files.

    Args:
        part: the part.
        wanted: its files.
        steps: what to do if one has changed.
        judge: raises HardeningError if the files are no good; asked before one is replaced.
        check: only say what would be done.
        keep_open: leave it to the caller to call the change good, or undo it.

    Raises:
        HardeningError: nothing was changed, or all was put back.
    """
    state = part.store.read(part.name)
    moves = moves_to(wanted, state, part.store, part.name)
    needed = [move for move in moves if move.needed]
    if any(move.after for move in needed):
        judge()
    to_take = list(state.change.owed) if state.change else []
    if needed:
        # Files that go need the steps of those that wrote them.
        to_take = list(dict.fromkeys([*to_take, *_asked(steps if wanted else state.holding.steps, needed)]))
    holding = _held(state, moves, wanted, tuple(steps))
    settled = State(holding, state.change if keep_open else None)
    if check or not (needed or to_take):
        if not check and settled != state:
            _record(part, state, settled, moves)
        return Done(needed, to_take, {}, bool(settled.change))
    try:
        kept = {move.path: part.store.keep_theirs(part.name, move.path, move.old) for move in needed if move.theirs}
        begun = _begun(part, state, moves, holding, tuple(to_take))
    except OSError as error:
        raise HardeningError(f"{_text(error)}\nNothing was changed.") from None
    try:
        _replace_files(needed, begun)
        take(to_take, part.run)
    except (OSError, HardeningError) as error:
        raise _put_back(part, state, begun, needed, error) from None
    final = State(holding, replace(begun.change, owed=()) if keep_open and begun.change else None)
    _finish(part, begun, final)
    return Done(needed, to_take, kept, bool(final.change))


def undo(part: Part, check: bool) -> Done:
    """Undo a change that nobody has called good: the files that were there before it, and the steps for them.

    Raises:
        HardeningError: it cannot be undone; what is left is said.
    """
    state = part.store.read(part.name)
    if state.change is None:
        return Done((), (), {}, False)
    needed = [move for move in moves_back(state, part.store, part.name) if move.needed]
    steps = list(dict.fromkeys([*state.change.owed, *_asked(state.change.holding.steps, needed)]))
    steps = list(dict.fromkeys([*steps, *_asked(state.holding.steps, needed)]))
    if not check:
        for move in needed:
            if move.theirs:
                part.store.keep_theirs(part.name, move.path, move.old)
        part.store.save(part.name, replace(state, change=replace(state.change, owed=tuple(steps))))
        try:
            _replace_files(needed, state)
            take(steps, part.run)
        except (OSError, HardeningError) as error:
            raise HardeningError(f"{part.name} could not be undone: {_text(error)}") from None
        _finish(part, state, State(state.change.holding))
    return Done(needed, steps, {}, False)


def accept(part: Part, check: bool) -> bool:
    """Call a change good. Returns whether there was one."""
    state = part.store.read(part.name)
    if state.change is None or state.change.owed:
        return False
    if not check:
        _finish(part, state, State(state.holding))
    return True


def _asked(steps: Sequence[Step], moves: Sequence[Move]) -> list[Step]:
    """The steps that these files ask for."""
    paths_moved = {move.path for move in moves}
    return [step for step in steps if moves and (not step.paths or paths_moved.intersection(step.paths))]


def _held(state: State, moves: Sequence[Move], wanted: Mapping[str, Wanted], steps: tuple[Step, ...]) -> Holding:
    """What the part will hold."""
    files = {
        move.path: Ours(_original(state, move), move.after, move.sensitive)
        for move in moves
        if move.path in wanted and move.after is not None
    }
    made = [folder for move in moves if move.path in files for folder in paths.missing_folders(move.path)]
    folders = [folder for folder in state.holding.folders if any(path.startswith(folder + "/") for path in files)]
    return Holding(files, tuple(dict.fromkeys([*folders, *made])), steps if files else ())


def _original(state: State, move: Move) -> paths.Found | None:
    for holding in (state.holding, *([state.change.holding] if state.change else [])):
        if move.path in holding.files:
            return holding.files[move.path].original
    # A run that was undone in part may have left it to its change alone.
    if state.change and move.path in state.change.before:
        return state.change.before[move.path]
    return move.before


def _begun(part: Part, state: State, moves: Sequence[Move], holding: Holding, owed: tuple[Step, ...]) -> State:
    """Save what was there before the first file is replaced."""
    _keep_all(part, moves)
    before = {move.path: move.before for move in moves if move.needed}
    union = Holding(
        {**state.holding.files, **holding.files},
        tuple(dict.fromkeys([*state.holding.folders, *holding.folders])),
        holding.steps or state.holding.steps,
    )
    begun = State(union, opened(state.change, before, state.holding, owed))
    part.store.save(part.name, begun)
    return begun


def _record(part: Part, state: State, settled: State, moves: Sequence[Move]) -> None:
    """Remember files that are as wanted, though nothing was written: they were somebody's before."""
    _keep_all(part, moves)
    _finish(part, state, settled)


def _keep_all(part: Part, moves: Sequence[Move]) -> None:
    for move in moves:
        if move.before is not None:
            part.store.keep(part.name, move.old)


def _replace_files(moves: Sequence[Move], state: State) -> None:
    """All that can fail comes before the first file is replaced."""
    for path in state.holding.files:
        paths.unstage(path)  # of a run that was killed
    written = [move for move in moves if move.after is not None]
    try:
        for move, after in ((move, move.after) for move in written):
            for folder in list(paths.missing_folders(move.path)):
                os.mkdir(folder, 0o755)
            if after is not None:
                paths.stage(move.path, move.new, after)
    except OSError:
        for move in written:
            with suppress(OSError):
                paths.unstage(move.path)
        raise
    for move in moves:
        if move.after is not None:
            paths.replace_by_staged(move.path)
        else:
            paths.remove(move.path)


def _put_back(
    part: Part, state: State, begun: State, moves: Sequence[Move], error: OSError | HardeningError
) -> HardeningError:
    """After a failure: the files as this run found them, and the error to raise."""
    back = [replace(move, before=move.after, old=move.new, after=move.before, new=move.old) for move in moves]
    changed = [move for move in back if (paths.look(move.path) or (None, b""))[0] != move.after]
    try:
        _replace_files(changed, begun)
        if changed and begun.change:
            take(begun.change.owed, part.run)
        _finish(part, begun, state)
    except (OSError, HardeningError) as worse:
        return HardeningError(
            f"{_text(error)}\nWhat was there could not be brought back: {_text(worse)}\nIt is kept in"
            f" {part.store.folder}; the next run, or playbooks/rollback_gpu_hosts.yml, goes on from there."
        )
    remark = "The old files are back in place, and their services run." if changed else "Nothing was changed."
    return HardeningError(f"{_text(error)}\n{remark}")


def _finish(part: Part, before: State, after: State) -> None:
    """Folders that are not needed any more go with the last thing that is said of them."""
    held = {*after.holding.folders, *(after.change.holding.folders if after.change else ())}
    for folder in reversed(before.holding.folders):
        if folder not in held:
            with suppress(OSError):  # somebody else's files are in it
                os.rmdir(folder)
    part.store.save(part.name, after)


def _text(error: OSError | HardeningError) -> str:
    if isinstance(error, HardeningError):
        return error.message
    return f"{error.filename or 'a file'}: {error.strerror}"
