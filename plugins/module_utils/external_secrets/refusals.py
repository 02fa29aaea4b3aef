# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a cluster refuses the operator that is to run there, or to be adopted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.survey import Survey

OPTIONS: dict[str, dict[str, Any]] = {
    "mode": {"type": "str", "choices": ["scoped", "cluster", "adopt"]},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "api_server_known": {"type": "bool", "default": False},
    "brings_kinds": {"type": "bool", "default": True},
}
"""Options of a module that asks for this."""


@dataclass(frozen=True)
class Wish:
    """What is to be.

    Attributes:
        mode: as the variable ``external_secrets_mode``; None where nothing is to be.
        namespaces: of the ExternalSecrets.
        api_server_known: whether the settings say where the API server is.
        brings_kinds: whether the definitions of the kinds are applied, too.
    """

    mode: str | None
    namespaces: Sequence[str]
    api_server_known: bool
    brings_kinds: bool

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Wish:
        """From the options of a module."""
        return cls(**{name: params[name] for name in OPTIONS})


def refusal(found: Survey, wish: Wish) -> str | None:
    """Why this cannot be, and what to do about it; None if it can."""
    if wish.mode is None:
        return None
    others = [operator for operator, _wider in found.operators if not operator.own]
    rivals = [f"{other.namespace}/{other.name}" for other in others if other.watches in ("", *wish.namespaces)]
    if wish.mode == "adopt" and not rivals:
        return "There is no External Secrets Operator to adopt. Set external_secrets_mode to scoped."
    if wish.mode != "adopt" and rivals:
        return (
            f"{', '.join(rivals)} works on the same ExternalSecrets already. Remove it, or set "
            "external_secrets_mode to adopt."
        )
    if wish.mode != "adopt" and not (wish.api_server_known or found.api_server):
        return (
            "The cluster does not say where its API server is, and without that no NetworkPolicy can let the operator "
            "reach it. Set external_secrets_api_server."
        )
    return " ".join(found.unserved) or None
