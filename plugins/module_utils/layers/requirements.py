# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be there before a layer is applied, such as the accounts and Secrets that its pods name. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

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
REQUIRES_OPTIONS: dict[str, Any] = {
    **REFERENCE_OPTIONS,
    "hint": {"type": "str", "default": ""},
    "made_by": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"api_version": {"type": "str", "required": True}, "kind": {"type": "str", "required": True}},
    },
}
"""Argument spec of one requirement."""


def missing(
    client: Client, requires: Sequence[Mapping[str, Any]], brought: Sequence[Manifest]
) -> tuple[list[str], list[str]]:
    """What is neither there nor among the manifests, one line each; and what is not there yet, but will be made."""
    known = {live_key(manifest) for manifest in brought}
    wanted = [(_reference(index, entry, entry), entry) for index, entry in enumerate(requires)]
    asked = [(manifest, entry) for manifest, entry in wanted if live_key(manifest) not in known]
    lacking = _absent(client, asked)
    makers = [
        (_reference(index, maker, entry), entry)
        for index, (_manifest, entry) in enumerate(lacking)
        for maker in entry["made_by"]
    ]
    unmade = {id(maker) for maker, _entry in _absent(client, makers)}
    promised = {id(entry) for maker, entry in makers if id(maker) not in unmade}
    return (
        [f"there is no {m.title}. {entry['hint']}".rstrip() for m, entry in lacking if id(entry) not in promised],
        [
            f"{m.title}, for which an operator is asked. {entry['hint']}"
            for m, entry in lacking
            if id(entry) in promised
        ],
    )


_Asked: TypeAlias = "list[tuple[Manifest, Mapping[str, Any]]]"


def _absent(client: Client, asked: _Asked) -> _Asked:
    resolved = resolve(Discovery(client), [manifest for manifest, _entry in asked])
    live = read_live(client, resolved.targets)
    return [(manifest, entry) for manifest, entry in asked if live_key(manifest) not in live]


def _reference(index: int, kind: Mapping[str, Any], entry: Mapping[str, Any]) -> Manifest:
    where = f"requires[{index}]"
    return Manifest(where, kind["api_version"], kind["kind"], entry["namespace"], entry["name"], {})


def require(
    client: Client, requires: Sequence[Mapping[str, Any]], brought: Sequence[Manifest], check: bool
) -> list[str]:
    """Refuse to go on without what is required.

    In check mode layers before this one have only said what they would make, so what is missing is returned instead.

    Raises:
        HardeningError: something is missing; all of it is named.
    """
    lacking, promised = missing(client, requires, brought) if requires else ([], [])
    if lacking and not check:
        raise HardeningError(join_failures("Something that the layer needs is missing, nothing was changed", lacking))
    return [f"Not there yet: {line}" for line in [*lacking, *promised]]
