# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be there before a layer is applied, such as the accounts and Secrets that its pods name. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import live_key, read_live
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.targets import resolve
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures

REFERENCE_OPTIONS: dict[str, Any] = {
    "api_version": {"type": "str", "default": "v1"},
    "kind": {"type": "str", "required": True},
    "namespace": {"type": "str"},
    "name": {"type": "str", "required": True},
}
"""Argument spec of the name of an object."""
REQUIRES_OPTIONS: dict[str, Any] = {**REFERENCE_OPTIONS, "hint": {"type": "str", "default": ""}}
"""Argument spec of one requirement."""


def missing(client: Client, requires: Sequence[Mapping[str, Any]], brought: Sequence[Manifest]) -> list[str]:
    """What is neither there nor among the manifests, one line each."""
    wanted = [
        Manifest(f"requires[{index}]", entry["api_version"], entry["kind"], entry["namespace"], entry["name"], {})
        for index, entry in enumerate(requires)
    ]
    hints = {id(manifest): entry["hint"] for manifest, entry in zip(wanted, requires, strict=True)}
    known = {live_key(manifest) for manifest in brought}
    asked = [manifest for manifest in wanted if live_key(manifest) not in known]
    resolved = resolve(Discovery(client), asked)
    live = read_live(client, resolved.targets)
    lacking = [manifest for manifest in asked if live_key(manifest) not in live]
    return [f"there is no {manifest.title}. {hints[id(manifest)]}".rstrip() for manifest in lacking]


def require(
    client: Client, requires: Sequence[Mapping[str, Any]], brought: Sequence[Manifest], check: bool
) -> list[str]:
    """Refuse to go on without what is required.

    In check mode layers before this one have only said what they would make, so what is missing is returned instead.

    Raises:
        HardeningError: something is missing; all of it is named.
    """
    lacking = missing(client, requires, brought) if requires else []
    if lacking and not check:
        raise HardeningError(join_failures("Something that the layer needs is missing, nothing was changed", lacking))
    return [f"Not there yet: {line}" for line in lacking]
