# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the programs that will read files judge them before they are in place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.moves import Wanted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.programs import Run

PLACE = "{stage}"
"""Stands for the folder that has the new files under their paths."""


def judge(
    wanted: Mapping[str, Wanted],
    drafts: Mapping[str, Wanted],
    commands: Sequence[Sequence[str]],
    run: Run,
    temporary: str | None = None,
) -> None:
    """Run commands on files that are not in place yet.

    Args:
        wanted: the files, by path.
        drafts: further ones, for the commands alone.
        commands: programs and their arguments.
        run: runs them.
        temporary: where to make the folder.

    Raises:
        HardeningError: one of them ended with anything but 0.
    """
    if not commands:
        return
    with tempfile.TemporaryDirectory(dir=temporary) as folder:
        for path, file in {**wanted, **drafts}.items():
            staged = folder + path
            os.makedirs(os.path.dirname(staged), exist_ok=True)
            data = file.data.replace(PLACE.encode(), folder.encode()) if path in drafts else file.data
            with open(os.open(staged, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as stream:
                stream.write(data)
        for command in commands:
            done = run([word.replace(PLACE, folder) for word in command], 60)
            if done.code:
                said = done.said.replace(folder, "")
                raise HardeningError(
                    f"{' '.join(command)} refuses the new files (it ended with {done.code}): {said}\n"
                    "Nothing was changed."
                )
