# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves when an object of each kind is ready, and what is said while it is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.readiness import is_waitable, readiness


def condition(name: str, status: str, **more: str) -> dict[str, Any]:
    return {"conditions": [{"type": name, "status": status, **more}]}


STUCK = condition("Progressing", "False", reason="ProgressDeadlineExceeded", message="late")


@pytest.mark.parametrize(
    ("version", "kind", "spec", "status", "expected"),
    [
        ("v1", "ConfigMap", {}, {}, "ready"),
        ("v1", "Pod", {}, {"phase": "Succeeded"}, "ready"),
        ("v1", "Pod", {}, {"phase": "Failed", "message": "evicted"}, "failed: evicted"),
        ("v1", "Pod", {}, {"phase": "Running", **condition("Ready", "True")}, "ready"),
        ("v1", "Pod", {}, {"phase": "Pending", **condition("PodScheduled", "False", message="no GPU")}, "no GPU"),
        ("v1", "Namespace", {}, {"phase": "Terminating"}, "failed: phase Terminating"),
        ("apps/v1", "Deployment", {}, {}, "its controller has not seen it yet"),
        ("apps/v1", "Deployment", {"replicas": 0}, {"observedGeneration": 2}, "ready"),
        ("apps/v1", "Deployment", {"replicas": 2}, {"observedGeneration": 1}, "its controller has not seen the change"),
        (
            "apps/v1",
            "Deployment",
            {"replicas": 2},
            {"observedGeneration": 2, "updatedReplicas": 2, "availableReplicas": 1},
            "1 of 2 pods are available",
        ),
        (
            "apps/v1",
            "Deployment",
            {"replicas": 2},
            {"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 2},
            "1 of 2 pods are updated",
        ),
        (
            "apps/v1",
            "Deployment",
            {"replicas": 2},
            {"observedGeneration": 2, "updatedReplicas": 2, "availableReplicas": 3, "replicas": 3},
            "1 pods of before are still there",
        ),
        (
            "apps/v1",
            "Deployment",
            {},
            {
                "observedGeneration": 2,
                **STUCK,
            },
            "failed: late",
        ),
        ("apps/v1", "StatefulSet", {}, {"observedGeneration": 2, "updatedReplicas": 1, "readyReplicas": 1}, "ready"),
        ("apps/v1", "DaemonSet", {}, {"observedGeneration": 2, "desiredNumberScheduled": 1}, "0 of 1 pods are updated"),
        ("batch/v1", "Job", {}, {}, "no pod has started"),
        ("batch/v1", "Job", {"suspend": True}, {}, "ready"),
        ("batch/v1", "Job", {}, {"active": 1, "ready": 0}, "no pod has started"),
        ("batch/v1", "Job", {}, {"active": 1, "ready": 1}, "ready"),
        ("batch/v1", "Job", {}, {"succeeded": 1}, "ready"),
        ("batch/v1", "Job", {}, condition("Failed", "True", message="backoff"), "failed: failed: backoff"),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            {},
            condition("NamesAccepted", "False", message="taken"),
            "failed: its names are not accepted: taken",
        ),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, {}, "condition Established is not reported yet"),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy",
            {},
            {},
            "its controller has not checked its expressions yet",
        ),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy",
            {},
            {"observedGeneration": 2, "typeChecking": {}},
            "ready",
        ),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy",
            {},
            {
                "observedGeneration": 2,
                "typeChecking": {
                    "expressionWarnings": [{"fieldRef": "spec.validations[0].expression", "warning": "no field x"}]
                },
            },
            "failed: its expressions are wrong: spec.validations[0].expression: no field x",
        ),
        ("example.org/v1", "Thing", {}, condition("Ready", "False", message="soon"), "condition Ready is False: soon"),
        ("example.org/v1", "Thing", {}, {}, "ready"),
    ],
)
def test_readiness_by_kind(version: str, kind: str, spec: Any, status: Any, expected: str) -> None:
    obj = {"apiVersion": version, "kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status}
    verdict = readiness(obj)
    said = "ready" if verdict.ready else f"{'failed: ' if verdict.failed else ''}{verdict.reason}"
    assert expected in said
    assert verdict.ready == (expected == "ready")
    assert verdict.failed == expected.startswith("failed: ")


@pytest.mark.parametrize(
    ("group", "kind", "expected"),
    [
        ("apps", "Deployment", True),
        ("external-secrets.io", "ExternalSecret", True),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy", True),
        ("", "ConfigMap", False),
        ("rbac.authorization.k8s.io", "Role", False),
    ],
)
def test_which_kinds_are_worth_waiting_for(group: str, kind: str, expected: bool) -> None:
    assert is_waitable(group, kind) is expected
