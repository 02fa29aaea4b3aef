# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order kinds are applied: what others need comes first. Removal goes backwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest

NAMESPACE = ("", "Namespace")
CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")

FOUNDATIONS = frozenset({NAMESPACE, CRD})
RULES = frozenset(
    {
        ("rbac.authorization.k8s.io", "Role"),  # before the bindings, whose role the server looks up
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("", "ServiceAccount"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("networking.k8s.io", "NetworkPolicy"),  # before the pods it is to hold
    }
)
WORKLOADS = frozenset(
    {
        ("", "Pod"),
        ("", "ReplicationController"),
        ("apps", "Deployment"),
        ("apps", "DaemonSet"),
        ("apps", "StatefulSet"),
        ("apps", "ReplicaSet"),
        ("batch", "Job"),
        ("batch", "CronJob"),
    }
)
GATES = frozenset(
    {
        # last: each can refuse what comes after it
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
        ("apiregistration.k8s.io", "APIService"),
    }
)
LAST_WAVE = 4

Item = TypeVar("Item")


def wave(manifest: Manifest) -> int:
    """0 namespaces and CRDs, 1 accounts, roles and policies, 2 the rest, 3 workloads, 4 admission."""
    kind = (manifest.group, manifest.kind)
    for number, kinds in ((0, FOUNDATIONS), (1, RULES), (3, WORKLOADS), (LAST_WAVE, GATES)):
        if kind in kinds:
            return number
    return 2


def in_waves(items: Iterable[tuple[Manifest, Item]]) -> list[list[tuple[Manifest, Item]]]:
    """Group pairs by the wave of their manifest, in order of application; empty waves are left out."""
    waves: list[list[tuple[Manifest, Item]]] = [[] for _number in range(LAST_WAVE + 1)]
    for manifest, item in items:
        waves[wave(manifest)].append((manifest, item))
    return [members for members in waves if members]
