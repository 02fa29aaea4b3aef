# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Device plugin and GPU Operator: adopted or ours, and what of them is wider than it has to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import GPU_NODES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.watching import daemon_set
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import RIGHTS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import (
    account,
    added_capabilities,
    containers,
    environment,
    is_privileged,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.rights import power
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.reach import unreached

Json = Mapping[str, Any]
PLUGIN = "device_plugin"
GIVEN_BY_NAME = ("envvar", "volume-mounts")
"""Strategies by which a pod can name devices for itself."""
DRA_DRIVER = "gpu.nvidia.com"
_ROLE = Remedy("Let the role device_plugin apply it.", "device_plugin", "device_plugin_existing")
_STRONG = power(
    "create update patch delete", "/pods", "apps/daemonsets", "apps/deployments", "/nodes", "/secrets", "/configmaps"
)


def without_plugin(cluster: Cluster) -> Iterator[Finding]:
    """GPU nodes without anything that hands their GPUs out."""
    if not cluster.component(PLUGIN) and not _dra(cluster):
        yield Finding("Nothing hands out the GPUs: there is neither a device plugin nor a driver for DRA.")


def _dra(cluster: Cluster) -> bool:
    return any(DRA_DRIVER in str(item) for item in cluster.of("DeviceClass"))


def two_plugins(cluster: Cluster) -> Iterator[Finding]:
    """More than one device plugin for the same nodes."""
    found = cluster.component(PLUGIN)
    for one in found[1:]:
        selectors = [dict(entry.pod_spec.get("nodeSelector") or {}) for entry in (found[0], one)]
        if selectors[0] == selectors[1]:
            place = place_of(daemon_set(cluster, one))
            yield Finding(
                f"{place} and {found[0].namespace}/{found[0].name} both offer the GPUs of the same nodes.", place
            )


def plugin_and_dra(cluster: Cluster) -> Iterator[Finding]:
    """A device plugin beside a DRA driver."""
    for found in cluster.component(PLUGIN) if _dra(cluster) else ():
        place = place_of(daemon_set(cluster, found))
        yield Finding(f"{place} hands out GPUs that the DRA driver hands out, too.", place, "DeviceClass")


def privileged(cluster: Cluster) -> Iterator[Finding]:
    """Device plugins that are privileged, or have SYS_ADMIN."""
    for found in cluster.component(PLUGIN):
        strong = {name for _path, item in containers(found.pod_spec) for name in added_capabilities(item)}
        if is_privileged(found.pod_spec) or {"SYS_ADMIN", "ALL"} & strong:
            place = place_of(daemon_set(cluster, found))
            yield Finding(
                f"{place} is privileged, or has SYS_ADMIN; that of this collection drops all.", place, "securityContext"
            )


def by_name(cluster: Cluster) -> Iterator[Finding]:
    """Device plugins whose allocations a pod can forge."""
    for found in cluster.component(PLUGIN):
        for path, item in containers(found.pod_spec):
            value = environment(item).get("DEVICE_LIST_STRATEGY")
            args = [str(word) for word in (*(item.get("command") or ()), *(item.get("args") or ()))]
            for word in args:
                if word.startswith("--device-list-strategy="):
                    value = word.partition("=")[2]
            named = sorted(set(GIVEN_BY_NAME) & set(str(value).split(","))) if value else []
            if named:
                place = place_of(daemon_set(cluster, found))
                text = f"{place} gives devices by {', '.join(named)}, which a pod can also name for itself."
                yield Finding(text, place, f"{path}.env[DEVICE_LIST_STRATEGY]", value)


def wide_rights(cluster: Cluster) -> Iterator[Finding]:
    """Components whose account may write what is not theirs."""
    accounts = {(found.namespace, account(found.pod_spec)): found for found in cluster.components}
    for grant in cluster.grants:
        found = accounts.get(grant.account)
        able = grant.may(_STRONG) if found and grant.namespace is None else ""
        if able:
            yield grant.finding(able)


def with_token(cluster: Cluster) -> Iterator[Finding]:
    """Components of ours that got a token."""
    for found in cluster.components:
        if (
            found.own
            and found.pod_spec.get("automountServiceAccountToken") is not False
            and not _needs_token(cluster, found)
        ):
            place = place_of(daemon_set(cluster, found))
            yield Finding(f"{place} mounts a token that it has no use for.", place, "automountServiceAccountToken")


def _needs_token(cluster: Cluster, found: Any) -> bool:
    key = (found.namespace, account(found.pod_spec))
    return any(grant.account == key and grant.rules for grant in cluster.grants)


def shared_namespace(cluster: Cluster) -> Iterator[Finding]:
    """Components in namespaces that belong to others."""
    for found in cluster.components:
        if found.namespace in ("default", *cluster.stages):
            place = place_of(daemon_set(cluster, found))
            yield Finding(
                f"{place} is privileged in a namespace where others make pods.",
                place,
                "metadata.namespace",
                found.namespace,
            )


def away(cluster: Cluster) -> Iterator[Finding]:
    """GPU nodes that the device plugin does not tolerate."""
    found = cluster.component(PLUGIN)
    for entry in unreached(cluster.gpu_nodes, found, [PLUGIN], {}, cluster.settings.taints) if found else ():
        keys = ", ".join(taint["key"] for taint in entry.taints)
        place = place_of(daemon_set(cluster, found[0]))
        yield Finding(
            f"{place} does not tolerate {keys} of GPU node {entry.node}: its GPUs are lost at the next update.",
            place,
            f"tolerations for {entry.node}",
        )


_PLUGIN = Condition(lambda cluster: bool(cluster.component(PLUGIN)), "There is no device plugin.")
_ANY = Condition(lambda cluster: bool(cluster.components), "None of the components is here.")
_NEEDS = ("DaemonSet",)
_GPU = {"aisvs": ("4.7.5",)}
CHECKS = (
    Check(
        "GPU-CMP-001",
        "Something hands out the GPUs",
        "device_plugin",
        "medium",
        "Where nothing does, people reach them by hostPath and privileged pods.",
        _ROLE,
        without_plugin,
        ("DaemonSet", "DeviceClass"),
        GPU_NODES,
        _GPU,
    ),
    Check(
        "GPU-CMP-002",
        "One device plugin hands out a node's GPUs",
        "device_plugin",
        "high",
        "Two give one GPU to two pods, which then share its memory.",
        Remedy("Remove one of them.", "device_plugin", "device_plugin_existing"),
        two_plugins,
        _NEEDS,
        _PLUGIN,
        _GPU,
    ),
    Check(
        "GPU-CMP-003",
        "Not both a device plugin and a DRA driver hand out GPUs",
        "device_plugin",
        "medium",
        "Both count the same GPUs, and together they admit more pods than there are.",
        Remedy("Choose one of them for a node.", "device_plugin"),
        plugin_and_dra,
        ("DaemonSet", "DeviceClass"),
        _PLUGIN,
        _GPU,
    ),
    Check(
        "GPU-CMP-004",
        "The device plugin is not privileged",
        "device_plugin",
        "medium",
        "It listens to the kubelet on every GPU node; it needs no capability for that.",
        _ROLE,
        privileged,
        _NEEDS,
        _PLUGIN,
        {"cis": ("5.2.2",)},
    ),
    Check(
        "GPU-CMP-005",
        "GPUs are given by CDI",
        "device_plugin",
        "medium",
        "What a variable or mount gives, a pod writes into itself; what CDI gives, only the kubelet does.",
        Remedy("Use cdi-cri.", "device_plugin", "device_plugin_device_list_strategy"),
        by_name,
        _NEEDS,
        _PLUGIN,
        _GPU,
    ),
    Check(
        "GPU-CMP-006",
        "Agents of GPU nodes may not write to the cluster",
        "device_plugin",
        "high",
        "One GPU node that was taken over then is the cluster: its agent's token makes pods everywhere.",
        Remedy("Narrow its ClusterRole."),
        wide_rights,
        ("DaemonSet", *RIGHTS),
        _ANY,
    ),
    Check(
        "GPU-CMP-007",
        "Agents of GPU nodes have tokens only to use them",
        "device_plugin",
        "low",
        "They are privileged on nodes where other people's code computes.",
        Remedy("Run the role anew.", "device_plugin"),
        with_token,
        ("DaemonSet", *RIGHTS),
        _ANY,
        {"cis": ("5.1.6",)},
    ),
    Check(
        "GPU-CMP-008",
        "Agents of GPU nodes have namespaces of their own",
        "device_plugin",
        "medium",
        "The namespace has to be privileged for them, and is so for everybody in it.",
        Remedy("Move it.", "device_plugin", "device_plugin_existing"),
        shared_namespace,
        _NEEDS,
        _ANY,
        {"cis": ("5.6.4",)},
    ),
    Check(
        "GPU-CMP-009",
        "The device plugin runs on every GPU node",
        "device_plugin",
        "high",
        "At its next update the node loses its GPUs, and the jobs that wait for them.",
        Remedy("Give it the toleration.", "device_plugin", "device_plugin_taints"),
        away,
        ("DaemonSet", "Node"),
        _PLUGIN,
    ),
)
