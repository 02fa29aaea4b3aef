# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPUs: every way to them is closed to those who have none, and pods that use them have limits."""

from __future__ import annotations

from typing import Any

import pytest
from admission_answers import Answers, Case, admitted, send
from pod_objects import GPU, GPU_TOLERATION, WORKLOADS, Json, container, pod, workload
from sandbox_access import Kubectl


@pytest.fixture(scope="module")
def strict(policies: Any) -> Any:
    """Without the policy that refuses some of the same, as the server names any one."""
    policies.apply(admission_policies_placement_actions=[])
    return policies


ELSEWHERE = {"namespace": "adm-monitoring"}
CLAIMS = [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]


def requests(resource: str, number: int = 1, **limits: str) -> Json:
    return {"limits": {"cpu": "1", "memory": "1Gi", resource: number, **limits}}


def with_env(name: str, *values: Json) -> Json:
    return container(name, env=list(values))


def closed(name: str, *containers: Json, why: str, **changes: Any) -> Case:
    """What the stage without GPUs does not get, and why the message says so."""
    item = pod(name, *containers, **ELSEWHERE, **changes)
    return Case(item, "gpu-use", (why, "GPUs are not for namespace adm-monitoring", "adm-training, adm-serving"))


def tolerates(name: str, toleration: Json, why: str) -> Case:
    return closed(name, tolerations=[toleration], why=why)


WAYS = [
    closed(
        "gpu", container("miner", resources=requests("nvidia.com/gpu")), why="container miner requests nvidia.com/gpu"
    ),
    closed("shared-gpu", container("miner", resources=requests("nvidia.com/gpu.shared")), why="nvidia.com/gpu.shared"),
    closed("mig", container("miner", resources=requests("nvidia.com/mig-1g.10gb")), why="nvidia.com/mig-1g.10gb"),
    closed(
        "gpu-by-device-class",
        container("miner", resources=requests("deviceclass.resource.kubernetes.io/gpu.nvidia.com")),
        why="deviceclass.resource.kubernetes.io/gpu.nvidia.com",
    ),
    closed(
        "gpu-in-init-container",
        initContainers=[container("warm", resources=requests("nvidia.com/gpu"))],
        why="container warm",
    ),
    closed(
        "gpu-in-second-container",
        container(),
        container("second", resources=requests("nvidia.com/gpu")),
        why="container second",
    ),
    closed("resource-claim", resourceClaims=CLAIMS, why="resource claim gpu"),
    tolerates("toleration", GPU_TOLERATION, "a toleration of nvidia.com/gpu"),
    tolerates("toleration-by-key", {"key": "nvidia.com/gpu", "operator": "Exists"}, "a toleration of nvidia.com/gpu"),
    tolerates("toleration-of-any-effect", {"key": "nvidia.com/gpu", "value": "true"}, "a toleration of nvidia.com/gpu"),
    tolerates("wildcard-toleration", {"operator": "Exists"}, "a toleration of every taint"),
    tolerates(
        "wildcard-toleration-of-effect", {"operator": "Exists", "effect": "NoSchedule"}, "a toleration of every taint"
    ),
    closed(
        "wildcard-among-others",
        tolerations=[{"key": "a", "operator": "Exists"}, {"operator": "Exists"}],
        why="a toleration of every taint",
    ),
    closed(
        "visible-devices",
        with_env("miner", {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}),
        why="container miner asks the NVIDIA runtime",
    ),
    closed(
        "visible-devices-by-reference",
        with_env(
            "miner", {"name": "NVIDIA_VISIBLE_DEVICES", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}
        ),
        why="container miner asks",
    ),
    closed(
        "void-then-all",
        with_env(
            "miner",
            {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"},
            {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
        ),
        why="container miner asks",
    ),
    closed(
        "driver-capabilities",
        with_env("miner", {"name": "NVIDIA_DRIVER_CAPABILITIES", "value": "compute"}),
        why="container miner asks",
    ),
    closed(
        "visible-devices-in-init-container",
        initContainers=[with_env("warm", {"name": "NVIDIA_VISIBLE_DEVICES", "value": "0"})],
        why="container warm asks",
    ),
    closed(
        "device-by-mount",
        container("miner", volumeMounts=[{"name": "tmp", "mountPath": "/var/run/nvidia-container-devices/all"}]),
        volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": "1Mi"}}],
        why="container miner asks",
    ),
    closed("cdi-annotation", annotations={"cdi.k8s.io/gpu": "nvidia.com/gpu=all"}, why="annotation cdi.k8s.io/gpu"),
    closed(
        "cdi-annotation-of-odd-name",
        annotations={"example.com/a": "b", "cdi.k8s.io/a_b.c-D": ""},
        why="annotation cdi.k8s.io/a_b.c-D",
    ),
    closed(
        "visible-devices-among-odd-names",
        with_env("0", {"name": 'it\'s "odd"', "value": "1"}, {"name": "NVIDIA_VISIBLE_DEVICES", "value": "VOID"}),
        why="container 0 asks",
    ),
    closed("node-by-name", nodeName="gpu-a100-0", why="nodeName"),
    Case(
        pod(
            "two-ways-are-both-named",
            container("miner", resources=requests("nvidia.com/gpu")),
            tolerations=[{"operator": "Exists"}],
            **ELSEWHERE,
        ),
        "gpu-use",
        ("container miner requests", "every taint"),
    ),
    *(
        Case(
            workload(
                kind, f"gpu-{kind.lower()}", container("miner", resources=requests("nvidia.com/gpu")), **ELSEWHERE
            ),
            "gpu-use",
            ("container miner",),
        )
        for kind in WORKLOADS
    ),
    *(
        Case(
            workload(kind, f"tolerant-{kind.lower()}", tolerations=[{"operator": "Exists"}], **ELSEWHERE),
            "gpu-use",
            ("every taint",),
        )
        for kind in WORKLOADS
    ),
    *(
        Case(
            workload(kind, f"cdi-{kind.lower()}", annotations={"cdi.k8s.io/gpu": "all"}, **ELSEWHERE),
            "gpu-use",
            ("cdi.k8s.io/gpu",),
        )
        for kind in WORKLOADS
    ),
    *(
        Case(
            workload(kind, f"runtime-{kind.lower()}", runtimeClassName="nvidia", **ELSEWHERE),
            "gpu-use",
            ("runtime class nvidia",),
        )
        for kind in WORKLOADS
    ),
]
HARMLESS = [
    admitted(pod("no-tolerations", **ELSEWHERE, tolerations=[])),
    admitted(pod("other-toleration", **ELSEWHERE, tolerations=[{"key": "example.com/disk", "operator": "Exists"}])),
    admitted(
        pod("toleration-of-other-effect", **ELSEWHERE, tolerations=[{"operator": "Exists", "effect": "NoExecute"}])
    ),
    admitted(pod("void", with_env("main", {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}), **ELSEWHERE)),
    admitted(pod("none", with_env("main", {"name": "NVIDIA_VISIBLE_DEVICES", "value": "none"}), **ELSEWHERE)),
    admitted(pod("zero-gpus", container(resources=requests("nvidia.com/gpu", 0)), **ELSEWHERE)),
    admitted(pod("other-device", container(resources=requests("example.com/nic")), **ELSEWHERE)),
    admitted(
        pod("lower-case-variable", with_env("main", {"name": "nvidia_visible_devices", "value": "all"}), **ELSEWHERE)
    ),
    admitted(pod("other-variable", with_env("main", {"name": "NVIDIA_OTHER", "value": "all"}), **ELSEWHERE)),
    admitted(pod("other-annotation", **ELSEWHERE, annotations={"example.com/cdi.k8s.io": "x"})),
    admitted(pod("cpu-without-limits", container(resources={"requests": {"cpu": "1"}}))),
]


def other_account(name: str, why: str, *containers: Json, **changes: Any) -> Case:
    item = pod(name, *containers, serviceAccountName="adm-other", automountServiceAccountToken=False, **changes)
    return Case(
        item, "gpu-use", (why, "only for service account adm-trainer, adm-tuner here", "set serviceAccountName")
    )


ACCOUNTS = [
    admitted(pod("training", container(resources=GPU), tolerations=[GPU_TOLERATION])),
    admitted(
        pod(
            "serving",
            container(resources=GPU, image="registry.internal/serving/llm@sha256:" + "a" * 64),
            namespace="adm-serving",
        )
    ),
    admitted(
        pod(
            "claim-and-limits",
            container(resources={"limits": {"cpu": "1", "memory": "1Gi"}, "claims": [{"name": "gpu"}]}),
            resourceClaims=CLAIMS,
        )
    ),
    admitted(workload("Job", "one-more-account", container(resources=GPU), serviceAccountName="adm-tuner")),
    other_account("other-account", "container main requests nvidia.com/gpu", container(resources=GPU)),
    other_account("other-account-tolerates", "every taint", tolerations=[{"operator": "Exists"}]),
    other_account(
        "other-account-sees",
        "container main asks",
        with_env("main", {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}),
    ),
    *(
        Case(
            workload(kind, f"account-{kind.lower()}", container(resources=GPU), serviceAccountName="adm-other"),
            "gpu-use",
            ("set serviceAccountName",),
        )
        for kind in WORKLOADS
    ),
]


def unlimited(name: str, *containers: Json, of: str = "main", **changes: Any) -> Case:
    return Case(
        pod(name, *containers, **changes),
        "gpu-use",
        (f"container {of}: a pod with GPUs needs limits for cpu and memory",),
    )


LIMITS = [
    unlimited("no-limits", container(resources={"limits": {"nvidia.com/gpu": 1}})),
    unlimited("no-cpu-limit", container(resources={"limits": {"nvidia.com/gpu": 1, "memory": "1Gi"}})),
    unlimited("no-memory-limit", container(resources={"limits": {"nvidia.com/gpu": 1, "cpu": "1"}})),
    unlimited(
        "requests-are-no-limits",
        container(resources={"limits": {"nvidia.com/gpu": 1}, "requests": {"cpu": "1", "memory": "1Gi"}}),
    ),
    unlimited(
        "sidecar-without-limits",
        container(resources=GPU),
        initContainers=[container("proxy", restartPolicy="Always")],
        of="proxy",
    ),
    unlimited("shared-gpu-without-limits", container(resources={"limits": {"nvidia.com/gpu.shared": 2}})),
    unlimited("helper-without-limits", container(resources=GPU), container("helper"), of="helper"),
    unlimited(
        "init-container-without-limits", container(resources=GPU), initContainers=[container("fetch")], of="fetch"
    ),
    unlimited("claim-without-limits", container(resources={"claims": [{"name": "gpu"}]}), resourceClaims=CLAIMS),
    admitted(
        pod(
            "limits-of-the-pod",
            container(resources={"limits": {"nvidia.com/gpu": 1}}),
            resources={"limits": {"cpu": "2", "memory": "2Gi"}},
        )
    ),
    Case(
        pod(
            "sees-without-request",
            container(
                resources={"limits": {"cpu": "1", "memory": "1Gi"}},
                env=[{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}],
            ),
        ),
        "gpu-use",
        ("container main: asks the NVIDIA runtime for GPUs and requests none",),
    ),
    *(
        Case(
            pod(
                f"chooses-{name.lower().replace('_', '-')}",
                container(resources=GPU, env=[{"name": name, "value": "all"}]),
            ),
            "gpu-use",
            ("container main: chooses GPUs itself; take NVIDIA_VISIBLE_DEVICES or the mount away",),
        )
        for name in ("NVIDIA_VISIBLE_DEVICES", "NVIDIA_MIG_CONFIG_DEVICES")
    ),
    Case(
        pod(
            "chooses-by-mount",
            container(
                resources=GPU, volumeMounts=[{"name": "tmp", "mountPath": "/var/run/nvidia-container-devices/all"}]
            ),
            volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": "1Mi"}}],
        ),
        "gpu-use",
        ("container main: chooses GPUs itself",),
    ),
    *(
        admitted(pod(f"has-{name}", container(resources=GPU, env=[variable])))
        for name, variable in (
            ("capabilities", {"name": "NVIDIA_DRIVER_CAPABILITIES", "value": "compute"}),
            ("void", {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}),
        )
    ),
    *(
        Case(
            workload(kind, f"limitless-{kind.lower()}", container(resources={"limits": {"nvidia.com/gpu": 1}})),
            "gpu-use",
            ("container main:", "cpu and memory"),
        )
        for kind in WORKLOADS
    ),
]
CASES = [*WAYS, *HARMLESS, *ACCOUNTS, *LIMITS]


@pytest.fixture(scope="module")
def answers(strict: object, kubectl: Kubectl) -> Answers:
    if kubectl.get("serviceaccount", "adm-other", "adm-training") is None:
        kubectl("create", "serviceaccount", "adm-other", "-n", "adm-training")
    return send(kubectl, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gpu_use(answers: Answers, case: Case) -> None:
    answers.check(case)
