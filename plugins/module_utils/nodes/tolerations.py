# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether pods tolerate taints, by Kubernetes' own rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Taint = Mapping[str, str]
REPELLING = frozenset({"NoSchedule", "NoExecute"})
"""Effects that keep pods away; PreferNoSchedule only asks."""


def tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    """One toleration; an empty key with operator Exists tolerates everything, an empty effect every effect."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def untolerated(pod_spec: Mapping[str, Any], taints: Iterable[Taint]) -> list[Taint]:
    """The taints that keep a pod with this spec away."""
    tolerations = pod_spec.get("tolerations") or ()
    return [
        taint
        for taint in taints
        if taint["effect"] in REPELLING and not any(tolerates(toleration, taint) for toleration in tolerations)
    ]


def describe_taint(taint: Taint) -> str:
    """A taint as kubectl spells it: ``key=value:effect``."""
    value = taint.get("value") or ""
    return f"{taint['key']}{'=' if value else ''}{value}:{taint['effect']}"
