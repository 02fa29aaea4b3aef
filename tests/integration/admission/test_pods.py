# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of restricted stages: what Pod Security leaves open, and their tokens and accounts."""

from __future__ import annotations

from typing import Any

import pytest
from admission_answers import Answers, Case, admitted, send
from pod_objects import WORKLOADS, Json, container, pod, workload
from sandbox_access import Kubectl

WRITABLE = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
TOKEN = {"serviceAccountToken": {"path": "token"}}


def empty_dir(**fields: Any) -> list[Json]:
    return [{"name": "scratch", "emptyDir": fields}]


def token_volume(*sources: Json) -> list[Json]:
    return [{"name": "identity", "projected": {"sources": list(sources)}}]


def for_audience(audience: str) -> Json:
    return {"serviceAccountToken": {"path": "token", "audience": audience}}


def writable(name: str = "main") -> Json:
    return container(name, securityContext=WRITABLE)


def writes(item: Json, name: str = "main") -> Case:
    return Case(item, "pods", (f"container {name}: set securityContext.readOnlyRootFilesystem: true",))


def unbounded(name: str, volumes: list[Json]) -> Case:
    return Case(pod(name, volumes=volumes), "pods", ("volume scratch: set emptyDir.sizeLimit",))


CASES = [
    writes(pod("writable-root", writable())),
    writes(pod("writable-root-said-so", container(securityContext={**WRITABLE, "readOnlyRootFilesystem": False}))),
    writes(pod("writable-init-container", initContainers=[writable("fetch")]), "fetch"),
    writes(pod("writable-sidecar", initContainers=[{**writable("proxy"), "restartPolicy": "Always"}]), "proxy"),
    writes(pod("writable-second-container", container(), writable("second")), "second"),
    *(writes(workload(kind, f"no-context-{kind.lower()}", container(securityContext=None))) for kind in WORKLOADS),
    admitted(pod("bounded-scratch", volumes=empty_dir(sizeLimit="10Gi"))),
    admitted(pod("bounded-memory", volumes=empty_dir(medium="Memory", sizeLimit="1Gi"))),
    unbounded("unbounded-scratch", empty_dir()),
    unbounded("unbounded-memory", empty_dir(medium="Memory")),
    unbounded("limit-of-nothing", empty_dir(sizeLimit="0")),
    unbounded("limit-of-nothing-at-length", empty_dir(sizeLimit="0.000Gi")),
    admitted(pod("limit-as-a-number", volumes=empty_dir(sizeLimit=1073741824))),
    admitted(pod("limit-with-exponent", volumes=empty_dir(sizeLimit="1e9"))),
    unbounded("volume-without-a-source", [{"name": "scratch"}]),
    unbounded("second-scratch", [{"name": "ok", "emptyDir": {"sizeLimit": "1Gi"}}, *empty_dir()]),
    *(
        Case(workload(kind, f"unbounded-{kind.lower()}", volumes=empty_dir()), "pods", ("volume scratch:",))
        for kind in WORKLOADS
    ),
    Case(pod("automount", automountServiceAccountToken=True), "pods", ("automountServiceAccountToken",)),
    *(
        Case(
            workload(kind, f"automount-{kind.lower()}", automountServiceAccountToken=True),
            "pods",
            ("automountServiceAccountToken is true; set it to false",),
        )
        for kind in WORKLOADS
    ),
    Case(
        pod("token-by-projection", volumes=token_volume(TOKEN)),
        "pods",
        ("volume identity: holds a token for the API server",),
    ),
    Case(
        pod("token-for-the-api-server", volumes=token_volume(for_audience("https://kubernetes.default.svc"))),
        "pods",
        ("volume identity:",),
    ),
    Case(
        pod("second-source-is-a-token", volumes=token_volume(for_audience("vault"), TOKEN)),
        "pods",
        ("volume identity:",),
    ),
    Case(workload("Deployment", "token-in-a-template", volumes=token_volume(TOKEN)), "pods", ("volume identity:",)),
    admitted(pod("token-for-vault", volumes=token_volume(for_audience("vault")))),
    admitted(pod("no-automount", automountServiceAccountToken=False)),
    admitted(pod("token-where-the-stage-says-so", namespace="adm-monitoring")),
    admitted(pod("automount-where-the-stage-says-so", namespace="adm-monitoring", automountServiceAccountToken=True)),
    Case(pod("account-left-out", serviceAccountName=None), "pods", ("serviceAccountName is that of everybody",)),
    Case(pod("default-account", serviceAccountName="default"), "pods", ("serviceAccountName",)),
    admitted(pod("account-by-its-old-name", serviceAccountName=None, serviceAccount="adm-trainer")),
    *(
        Case(
            workload(kind, f"default-{kind.lower()}", serviceAccountName=None),
            "pods",
            ("serviceAccountName", "set the account of the stage"),
        )
        for kind in WORKLOADS
    ),
    Case(
        pod("default-account-by-its-old-name", serviceAccountName=None, serviceAccount="default"),
        "pods",
        ("serviceAccountName",),
    ),
    # Not a restricted stage: Pod Security leaves more open there, too.
    admitted(
        pod(
            "baseline-stage",
            container(securityContext=None, image="registry.internal/serving/llm@sha256:" + "a" * 64),
            namespace="adm-serving",
            volumes=empty_dir(),
            serviceAccountName="default",
        )
    ),
]


@pytest.fixture(scope="module")
def answers(strict: object, kubectl: Kubectl) -> Answers:
    return send(kubectl, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pod(answers: Answers, case: Case) -> None:
    answers.check(case)
