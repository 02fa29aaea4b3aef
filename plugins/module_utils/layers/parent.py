# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parent of a layer's apply set: kinds and namespaces of its members, and its current revision. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.version import VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER, Layer

SET_ID = "applyset.kubernetes.io/id"
TOOLING = "applyset.kubernetes.io/tooling"
KINDS = "applyset.kubernetes.io/contains-group-kinds"
NAMESPACES = "applyset.kubernetes.io/additional-namespaces"
REVISION = "gpu-cluster.hardening/revision"
SUM = "gpu-cluster.hardening/sum"
MANAGER = "gpu-cluster.hardening/field-manager"
DEFAULT_MANAGER = "gpu_cluster.hardening"

GroupKind: TypeAlias = "tuple[str, str]"


@dataclass(frozen=True)
class Parent:
    """What the parent object says.

    Attributes:
        kinds: (group, kind) of members, also of such as an interrupted run may have applied.
        namespaces: namespaces of members.
        revision: number of the revision that was applied last; 0 if none was to its end.
        total: sum of that revision's content.
        manager: field manager of the members.
        version: the object's resourceVersion; empty if there is no such object.
    """

    kinds: frozenset[GroupKind] = frozenset()
    namespaces: frozenset[str] = frozenset()
    revision: int = 0
    total: str = ""
    manager: str = ""
    version: str = ""

    def grown(self, kinds: Iterable[GroupKind], namespaces: Iterable[str]) -> Parent:
        """The parent that also knows these."""
        return replace(self, kinds=self.kinds | set(kinds), namespaces=self.namespaces | set(namespaces))

    def says_as(self, other: Parent) -> bool:
        """Whether both say the same, whatever version of the object they were read from."""
        return replace(self, version="") == replace(other, version="")


def read_parent(layer: Layer, live: Mapping[str, Any] | None) -> Parent:
    """Read a parent object; the empty parent if there is none. What is malformed in it counts as not there."""
    if live is None:
        return Parent()
    annotations = live["metadata"].get("annotations") or {}
    kinds = (entry.partition(".") for entry in annotations.get(KINDS, "").split(",") if entry)
    namespaces = {entry for entry in annotations.get(NAMESPACES, "").split(",") if entry}
    revision = annotations.get(REVISION, "")
    return Parent(
        frozenset((group, kind) for kind, _dot, group in kinds),
        frozenset({*namespaces, layer.namespace}),
        int(revision) if revision.isdigit() else 0,
        annotations.get(SUM, ""),
        annotations.get(MANAGER) or DEFAULT_MANAGER,
        str(live["metadata"].get("resourceVersion", "")),
    )


def parent_body(layer: Layer, parent: Parent) -> dict[str, Any]:
    """The parent object, valid only for the version that was read."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": layer.parent_name,
            "namespace": layer.namespace,
            "labels": {SET_ID: layer.set_id, LAYER: layer.name},
            "annotations": {
                TOOLING: f"gpu_cluster.hardening/v{VERSION}",
                KINDS: ",".join(sorted(_spell(kind) for kind in parent.kinds)),
                NAMESPACES: ",".join(sorted(parent.namespaces - {layer.namespace})),
                REVISION: str(parent.revision),
                SUM: parent.total,
                MANAGER: parent.manager,
            },
            **({"resourceVersion": parent.version} if parent.version else {}),
        },
    }


def _spell(kind: GroupKind) -> str:
    return f"{kind[1]}.{kind[0]}" if kind[0] else kind[1]
