# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests as a platform has them: small objects of several kinds in many namespaces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]

PER_NAMESPACE = 100
RULE = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
BODIES: tuple[tuple[str, str, Manifest], ...] = (
    ("v1", "ConfigMap", {"data": {"epochs": "10"}}),
    ("v1", "ServiceAccount", {"automountServiceAccountToken": False}),
    ("rbac.authorization.k8s.io/v1", "Role", {"rules": [RULE]}),
    ("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}),
    ("v1", "Service", {"spec": {"selector": {"app": "bench"}, "ports": [{"name": "http", "port": 80}]}}),
)


def mixed_manifests(count: int, prefix: str) -> list[Manifest]:
    """So many objects, a hundredth of them namespaces; none shares a namespace with those of another prefix."""
    namespaces = [f"{prefix}-{number}" for number in range(count // PER_NAMESPACE)]
    manifests = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
    for number in range(count - len(namespaces)):
        api_version, kind, body = BODIES[number % len(BODIES)]
        namespace = namespaces[number // len(BODIES) % len(namespaces)]
        metadata = {"name": f"bench-{number}", "namespace": namespace}
        manifests.append({"apiVersion": api_version, "kind": kind, "metadata": metadata, **body})
    return manifests


def save(manifests: list[Manifest], path: Path) -> Path:
    """As a file that kubectl takes."""
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}), encoding="utf-8")
    return path
