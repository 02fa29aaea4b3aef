# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is deleted, what is only given up and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.object_diff import LAST_APPLIED
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.origin import ADOPTED
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.remove import RemoveOptions, decide

CREATED, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z"
CONTENT = {"f:data": {"f:a": {}}}
LABEL = {"f:metadata": {"f:labels": {"f:team": {}}}}
OWN_NAME = {"f:metadata": {"f:labels": {"f:kubernetes.io/metadata.name": {}}}}
CRD = "CustomResourceDefinition"


def entry(manager: str, operation: str, time: str, fields: Any, **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "time": time, "fieldsV1": fields, **more}


def live(*entries: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "creationTimestamp": CREATED, "managedFields": list(entries), **metadata}}


OURS = entry("ours", "Apply", CREATED, CONTENT)
OURS_LATER = entry("ours", "Apply", LATER, CONTENT)


@pytest.mark.parametrize(
    ("kind", "state", "action", "reason"),
    [
        ("ConfigMap", None, "unchanged", "does not exist"),
        ("ConfigMap", live(OURS, deletionTimestamp=LATER), "unchanged", "being deleted already"),
        ("ConfigMap", live(entry("theirs", "Apply", CREATED, CONTENT)), "unchanged", "ours has not applied it"),
        ("ConfigMap", live(entry("ours", "Update", CREATED, CONTENT)), "unchanged", "ours has not applied it"),
        ("ConfigMap", live(OURS), "deleted", ""),
        ("ConfigMap", live(OURS, entry("theirs", "Apply", LATER, LABEL)), "released", "theirs made it or applies"),
        ("ConfigMap", live(OURS_LATER, entry("kubectl", "Update", CREATED, CONTENT)), "released", "kubectl made it"),
        ("ConfigMap", live(OURS, entry("kubectl", "Update", CREATED, CONTENT)), "released", "kubectl made it"),
        ("ConfigMap", live(OURS, entry("kubectl-label", "Update", CREATED, LABEL)), "deleted", ""),
        ("ConfigMap", live(OURS, entry("kubectl-edit", "Update", LATER, CONTENT)), "deleted", ""),
        ("ConfigMap", live(OURS, entry("kube-controller-manager", "Update", CREATED, CONTENT)), "deleted", ""),
        ("ConfigMap", live(OURS, entry("kubelet", "Update", CREATED, CONTENT, subresource="status")), "deleted", ""),
        ("ConfigMap", live(OURS, annotations={LAST_APPLIED: "{}"}), "released", "kubectl apply made it"),
        ("ConfigMap", live(OURS, annotations={ADOPTED: "true"}), "released", "was there before"),
        ("Namespace", live(OURS), "released", "delete_namespaces"),
        (CRD, live(OURS), "unchanged", "delete_crds"),
        (CRD, live(OURS, entry("theirs", "Apply", LATER, CONTENT)), "released", "theirs"),
    ],
)
def test_what_is_done_with_an_object(kind: str, state: Any, action: str, reason: str) -> None:
    removal = decide(manifest(kind), state, RemoveOptions("ours"))
    assert removal.action == action
    assert reason in removal.reason
    assert bool(removal.reason) == bool(reason)


@pytest.mark.parametrize(
    ("kind", "state", "action"),
    [
        ("Namespace", live(OURS), "deleted"),
        ("Namespace", live(OURS, entry("kubectl-create", "Update", CREATED, OWN_NAME)), "released"),
        ("Namespace", live(OURS, entry("kubectl-label", "Update", CREATED, LABEL)), "deleted"),
        (CRD, live(OURS), "deleted"),
    ],
)
def test_what_is_done_where_everything_may_be_deleted(kind: str, state: Any, action: str) -> None:
    assert decide(manifest(kind), state, RemoveOptions("ours", True, True)).action == action


@pytest.mark.parametrize(("kind", "name"), [("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")])
def test_what_kubernetes_makes_is_never_deleted(kind: str, name: str) -> None:
    assert decide(manifest(kind, name), live(OURS), RemoveOptions("ours", True, True)).action == "released"


def manifest(kind: str, name: str = "x") -> Any:
    version = "apiextensions.k8s.io/v1" if kind == CRD else "v1"
    return parse_manifests([{"apiVersion": version, "kind": kind, "metadata": {"name": name}}])[0]
