# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anybody is seen to enforce NetworkPolicies. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.network_plugins import network_plugin

EMBEDDED = re.compile(r"\+k3s")
"""Distributions that enforce policies without a DaemonSet: k3s has kube-router's controller in itself."""


@dataclass(frozen=True)
class Enforcement:
    """What is known of it.

    Attributes:
        titles: of all network plugins that are there.
        by: of those that enforce policies; ``k3s`` for its own controller.
    """

    titles: tuple[str, ...]
    by: tuple[str, ...]


def enforcement(daemon_sets: Iterable[Mapping[str, Any]], version: str) -> Enforcement:
    """Who enforces policies, by what runs and by the version of the API server."""
    plugins = [(plugin, item) for item in daemon_sets if (plugin := network_plugin(item)) is not None]
    by = {plugin.title for plugin, item in plugins if plugin.does_enforce(item)}
    by |= {"k3s"} if EMBEDDED.search(version) else set()
    return Enforcement(tuple(sorted({plugin.title for plugin, _item in plugins})), tuple(sorted(by)))
