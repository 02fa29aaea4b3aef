# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a layer enforces levels of namespaces, names violators first, and gives its labels up cleanly."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sandbox_access import Kubectl

ENFORCE = "pod-security.kubernetes.io/enforce"
MANAGER = "gpu_cluster.hardening.pod_security"


@pytest.fixture
def layer(run_module: ModuleRunner) -> Iterator[dict[str, str]]:
    """A layer for one test, with the field manager of the role."""
    options = {"name": f"test-{uuid.uuid4().hex[:8]}", "field_manager": MANAGER}
    yield options
    run_module("layer", **options, state="absent", purge=True)


def namespace_of(name: str, level: str, version: str = "latest", **labels: str) -> dict[str, Any]:
    levels = {ENFORCE: level, f"{ENFORCE}-version": version, **labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": levels}}


def pod(name: str, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "main", "image": "main"}]},
    }


def labels(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    found: dict[str, str] = kubectl.get("namespace", namespace)["metadata"]["labels"]
    return found


def test_an_enforced_level_refuses_pods_and_a_second_run_writes_nothing(
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str, audit: AuditLog, layer: dict[str, str]
) -> None:
    wanted = [namespace_of(namespace, "restricted", "v1.30")]
    assert run_module("layer", check=True, manifests=wanted, **layer)["changed"] is True
    assert ENFORCE not in labels(kubectl, namespace)
    assert run_module("layer", manifests=wanted, **layer)["changed"] is True
    assert labels(kubectl, namespace)[f"{ENFORCE}-version"] == "v1.30"
    refused = kubectl.run("apply", "--server-side", stdin=pod("root", namespace))
    assert refused.returncode != 0
    assert "violates PodSecurity" in refused.stderr
    audit.mark()
    assert run_module("layer", manifests=wanted, **layer)["changed"] is False
    assert audit.requests().writes == []


def test_running_violators_stop_the_change_and_are_named(
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str, layer: dict[str, str]
) -> None:
    for name in ("notebook", "notebook-two"):
        kubectl("apply", "--server-side", stdin=pod(name, namespace))
    wanted = [namespace_of(namespace, "restricted")]
    failed = run_module.failing("layer", manifests=wanted, **layer)
    (violation,) = failed["failures"]
    assert (violation["pod"], violation["others"]) == ("notebook", 1)
    assert violation["level"] == "restricted:latest"
    assert "runAsNonRoot != true" in violation["reasons"]
    assert ENFORCE not in labels(kubectl, namespace)
    warned = run_module("layer", manifests=wanted, **layer, on_violation="warn")
    assert f"{namespace}/notebook and 1 more" in str(warned["warnings"])
    assert labels(kubectl, namespace)[ENFORCE] == "restricted"


def test_absent_gives_the_labels_up_and_keeps_the_namespace(
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str, layer: dict[str, str]
) -> None:
    wanted = [namespace_of(namespace, "baseline", team="vision")]
    run_module("layer", manifests=wanted, **layer)
    assert run_module("layer", manifests=wanted, **layer, state="absent")["counts"] == {"released": 1}
    assert set(labels(kubectl, namespace)) == {"kubernetes.io/metadata.name"}
    assert run_module("layer", manifests=wanted, **layer, state="absent")["changed"] is False


def test_a_manifest_of_the_same_namespace_does_not_take_the_levels_away(
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str, layer: dict[str, str]
) -> None:
    run_module("layer", manifests=[namespace_of(namespace, "baseline")], **layer)
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"team": "nlp"}}}
    run_module("manifests", manifests=[manifest])
    assert labels(kubectl, namespace)[ENFORCE] == "baseline"
