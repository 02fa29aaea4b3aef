# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that old versions of NVIDIA's programs are found in a real cluster, whoever installed them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sandbox_access import Kubectl

CRD = "clusterpolicies.nvidia.com"
ANYTHING = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}


@pytest.fixture
def cluster_policy(kubectl: Kubectl) -> Iterator[str]:
    """The GPU Operator set to the driver that NVIDIA's aicr 0.11.1 pins; without the operator."""
    names = {"plural": "clusterpolicies", "singular": "clusterpolicy", "kind": "ClusterPolicy"}
    version = {"name": "v1", "served": True, "storage": True, "schema": ANYTHING}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD},
        "spec": {"group": "nvidia.com", "scope": "Cluster", "names": names, "versions": [version]},
    }
    policy = {
        "apiVersion": "nvidia.com/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": "cluster-policy"},
        "spec": {"driver": {"repository": "nvcr.io/nvidia", "image": "driver", "version": "580.105.08"}},
    }
    kubectl("create", stdin=crd)
    try:
        kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=30s")
        kubectl("create", stdin=policy)
        yield "ClusterPolicy cluster-policy spec.driver.version"
    finally:
        kubectl("delete", "crd", CRD)


@pytest.fixture
def pods(kubectl: Kubectl, namespace: str) -> str:
    """Pods that no node takes, so that nothing but their images matters."""
    images = {
        "old": "nvcr.io/nvidia/k8s-device-plugin:v0.17.2",
        "new": "mirror.example/nvidia/k8s-device-plugin:v0.20.0",
        "unread": "nvcr.io/nvidia/k8s/dcgm-exporter:latest",
    }
    for name, image in images.items():
        spec = {"nodeSelector": {"no": "where"}, "containers": [{"name": "one", "image": image}]}
        metadata = {"name": name, "namespace": namespace}
        kubectl("create", stdin={"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return namespace


def found(result: dict[str, Any], where: str) -> list[tuple[Any, ...]]:
    keys = ("product", "found", "floor", "ok")
    return sorted(tuple(entry[key] for key in keys) for entry in result["floors"] if where in entry["where"])


def test_it_judges_what_runs_the_nodes_and_the_settings_with_one_list_each(
    pods: str, cluster_policy: str, run_module: ModuleRunner, audit: AuditLog
) -> None:
    audit.mark()

    result = run_module("nvidia_floors_info")

    assert found(result, f"{pods}/old") == [("device_plugin", "0.17.2", "0.17.3", False)]
    assert found(result, f"{pods}/new") == [("device_plugin", "0.20.0", "0.17.3", True)]
    assert found(result, f"{pods}/unread") == [
        ("dcgm", None, "4.5.3", None),
        ("dcgm_exporter", None, "4.8.2", None),
    ]
    assert found(result, cluster_policy) == [("driver", "580.105.08", "580.159.03", False)]
    # As the sandbox labels its GPU nodes.
    assert found(result, "Node ") == [("driver", "580.159.03", "580.159.03", True)]
    asked = sorted((request.verb, request.resource) for request in audit.requests().all)
    kinds = ("clusterpolicies", "gpuclusters", "nodes", "nvidiadrivers", "pods")
    assert asked == [("list", kind) for kind in kinds]


def test_versions_that_are_given_are_judged_without_a_cluster(run_module: ModuleRunner, audit: AuditLog) -> None:
    audit.mark()
    versions = [
        {"product": "driver", "version": "580.126.20", "where": "gpu-host-1"},
        {"product": "container_toolkit", "version": "1.20.2-1"},
        {"product": "driver", "version": "none"},
    ]

    result = run_module("nvidia_floors_info", versions=versions)

    assert [(entry["where"], entry["ok"]) for entry in result["floors"]] == [
        ("gpu-host-1", False),
        ("as given", True),
        ("as given", None),
    ]
    assert audit.requests().all == ()
