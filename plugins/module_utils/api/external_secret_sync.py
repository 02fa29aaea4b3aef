# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an ExternalSecret was fetched as it now is. Pure.

Source: pkg/controllers/util/util.go of external-secrets/external-secrets: ``status.syncedResourceVersion`` is the
generation and a hash of labels and annotations at the time of the last success.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def is_stale(obj: Mapping[str, Any]) -> bool:
    """Whether the last success was before the last change.

    Where a version of the operator has another hash, the time of our last change tells.
    """
    metadata, status = obj["metadata"], obj.get("status", {})
    generation, _dash, found = str(status.get("syncedResourceVersion", "")).partition("-")
    if generation != str(metadata.get("generation", "")):
        return True
    if found == metadata_hash(metadata):
        return False
    refreshed = status.get("refreshTime")
    return not refreshed or any(_time(refreshed) < _time(applied) for applied in _applied(metadata))


def metadata_hash(metadata: Mapping[str, Any]) -> str:
    """The operator's hash of labels and annotations: SHA3-224 of how Go prints them."""
    text = f"{{annotations:{_go_map(metadata.get('annotations'))} labels:{_go_map(metadata.get('labels'))}}}"
    return hashlib.sha3_224(text.encode()).hexdigest()


def _go_map(values: Mapping[str, str] | None) -> str:
    return f"map[{' '.join(f'{key}:{value}' for key, value in sorted((values or {}).items()))}]"


def _applied(metadata: Mapping[str, Any]) -> list[str]:
    return [
        entry["time"]
        for entry in metadata.get("managedFields") or ()
        if entry.get("operation") == "Apply" and not entry.get("subresource") and entry.get("time")
    ]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
