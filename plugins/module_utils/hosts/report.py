# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that change a machine return. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.change import Done
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.moves import Move
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.paths import Found
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import Step


def result_of(done: Done) -> dict[str, Any]:
    """The result of a part."""
    return {
        "changed": done.changed,
        "files": [{"path": move.path, "action": _action(move)} for move in done.moves],
        "steps": [_words(step) for step in done.steps],
        "kept": dict(done.kept),
        "open": done.open,
        "diff": [_diff(move) for move in done.moves],
    }


def warnings_of(done: Done, store: str) -> list[str]:
    """What the user should know."""
    return [
        f"{move.path} was changed by somebody else since this collection wrote it. Theirs is kept in"
        f" {done.kept.get(move.path, store + '/kept')}."
        for move in done.moves
        if move.theirs
    ]


def shown_options(params: Mapping[str, Any], names: Sequence[str] = ("files", "drafts")) -> dict[str, Any]:
    """Options without the contents of files."""
    return {
        name: [{key: value for key, value in entry.items() if key != "content"} for entry in params[name] or ()]
        for name in names
    }


def _action(move: Move) -> str:
    if move.after is None:
        return "removed"
    return "replaced" if move.before else "created"


def _words(step: Step) -> str:
    return f"{step.action} {step.service}" if step.service else shlex.join(step.command)


def _diff(move: Move) -> dict[str, str]:
    return {
        "before_header": _header(move.path, move.before),
        "after_header": _header(move.path, move.after),
        "before": _text(move.old, move.before, move.sensitive),
        "after": _text(move.new, move.after, move.sensitive),
    }


def _header(path: str, found: Found | None) -> str:
    return f"{path} ({found.mode:04o}, {found.uid}:{found.gid})" if found else f"{path} (none)"


def _text(data: bytes, found: Found | None, sensitive: bool) -> str:
    if sensitive and found:
        return f"<not shown, SHA-256 {found.sum[:12]}>\n"
    return data.decode(errors="replace") if found else ""
