# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In every profile, what works in a cluster goes on working: kubeadm, networks, storage, operators, controllers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from admission_answers import refusals
from attempts import STAGE, WITHOUT_REHEARSAL, made
from controllers_at_work import NAMESPACES, UNNAMED, WORKERS, Worker, rights, scaler
from pod_objects import pod, workload
from sandbox_access import Kubectl
from unseen_attempts import CLAIM, of_workloads
from waiting import wait_for

PROFILES = ("audit", "standard", "strict")
OBJECTS = [
    workload("Deployment", "own"),
    pod("own-pod"),
    made("Secret", "own-secret", stringData={"a": "b"}),
    made("ConfigMap", "adm-kubeadm-config", "kube-system", data={"a": "b"}),
    of_workloads(workload("Job", "trained")),
    of_workloads(made("PersistentVolumeClaim", "models", spec=CLAIM)),
    of_workloads(workload("Deployment", "served")),
]


@pytest.fixture(scope="module")
def at_work(policies: Any, kubectl: Kubectl) -> Iterator[Kubectl]:
    """What workers find: their rights and namespaces, and objects in a stage."""
    for name in NAMESPACES:
        kubectl("create", "namespace", name)
    items = [*rights(), *OBJECTS]
    done = kubectl.run("create", stdin={"apiVersion": "v1", "kind": "List", "items": items})
    assert done.returncode == 0, done.stderr
    yield kubectl
    kubectl("delete", stdin={"apiVersion": "v1", "kind": "List", "items": items})
    kubectl("delete", "namespace", *NAMESPACES, "--wait=false")


@pytest.fixture(scope="module", params=PROFILES)
def profile(at_work: Kubectl, policies: Any, request: pytest.FixtureRequest) -> str:
    """Each profile in turn, with nothing else set but what its stages need."""
    name = str(request.param)
    # One of the labels is written by the GPU Operator, too.
    policies.profile(name, admission_policies_node_labels=["node-type", "nvidia.com/gpu.present"])
    wait_for(lambda: set(create(at_work, UNNAMED)) == set(UNNAMED.refused.get(name, ())), "the profile holds elsewhere")
    return name


def create(kubectl: Kubectl, worker: Worker) -> dict[str, str]:
    """What is said against the objects of a worker, by their names."""
    everything = {"apiVersion": "v1", "kind": "List", "items": list(worker.creates)}
    done = kubectl.run("create", "--dry-run=server", *worker.identity, stdin=everything)
    refused = refusals(done.stderr)
    assert done.returncode == 0 or refused, done.stderr
    return refused


@pytest.mark.parametrize("worker", WORKERS, ids=lambda worker: worker.name)
def test_what_works_in_a_cluster_goes_on(at_work: Kubectl, profile: str, worker: Worker) -> None:
    said = create(at_work, worker) if worker.creates else {}
    for command in worker.commands:
        verb, *arguments = command.split()
        rehearsed = [] if verb in WITHOUT_REHEARSAL else ["--dry-run=server"]
        done = at_work.run(verb, *worker.identity, *rehearsed, *arguments)
        if done.returncode:
            said[command] = done.stderr
    meant = worker.refused.get(profile, {})
    assert {name: text for name, text in said.items() if name not in meant} == {}
    for name, policies in meant.items():
        assert any(f"'{policy}.gpu-cluster.hardening'" in said[name] for policy in policies), said


@pytest.mark.parametrize("profile", ["strict"], indirect=True)
def test_controllers_that_end_pods_end_those_of_the_gpu_stack(at_work: Kubectl, profile: str) -> None:
    """Every controller of this API server that may delete pods, by the roles that it made for them itself."""
    roles = at_work("get", "clusterroles", "-l", "kubernetes.io/bootstrapping=rbac-defaults")["items"]
    prefix = "system:controller:"
    deleting = [
        role["metadata"]["name"].removeprefix(prefix)
        for role in roles
        if role["metadata"]["name"].startswith(prefix)
        and any("pods" in rule.get("resources", ()) and "delete" in rule["verbs"] for rule in role["rules"])
    ]
    assert "daemon-set-controller" in deleting
    at_work("create", stdin=pod("of-the-stack", namespace="gpu-operator"))
    try:
        said = {
            name: at_work.run(
                *("delete", "--raw", "/api/v1/namespaces/gpu-operator/pods/of-the-stack?dryRun=All"),
                f"--as=system:serviceaccount:kube-system:{name}",
            ).stderr
            for name in deleting
        }
        assert {name: text for name, text in said.items() if text} == {}
    finally:
        at_work("delete", "pod", "of-the-stack", "-n", "gpu-operator", "--wait=false")


@pytest.mark.parametrize("profile", ["strict"], indirect=True)
def test_an_autoscaler_scales_what_a_layer_applied(at_work: Kubectl, profile: str) -> None:
    """The real one: below the least number it needs no metrics."""
    at_work("scale", "deployment", "served", "-n", STAGE, "--replicas=1")
    at_work("create", stdin=scaler("served", STAGE))
    wait_for(lambda: at_work.get("deployment", "served", STAGE)["spec"]["replicas"] == 2, "it is scaled")
