# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which audience the tokens of the API server have. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import Snapshot

ISSUER_PATH = "/.well-known/openid-configuration"
_FLAGS = ("--api-audiences", "--service-account-issuer")


@dataclass(frozen=True)
class Audience:
    """One, and what says so."""

    value: str
    evidence: str


def api_audience(snapshot: Snapshot, document: Mapping[str, Any] | None) -> Audience | None:
    """By the command line of the API server where it is a pod, or else by the issuer that the server publishes.

    Args:
        snapshot: the cluster.
        document: what the server has at :data:`ISSUER_PATH`; None where it was not to be read.
    """
    for pod in snapshot.objects.get("Pod", ()):
        labels = pod["metadata"].get("labels") or {}
        if pod["metadata"]["namespace"] == "kube-system" and labels.get("component") == "kube-apiserver":
            flags = _flags(pod["spec"])
            for flag in _FLAGS:
                if flags.get(flag):
                    name = pod["metadata"]["name"]
                    return Audience(flags[flag].partition(",")[0], f"{flag} of Pod kube-system/{name}")
    issuer = str((document or {}).get("issuer") or "")
    return Audience(issuer, f"the issuer at {ISSUER_PATH}") if issuer else None


def _flags(spec: Mapping[str, Any]) -> dict[str, str]:
    """Flags by name; of one that is given more than once, the first, with which tokens are issued."""
    found: dict[str, str] = {}
    for container in spec.get("containers") or ():
        for word in map(str, [*(container.get("command") or ()), *(container.get("args") or ())]):
            flag, _sign, value = word.partition("=")
            found.setdefault(flag, value)
    return found
