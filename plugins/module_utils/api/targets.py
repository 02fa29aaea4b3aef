# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings manifests and the kinds that the server serves together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery, Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import Target
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures


@dataclass(frozen=True)
class Resolved:
    """Manifests by whether their kind is served.

    Attributes:
        targets: those that can be dealt with now.
        deferred: those whose kind a CustomResourceDefinition among the same manifests brings.
        unserved: those whose kind nobody serves.
    """

    targets: tuple[Target, ...]
    deferred: tuple[Manifest, ...] = ()
    unserved: tuple[Manifest, ...] = ()


def resolve(discovery: Discovery, manifests: Sequence[Manifest]) -> Resolved:
    """Look up the kind of every manifest.

    Raises:
        HardeningError: a namespaced object has no namespace, or a cluster-scoped one has.
    """
    discovery.load({manifest.api_version for manifest in manifests})
    brought = {kind for manifest in manifests if (kind := _brought_by_crd(manifest))}
    targets: list[Target] = []
    deferred: list[Manifest] = []
    unserved: list[Manifest] = []
    problems: list[str] = []
    for manifest in manifests:
        resource = discovery.find(manifest.api_version, manifest.kind)
        if resource is not None:
            problem = _misplaced(manifest, resource)
            if problem:
                problems.append(f"{manifest.where} ({manifest.title}): {problem}")
            targets.append((manifest, resource))
        elif (manifest.group, manifest.kind) in brought:
            deferred.append(manifest)
        else:
            unserved.append(manifest)
    if problems:
        raise HardeningError(join_failures("Malformed manifests, nothing was changed", problems))
    return Resolved(tuple(targets), tuple(deferred), tuple(unserved))


def unserved_error(discovery: Discovery, unserved: Sequence[Manifest]) -> HardeningError:
    """The error for kinds that the server does not have, with what it has instead."""
    return HardeningError(
        join_failures(
            "The server does not serve some kinds, nothing was changed",
            [
                f"{manifest.where} ({manifest.title}): no kind {manifest.kind} in {manifest.api_version}. "
                f"{discovery.hint(manifest.api_version, manifest.kind)}"
                for manifest in unserved
            ],
        )
    )


def _brought_by_crd(manifest: Manifest) -> tuple[str, str] | None:
    if manifest.kind != "CustomResourceDefinition":
        return None
    spec = manifest.body.get("spec", {})
    return (spec.get("group", ""), spec.get("names", {}).get("kind", ""))


def _misplaced(manifest: Manifest, resource: Resource) -> str | None:
    if resource.namespaced and manifest.namespace is None:
        return f"metadata.namespace is missing; a {manifest.kind} lives in a namespace"
    if not resource.namespaced and manifest.namespace is not None:
        return f"metadata.namespace must not be set; a {manifest.kind} belongs to the whole cluster"
    return None
