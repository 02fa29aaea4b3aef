# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an object is that is there already: ours, of another apply set, or somebody else's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import applied_entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.origin import other_owner
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.waves import NAMESPACE

PART_OF = "applyset.kubernetes.io/part-of"
"""Label of a member of an apply set, KEP-3659. Its value is the id of the set."""

Existing = Literal["adopt", "fail", "ignore"]


def set_of(live: Mapping[str, Any] | None) -> str:
    """Id of the apply set that an object is a member of; empty if it is of none."""
    return str(((live or {}).get("metadata", {}).get("labels") or {}).get(PART_OF, ""))


def reason_to_leave(
    manifest: Manifest, live: Mapping[str, Any] | None, part_of: str, existing: Existing, manager: str
) -> str:
    """Why an object that is wanted is left as it is; empty if it is not.

    Two layers may live in one namespace, which then belongs to the one that made it.
    """
    if live is None:
        return ""
    if part_of and set_of(live) not in ("", part_of) and (manifest.group, manifest.kind) == NAMESPACE:
        return f"it is a member of the apply set {set_of(live)}, and left to it"
    if existing == "ignore" and is_foreign(live, part_of, manager):
        return f"it was there already{_made_by(live, manager)}, and is left as it is"
    return ""


def reason_to_refuse(live: Mapping[str, Any], part_of: str, existing: Existing, manager: str) -> str:
    """Why an object that is there must not be touched; empty if it may."""
    if part_of and set_of(live) not in ("", part_of):
        return (
            f"it is a member of the apply set {set_of(live)} (label {PART_OF}). Leave it out here, or take it out of "
            "that set first."
        )
    if existing == "fail" and is_foreign(live, part_of, manager):
        return f"it is there already{_made_by(live, manager)}. Remove it, or set existing to adopt or ignore."
    return ""


def is_foreign(live: Mapping[str, Any], part_of: str, manager: str) -> bool:
    """Whether we never applied an object."""
    return applied_entry(live, manager) is None and not (part_of and set_of(live) == part_of)


def _made_by(live: Mapping[str, Any], manager: str) -> str:
    owner = other_owner(live, manager)
    return f", made by {owner}" if owner else ""
