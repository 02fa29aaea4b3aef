# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the cluster still is what the layers recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.version import VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import LAYERS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place, Remedy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer

_AGAIN = Remedy("Run the main job, or roll the layer back (docs/layers.md).")


def _parent(cluster: Cluster, name: str) -> Place:
    layer = Layer(name, cluster.settings.parent_namespace)
    return Place("v1", "ConfigMap", layer.namespace, layer.parent_name)


def _drifted(state: str) -> Callable[[Cluster], Iterator[Finding]]:
    def find(cluster: Cluster) -> Iterator[Finding]:
        for layer in cluster.layers:
            for entry in layer.drift:
                if entry.state == state:
                    yield Finding(entry.message(layer.name), entry.place, entry.field, entry.manager)

    return find


def unfinished(cluster: Cluster) -> Iterator[Finding]:
    """Layers whose last run was interrupted."""
    for layer in cluster.layers:
        if not layer.revision or (not layer.recorded and not layer.broken):
            text = f"Layer {layer.name} has no record of what was applied last: interrupted, or too large."
            yield Finding(text, _parent(cluster, layer.name), "metadata.annotations[gpu-cluster.hardening/revision]")


def tampered(cluster: Cluster) -> Iterator[Finding]:
    """Records that are not what was written."""
    for layer in cluster.layers:
        if layer.broken:
            yield Finding(layer.broken, _parent(cluster, layer.name), "revision")


def lacking(cluster: Cluster) -> Iterator[Finding]:
    """Layers that there should be."""
    there = {layer.name for layer in cluster.layers}
    for name in cluster.settings.expected_layers:
        if name not in there:
            yield Finding(f"The layer {name} has not been applied.", _parent(cluster, name))


def old(cluster: Cluster) -> Iterator[Finding]:
    """Layers of an older version of this collection."""
    for layer in cluster.layers:
        if layer.version and _numbers(layer.version) < _numbers(VERSION):
            text = f"Layer {layer.name} was applied by version {layer.version}; this is {VERSION}."
            yield Finding(text, _parent(cluster, layer.name), "collection", layer.version)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.partition("-")[0].split(".") if part.isdigit()]


_ANY = Condition(lambda cluster: bool(cluster.layers), "This collection has applied no layer here.")
_EXPECTED = Condition(lambda cluster: bool(cluster.settings.expected_layers), "No layers are expected.")
_NEEDS = (LAYERS, "Namespace", "NetworkPolicy", "Role", "RoleBinding", "ServiceAccount", "Node", "DaemonSet")
CHECKS = (
    Check(
        "GPU-DRIFT-001",
        "Nothing that a layer applied is missing",
        "layers",
        "high",
        "Somebody deleted a part of the hardening, such as the policy that keeps training off the internet.",
        _AGAIN,
        _drifted("missing"),
        _NEEDS,
        _ANY,
    ),
    Check(
        "GPU-DRIFT-002",
        "What a layer applied is as it was applied",
        "layers",
        "high",
        "Somebody changed a part of the hardening; the field manager says who.",
        _AGAIN,
        _drifted("differs"),
        _NEEDS,
        _ANY,
    ),
    Check(
        "GPU-DRIFT-003",
        "What a layer applied still belongs to it",
        "layers",
        "medium",
        "Without the label no run notices a change, and no policy guards it.",
        _AGAIN,
        _drifted("left"),
        _NEEDS,
        _ANY,
    ),
    Check(
        "GPU-DRIFT-004",
        "Nothing pretends to be of a layer",
        "layers",
        "medium",
        "An object with the label of a layer is deleted by its next run, or is taken for a part of the hardening.",
        Remedy("Take the label away."),
        _drifted("surplus"),
        _NEEDS,
        _ANY,
    ),
    Check(
        "GPU-DRIFT-005",
        "Runs came to their end",
        "layers",
        "medium",
        "A layer that is half applied is no layer.",
        Remedy("Run the main job again."),
        unfinished,
        (LAYERS,),
        _ANY,
    ),
    Check(
        "GPU-DRIFT-006",
        "Records of layers are what was written",
        "layers",
        "critical",
        "Who changes a record decides what a roll-back applies.",
        Remedy("Find out who wrote it, and run the main job again."),
        tampered,
        (LAYERS,),
        _ANY,
    ),
    Check(
        "GPU-DRIFT-007",
        "The layers have been applied",
        "layers",
        "medium",
        "What has no layer is hardened by nobody that this report knows of.",
        Remedy("Run the main job."),
        lacking,
        (LAYERS,),
        _EXPECTED,
    ),
    Check(
        "GPU-DRIFT-008",
        "Layers are of this version",
        "layers",
        "low",
        "Later versions close what was found since.",
        Remedy("Run the main job."),
        old,
        (LAYERS,),
        _ANY,
    ),
)
