# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes: what was admitted cannot be turned into what is refused; what is from before can be kept and deleted."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from pod_objects import GPU, GPU_TOLERATION, IMAGE, POD_POLICIES, WORKLOADS, Json, container, pod, workload
from sandbox_access import Kubectl

TAGGED = "registry.internal/ml-trainer:v2.1"
SPACE = ("-n", "adm-training")
GOOD_POD, GPU_POD = "good", "good-gpu"
WRONG = container(
    image=TAGGED,
    env=[{"name": "T", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
    resources={"limits": {"nvidia.com/gpu": 1, "cpu": "1"}},
)
WRONG_SPEC: Json = {
    "volumes": [{"name": "scratch", "emptyDir": {}}, {"name": "creds", "secret": {"secretName": "a"}}],
    "serviceAccountName": "default",
    "tolerations": [{"operator": "Exists"}],
    "nodeSelector": {"none": "here"},
}
FINALIZER = "example.com/hold"
OLD_KINDS = ("Pod", *WORKLOADS)


def old(kind: str) -> Json:
    """An object that breaks every policy of pods."""
    name = f"old-{kind.lower()}"
    return pod(name, WRONG, **WRONG_SPEC) if kind == "Pod" else workload(kind, name, WRONG, **WRONG_SPEC)


@pytest.fixture(scope="module")
def objects(policies: Any, kubectl: Kubectl) -> Iterator[Kubectl]:
    """Good objects, and old ones from before the policies denied."""
    audit = {f"admission_policies_{policy}_actions": ["Audit"] for policy in POD_POLICIES}
    policies.apply(**audit)
    nowhere = {"none": "here"}  # a pod on a simulated node cannot be resized
    gpu_pod = pod(GPU_POD, container(resources=GPU), tolerations=[GPU_TOLERATION], nodeSelector=nowhere)
    good = [pod(GOOD_POD), gpu_pod]
    everything = [*(old(kind) for kind in OLD_KINDS), *good, *(workload(kind, "good") for kind in WORKLOADS)]
    done = kubectl.run("create", stdin={"apiVersion": "v1", "kind": "List", "items": everything})
    assert done.returncode == 0, done.stderr
    policies.apply()
    yield kubectl
    kubectl("delete", ",".join(OLD_KINDS), "--all", *SPACE, "--wait=false", "--force", "--grace-period=0")


def patch(kubectl: Kubectl, kind: str, name: str, change: Json, *options: str) -> subprocess.CompletedProcess[str]:
    kinds = "strategic" if "--subresource=resize" in options else "merge"
    return kubectl.run("patch", kind, name, *SPACE, f"--type={kinds}", "-p", json.dumps(change), *options)


def template(kind: str, change: Json) -> Json:
    """A change of the pod template of a workload."""
    inner = {"spec": {"template": change}}
    return {"spec": {"jobTemplate": inner}} if kind == "CronJob" else inner


def with_image(reference: str) -> Json:
    return {"spec": {"containers": [container(image=reference)]}}


def debug(kubectl: Kubectl, name: str, **changes: Any) -> subprocess.CompletedProcess[str]:
    """Add an ephemeral container, as ``kubectl debug`` does."""
    live = kubectl.get("pod", name, "adm-training")
    for key in ("managedFields", "resourceVersion"):  # the kubelet writes to it, too
        live["metadata"].pop(key)
    added = container("debugger", **changes)
    live["spec"]["ephemeralContainers"] = [*live["spec"].get("ephemeralContainers", []), added]
    path = f"/api/v1/namespaces/adm-training/pods/{name}/ephemeralcontainers?dryRun=All"
    return kubectl.run("replace", "--raw", path, stdin=live)


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        ("image-digests", {"image": TAGGED}),
        ("image-registries", {"image": IMAGE.replace("registry.internal", "registry.evil")}),
        ("secrets", {"env": WRONG["env"]}),
        ("gpu-use", {"env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]}),
        ("pods", {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}),
    ],
)
def test_an_ephemeral_container_is_held_to_every_policy(objects: Kubectl, policy: str, changes: Json) -> None:
    for name in (GOOD_POD, "old-pod"):
        done = debug(objects, name, **changes)
        assert f"'{policy}.gpu-cluster.hardening'" in done.stderr + done.stdout
        assert "container debugger:" in done.stderr or "container debugger asks" in done.stderr


@pytest.mark.parametrize("name", [GOOD_POD, GPU_POD, "old-pod"])
def test_a_good_ephemeral_container_is_admitted_even_to_an_old_pod(objects: Kubectl, name: str) -> None:
    done = debug(objects, name)
    assert done.returncode == 0, done.stderr


def test_the_image_of_a_running_pod_cannot_be_unpinned(objects: Kubectl) -> None:
    change = [{"op": "replace", "path": "/spec/containers/0/image", "value": TAGGED}]
    done = objects.run("patch", "pod", GOOD_POD, *SPACE, "--type=json", "-p", json.dumps(change))
    assert "container main: image" in done.stderr
    assert objects.get("pod", GOOD_POD, "adm-training")["spec"]["containers"][0]["image"] == IMAGE


def test_a_running_pod_cannot_gain_a_toleration_or_a_device(objects: Kubectl) -> None:
    live = objects.get("pod", "good-monitor", "adm-monitoring")
    assert live is None
    objects("create", stdin=pod("good-monitor", namespace="adm-monitoring"))
    live = objects.get("pod", "good-monitor", "adm-monitoring")
    wider = [*live["spec"]["tolerations"], {"operator": "Exists"}]
    place = ("pod", "good-monitor", "-n", "adm-monitoring", "--type=merge", "-p")
    done = objects.run("patch", *place, json.dumps({"spec": {"tolerations": wider}}))
    assert "a toleration of every taint" in done.stderr
    done = objects.run("patch", *place, json.dumps({"metadata": {"annotations": {"cdi.k8s.io/x": "all"}}}))
    assert "annotation cdi.k8s.io/x: GPUs are not for" in done.stderr
    objects("delete", "pod", "good-monitor", "-n", "adm-monitoring", "--force", "--grace-period=0")


@pytest.mark.parametrize("kind", [kind for kind in WORKLOADS if kind != "Job"])  # its containers never change
def test_a_workload_cannot_be_given_another_image(objects: Kubectl, kind: str) -> None:
    done = patch(objects, kind, "good", template(kind, with_image(TAGGED)))
    assert "'image-digests.gpu-cluster.hardening'" in done.stderr
    assert "container main: image" in done.stderr


@pytest.mark.parametrize("kind", WORKLOADS)
def test_an_old_template_is_refused_once_it_changes(objects: Kubectl, kind: str) -> None:
    """New pods of it would be refused, and nobody would see why."""
    change = template(kind, {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}})
    assert "gpu-cluster.hardening' denied request" in patch(objects, kind, f"old-{kind.lower()}", change).stderr


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *((kind, {"metadata": {"labels": {"team": "vision"}}}) for kind in OLD_KINDS),
        *((kind, {"metadata": {"annotations": {"note": "old"}}}) for kind in OLD_KINDS),
        *((kind, {"spec": {"replicas": 0}}) for kind in ("Deployment", "ReplicaSet", "StatefulSet")),
        *((kind, {"spec": {"replicas": 3}}) for kind in ("Deployment", "ReplicaSet", "StatefulSet")),
        ("Deployment", {"spec": {"paused": True}}),
        ("Job", {"spec": {"parallelism": 2}}),
        ("CronJob", {"spec": {"schedule": "0 4 * * *"}}),
        ("Pod", {"spec": {"activeDeadlineSeconds": 3600}}),  # the spec changes, but nothing that a policy is about
    ],
)
def test_an_old_object_can_be_looked_after(objects: Kubectl, kind: str, change: Json) -> None:
    done = patch(objects, kind, f"old-{kind.lower()}", change, "--dry-run=server")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["deployment", "replicaset", "statefulset", "replicationcontroller"])
def test_an_old_workload_can_be_scaled_through_its_subresource(objects: Kubectl, kind: str) -> None:
    """As a HorizontalPodAutoscaler does."""
    done = patch(objects, kind, f"old-{kind}", {"spec": {"replicas": 1}}, "--subresource=scale", "--dry-run=server")
    assert done.returncode == 0, done.stderr


def scale_as_autoscaler(kubectl: Kubectl, name: str, replicas: int) -> None:
    """The one right that the HorizontalPodAutoscaler's account has to a Deployment."""
    metadata = {"name": name, "namespace": "adm-training"}
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": {"replicas": replicas}}
    path = f"/apis/apps/v1/namespaces/adm-training/deployments/{name}/scale"
    who = "--as=system:serviceaccount:kube-system:horizontal-pod-autoscaler"
    done = kubectl.run("replace", "--raw", path, who, stdin=scale)
    assert done.returncode == 0, done.stderr


def test_a_good_deployment_gets_its_pods_from_another_controller(objects: Kubectl) -> None:
    scale_as_autoscaler(objects, "good", 2)
    objects("wait", "deployment/good", *SPACE, "--for=jsonpath={.status.availableReplicas}=2", "--timeout=60s")
    scale_as_autoscaler(objects, "good", 0)


def test_an_old_deployment_gets_none_and_says_why(objects: Kubectl) -> None:
    scale_as_autoscaler(objects, "old-deployment", 1)
    objects("wait", "deployment/old-deployment", *SPACE, "--for=condition=ReplicaFailure", "--timeout=60s")
    conditions = objects.get("deployment", "old-deployment", "adm-training")["status"]["conditions"]
    assert any("gpu-cluster.hardening' denied request" in condition["message"] for condition in conditions)
    scale_as_autoscaler(objects, "old-deployment", 0)


def test_the_pods_of_a_scaled_old_workload_are_refused_all_the_same(objects: Kubectl) -> None:
    objects("scale", "replicaset", "old-replicaset", "--replicas=1", *SPACE)
    seen = objects("wait", "replicaset/old-replicaset", *SPACE, "--for=condition=ReplicaFailure", "--timeout=60s")
    assert "condition met" in seen
    conditions = objects.get("replicaset", "old-replicaset", "adm-training")["status"]["conditions"]
    assert "gpu-cluster.hardening' denied request" in conditions[0]["message"]


def resized(**resources: Json) -> Json:
    return {"spec": {"containers": [{"name": "main", "resources": resources}]}}


def test_a_resize_changes_no_more_than_resources(objects: Kubectl) -> None:
    bigger = {"cpu": "9", "memory": "33Gi"}
    done = patch(
        objects, "pod", GPU_POD, resized(limits=bigger, requests=bigger), "--subresource=resize", "--dry-run=server"
    )
    assert done.returncode == 0, done.stderr
    change = resized(limits=bigger, requests=bigger)
    change["spec"]["containers"][0]["image"] = TAGGED
    done = patch(objects, "pod", GPU_POD, change, "--subresource=resize", "--dry-run=server")
    assert done.returncode != 0 or json.loads(done.stdout)["spec"]["containers"][0]["image"] == IMAGE


def test_a_resize_cannot_take_the_limits_of_a_pod_with_gpus_away(objects: Kubectl) -> None:
    gone = {"cpu": None, "memory": None}
    change = resized(limits=gone, requests=gone)
    done = patch(objects, "pod", GPU_POD, change, "--subresource=resize", "--dry-run=server")
    assert done.returncode != 0
    # The server itself says so already; the policy is for servers that let limits be removed.
    assert "resource limits cannot be removed" in done.stderr or "needs limits for cpu and memory" in done.stderr


def test_an_old_pod_can_be_resized(objects: Kubectl) -> None:
    """Even one that has GPUs and no limit for memory: it had none before."""
    change = resized(limits={"cpu": "2"}, requests={"cpu": "2"})
    done = patch(objects, "pod", "old-pod", change, "--subresource=resize", "--dry-run=server")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", OLD_KINDS)
def test_an_old_object_can_be_deleted_and_let_go(objects: Kubectl, kind: str) -> None:
    name = f"old-{kind.lower()}"
    held = patch(objects, kind, name, {"metadata": {"finalizers": [FINALIZER]}})
    assert held.returncode == 0, held.stderr
    objects("delete", kind, name, *SPACE, "--wait=false")
    waiting = objects.get(kind, name, "adm-training")
    assert waiting["metadata"]["deletionTimestamp"]
    done = patch(objects, kind, name, {"metadata": {"finalizers": None}})
    assert done.returncode == 0, done.stderr
    if kind == "Pod":
        objects("delete", "pod", name, *SPACE, "--force", "--grace-period=0", "--ignore-not-found")
    objects("wait", f"{kind}/{name}", *SPACE, "--for=delete", "--timeout=60s")
