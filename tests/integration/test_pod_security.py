# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that levels are enforced, that violators are named first, and that our labels are given up cleanly."""

from __future__ import annotations

from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sandbox_access import Kubectl

ENFORCE = "pod-security.kubernetes.io/enforce"


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
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str, audit: AuditLog
) -> None:
    wanted = [{"name": namespace, "enforce": "restricted", "enforce_version": "v1.30"}]
    assert run_module("pod_security", check=True, namespaces=wanted)["changed"] is True
    assert ENFORCE not in labels(kubectl, namespace)
    assert run_module("pod_security", namespaces=wanted)["changed"] is True
    assert labels(kubectl, namespace)[f"{ENFORCE}-version"] == "v1.30"
    refused = kubectl.run("apply", "--server-side", stdin=pod("root", namespace))
    assert refused.returncode != 0
    assert "violates PodSecurity" in refused.stderr
    audit.mark()
    assert run_module("pod_security", namespaces=wanted)["changed"] is False
    assert audit.requests().writes == []


def test_running_violators_stop_the_change_and_are_named(
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str
) -> None:
    for name in ("notebook", "notebook-two"):
        kubectl("apply", "--server-side", stdin=pod(name, namespace))
    wanted = [{"name": namespace, "enforce": "restricted"}]
    failed = run_module.failing("pod_security", namespaces=wanted)
    (violation,) = failed["failures"]
    assert (violation["pod"], violation["others"]) == ("notebook", 1)
    assert violation["level"] == "restricted:latest"
    assert "runAsNonRoot != true" in violation["reasons"]
    assert ENFORCE not in labels(kubectl, namespace)
    warned = run_module("pod_security", namespaces=wanted, on_violation="warn")
    assert f"{namespace}/notebook and 1 more" in str(warned["warnings"])
    assert labels(kubectl, namespace)[ENFORCE] == "restricted"


def test_absent_gives_the_labels_up_and_keeps_the_namespace(
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str
) -> None:
    wanted = [{"name": namespace, "enforce": "baseline", "labels": {"team": "vision"}}]
    run_module("pod_security", namespaces=wanted)
    assert run_module("pod_security", namespaces=wanted, state="absent")["counts"] == {"released": 1}
    assert set(labels(kubectl, namespace)) == {"kubernetes.io/metadata.name"}
    assert run_module("pod_security", namespaces=wanted, state="absent")["changed"] is False


def test_a_manifest_of_the_same_namespace_does_not_take_the_levels_away(
    run_module: ModuleRunner, kubectl: Kubectl, namespace: str
) -> None:
    run_module("pod_security", namespaces=[{"name": namespace, "enforce": "baseline"}])
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"team": "nlp"}}}
    run_module("manifests", manifests=[manifest])
    assert labels(kubectl, namespace)[ENFORCE] == "baseline"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "Not_A_Name"}, "Not_A_Name"),
        ({"name": "a", "enforce": "strict"}, "'strict' is not one of privileged, baseline, restricted"),
        ({"name": "a", "enforce": "baseline", "enforce_version": "1.30"}, "neither latest nor of the form"),
        ({"name": "a", "labels": {ENFORCE: "baseline"}}, "is set by its own option"),
    ],
)
def test_bad_input_is_refused_before_any_request(
    run_module: ModuleRunner, audit: AuditLog, entry: dict[str, Any], message: str
) -> None:
    audit.mark()
    assert message in run_module.failing("pod_security", namespaces=[entry])["msg"]
    assert audit.requests().writes == []
