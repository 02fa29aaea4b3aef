# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves in which order kinds are applied."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.waves import in_waves


def test_what_others_need_comes_first() -> None:
    kinds = {
        "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
        "Deployment": "apps/v1",
        "ConfigMap": "v1",
        "RoleBinding": "rbac.authorization.k8s.io/v1",
        "Role": "rbac.authorization.k8s.io/v1",
        "NetworkPolicy": "networking.k8s.io/v1",
        "Namespace": "v1",
        "CustomResourceDefinition": "apiextensions.k8s.io/v1",
        "Anything": "example.org/v1",
    }
    documents = [{"apiVersion": v, "kind": kind, "metadata": {"name": "x"}} for kind, v in kinds.items()]
    waves = [
        [manifest.kind for manifest, _item in wave] for wave in in_waves((m, 0) for m in parse_manifests(documents))
    ]
    assert waves == [
        ["Namespace", "CustomResourceDefinition"],
        ["Role", "NetworkPolicy"],
        ["ConfigMap", "RoleBinding", "Anything"],
        ["Deployment"],
        ["ValidatingAdmissionPolicyBinding"],
    ]
