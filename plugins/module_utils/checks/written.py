# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a report so that nobody reads half of it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

MODE = 0o600
"""A report says how to get in."""


def write(directory: Path, name: str, report: Mapping[str, Any]) -> Path:
    """Write ``<name>.json``; returns its path.

    Raises:
        HardeningError: it cannot be written.
    """
    return put(directory / f"{name}.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")


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
