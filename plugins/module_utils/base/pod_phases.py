# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the phase of a pod says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def has_finished(pod: Mapping[str, Any]) -> bool:
    """Whether all containers of a pod have ended for good: it has no network, and needs no room on a node."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
