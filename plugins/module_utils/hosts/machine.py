# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a machine: files, folders, programs. Nothing is written, and what cannot be read is not there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.programs import Run, run


@dataclass(frozen=True)
class Machine:
    """A machine.

    Attributes:
        root: the folder that is its ``/``, empty for the machine itself.
        run: runs its programs.
    """

    root: str = ""
    run: Run = run

    def text(self, path: str) -> str | None:
        """The content of a file."""
        try:
            with open(self.root + path, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except OSError:
            return None

    def line(self, path: str) -> str:
        """The content of a file of one line, or an empty text."""
        return (self.text(path) or "").strip()

    def names(self, folder: str) -> list[str]:
        """What a folder has."""
        try:
            return sorted(os.listdir(self.root + folder))
        except OSError:
            return []

    def has(self, path: str) -> bool:
        """Whether something is there."""
        return os.path.lexists(self.root + path)

    def output(self, *command: str) -> str:
        """What a program says, or an empty text if it fails."""
        done = self.run(command, 20)
        return "" if done.code else done.out

    def link(self, path: str) -> str:
        """Where a link leads to, or an empty text."""
        try:
            return os.readlink(self.root + path)
        except OSError:
            return ""

    def about(self, path: str) -> os.stat_result | None:
        """Owner and mode of what is at a path."""
        try:
            return os.stat(self.root + path)
        except OSError:
            return None

    def first(self, paths: Sequence[str]) -> str:
        """The first of some paths that is there, or an empty text."""
        return next((path for path in paths if self.has(path)), "")
