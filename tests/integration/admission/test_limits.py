# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of 50 containers stay below the server's limits for CEL, and what this collection installs is admitted."""

from __future__ import annotations

from typing import Any

import pytest
from pod_objects import GPU, IMAGE, Json, container, pod, workload
from policy_canaries import refusal
from role_runs import RoleRunner
from sandbox_access import Kubectl, Sandbox

MANY = 50
RUNNING = {f"E{number}": "x" * 100 for number in range(20)}


def crowd(**last: Any) -> list[Json]:
    """50 containers with 20 variables and 10 mounts each; the last one may be another."""
    env = [{"name": name, "value": value} for name, value in RUNNING.items()]
    mounts = [{"name": f"v{number}", "mountPath": f"/v{number}"} for number in range(10)]
    common = {"env": env, "volumeMounts": mounts, "resources": GPU}
    return [container(f"c{number}", **{**common, **(last if number == MANY - 1 else {})}) for number in range(MANY)]


def volumes() -> list[Json]:
    return [{"name": f"v{number}", "secret": {"secretName": "a", "defaultMode": 0o400}} for number in range(10)]


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "CronJob"])
def test_fifty_good_containers_are_admitted(strict: Any, kubectl: Kubectl, kind: str) -> None:
    make = pod if kind == "Pod" else lambda *args, **more: workload(kind, *args, **more)
    assert refusal(kubectl, make("crowd", *crowd(), volumes=volumes())) == ""


@pytest.mark.parametrize(
    ("policy", "last"),
    [
        ("image-digests", {"image": "registry.internal/a:1"}),
        ("image-registries", {"image": IMAGE.replace("internal", "evil")}),
        ("secrets", {"envFrom": [{"secretRef": {"name": "a"}}]}),
        ("gpu-use", {"resources": {"limits": {"nvidia.com/gpu": 1}}}),
        ("pods", {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}),
    ],
)
def test_the_one_bad_container_of_fifty_is_found(strict: Any, kubectl: Kubectl, policy: str, last: Json) -> None:
    message = refusal(kubectl, pod("crowd", *crowd(**last), volumes=volumes()))
    assert f"'{policy}.gpu-cluster.hardening'" in message
    assert "container c49: " in message
    assert "more" not in message.rpartition("denied request:")[2].replace("more than", "")


def test_of_fifty_bad_containers_some_are_named_and_the_others_counted(strict: Any, kubectl: Kubectl) -> None:
    long = "registry.internal/" + "a" * 180 + ":v1"
    message = refusal(kubectl, pod("crowd", *(container(f"c{number}", image=long) for number in range(MANY))))
    assert "container c0: " in message
    assert "container c4: " in message
    assert "container c5: " not in message
    assert "; and 45 more" in message


def test_fifty_containers_can_be_added_to(strict: Any, kubectl: Kubectl, made: list[Json]) -> None:
    """An update compares each container with each that was there."""
    made.append(pod("crowd-to-debug", *crowd(), volumes=volumes()))
    kubectl("create", stdin=made[0])
    live = kubectl.get("pod", "crowd-to-debug", "adm-training")
    for key in ("managedFields", "resourceVersion"):  # the scheduler writes to it, too
        live["metadata"].pop(key)
    live["spec"]["ephemeralContainers"] = [container("debugger")]
    path = "/api/v1/namespaces/adm-training/pods/crowd-to-debug/ephemeralcontainers?dryRun=All"
    done = kubectl.run("replace", "--raw", path, stdin=live)
    assert done.returncode == 0, done.stderr


def test_accounts_and_network_policies_of_the_stages_are_admitted(
    strict: Any, sandbox: Sandbox, policies: Any, kubectl: Kubectl
) -> None:
    """The role ``rbac`` makes its objects anew while every policy denies."""
    kubectl("delete", "role,rolebinding,serviceaccount", "-n", "adm-serving", "--all")
    for role in ("pod_security", "rbac", "network_policies"):
        policies.roles(role, gpu_cluster_stages=strict.stages)
    assert kubectl.get("rolebinding", "adm-server-binding", "adm-serving")


@pytest.fixture(scope="module")
def everywhere(policies: Any) -> None:
    """Every policy of pods denies in all namespaces that it can be made to hold in."""
    names = ("image_digests", "image_registries", "secrets", "gpu_use", "pods")
    policies.apply(admission_policies_cluster_wide={name: ["Deny"] for name in names})


@pytest.mark.parametrize(
    "namespace", ["nvidia-device-plugin", "dcgm-exporter", "falco", "external-secrets", "kube-system"]
)
def test_what_watches_over_the_gpus_is_not_held_up(everywhere: None, kubectl: Kubectl, namespace: str) -> None:
    existed = kubectl.get("namespace", namespace) is not None
    if not existed:
        kubectl("create", "namespace", namespace)
    try:
        wild = container(
            image="nvcr.io/nvidia/k8s-device-plugin:v0.20.0",
            securityContext={"privileged": True},
            env=[{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}],
        )
        host = [{"name": "dev", "hostPath": {"path": "/dev"}}, {"name": "tmp", "emptyDir": {}}]
        item = workload("DaemonSet", "agent", wild, namespace=namespace, volumes=host)
        item["spec"]["template"]["spec"].update(tolerations=[{"operator": "Exists"}], runtimeClassName="nvidia")
        assert refusal(kubectl, item) == ""
        here = workload("DaemonSet", "agent", wild, namespace="default", volumes=host)
        assert "gpu-cluster.hardening' denied request" in refusal(kubectl, here)
    finally:
        if not existed:
            kubectl("delete", "namespace", namespace, "--wait=false")


def test_a_stage_with_privileged_rules_gets_its_role(
    strict: Any, policies: Any, sandbox: Sandbox, kubectl: Kubectl, tmp_path: Any
) -> None:
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    builder = {
        "name": "building",
        "namespace": "adm-building",
        "service_account": {"name": "adm-builder"},
        "rules": rules,
        "allow_privileged_rules": True,
        "pods": {"app": "b"},
        "egress": ["dns"],
    }
    policies.apply(gpu_cluster_stages=[*strict.stages, builder])
    runner = RoleRunner(tmp_path, sandbox.kubeconfig)
    try:
        for role in ("pod_security", "rbac"):
            runner(role, gpu_cluster_stages=[*strict.stages, builder])
        assert kubectl.get("role", "adm-builder-role", "adm-building")["rules"] == rules
    finally:
        kubectl("delete", "namespace", "adm-building", "--wait=false", "--ignore-not-found")
