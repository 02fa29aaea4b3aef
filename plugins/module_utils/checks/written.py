# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a report so that nobody reads half of it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.formats import (
    FORMATS,
    read_report,
    render_each,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Report

MODE = 0o600
"""A report says how to get in."""


def write(directory: Path, name: str, report: Report, formats: Sequence[str]) -> tuple[dict[str, Path], list[str]]:
    """Write a report, a file for each format; returns their paths by format, and what a user should know.

    What the folder has of the last run is compared with.

    Raises:
        HardeningError: one cannot be written.
    """
    earlier, warnings = _earlier(directory / f"{name}{FORMATS['json'].ending}")
    texts = render_each(report, formats, earlier)
    paths = {chosen: put(directory / f"{name}{FORMATS[chosen].ending}", text) for chosen, text in texts.items()}
    return paths, warnings


def put(path: Path, text: str) -> Path:
    """Write a file, or leave the old one as it is; only its owner reads it. Makes the folder.

    Raises:
        HardeningError: it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # of mode 0600
    except OSError as error:
        raise HardeningError(f"The report cannot be written to {path.parent}: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, MODE)
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(draft)
        raise HardeningError(f"The report cannot be written to {path}: {error.strerror}.") from None
    return path


def _earlier(path: Path) -> tuple[list[Report], list[str]]:
    """The report of the last run, if there is one."""
    try:
        return [read_report(json.loads(path.read_text(encoding="utf-8")), str(path))], []
    except FileNotFoundError:
        return [], []
    except (OSError, ValueError, HardeningError) as error:
        return [], [f"{path} is no report to compare with, and is replaced: {error}"]
