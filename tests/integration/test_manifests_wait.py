# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a run waits until workloads are ready, for all of them under one deadline, and says what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from module_runs import ModuleRunner, PlaybookRunner
from sample_manifests import config_map, daemon_set, deployment, job, pod_template
from sandbox_access import Kubectl

NOWHERE = {"nodeSelector": {"hardening.example/no-such-node": "true"}}


def unschedulable(manifest: dict[str, Any]) -> dict[str, Any]:
    manifest["spec"]["template"]["spec"].update(NOWHERE)
    return manifest


def test_workloads_are_ready_when_the_run_ends(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    result = run_module(
        "manifests",
        manifests=[
            deployment(namespace, "web", 3),
            daemon_set(namespace, "agent"),
            job(namespace, "once"),
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "alone", "namespace": namespace},
                "spec": pod_template("alone")["spec"],
            },
        ],
    )
    assert result["counts"] == {"created": 4}
    assert kubectl.get("deployment", "web", namespace)["status"]["availableReplicas"] == 3
    agents = kubectl.get("daemonset", "agent", namespace)["status"]
    assert agents["numberAvailable"] == agents["desiredNumberScheduled"] > 0
    assert kubectl.get("pod", "alone", namespace)["status"]["phase"] == "Running"
    once = kubectl.get("job", "once", namespace)["status"]
    assert once.get("active") or once.get("succeeded")


def test_a_rollout_is_awaited_not_only_the_first_one(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    run_module("manifests", manifests=[deployment(namespace, "web", 2)])
    run_module("manifests", manifests=[deployment(namespace, "web", 2, args=["--new"])])
    live = kubectl.get("deployment", "web", namespace)
    assert live["status"]["observedGeneration"] == live["metadata"]["generation"]
    assert live["status"]["updatedReplicas"] == live["status"]["availableReplicas"] == 2


def test_all_that_is_not_ready_in_time_is_named_with_its_state(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    stuck = [unschedulable(deployment(namespace, f"stuck{number}", 2)) for number in range(3)]
    wanted = [*stuck, unschedulable(job(namespace, "later")), deployment(namespace, "fine")]
    failed = run_module.failing("manifests", manifests=wanted, wait_timeout=5)
    assert failed["counts"] == {"created": 5}
    assert {failure["name"] for failure in failed["failures"]} >= {"stuck0", "stuck1", "stuck2"}
    assert "fine" not in {failure["name"] for failure in failed["failures"]}
    assert (
        f"Deployment {namespace}/stuck1: not ready after 5 s: 0 of 2 pods are available; pod stuck1-" in failed["msg"]
    )
    assert "cannot be scheduled: 0/" in failed["msg"]
    assert "later" in {failure["name"] for failure in failed["failures"]}, "a pod that cannot start has not started"
    assert kubectl.get("deployment", "stuck0", namespace) is not None


def test_who_waits_sees_why_before_the_end(play: PlaybookRunner, namespace: str) -> None:
    task = {"manifests": [unschedulable(deployment(namespace, "stuck"))], "wait_timeout": 8}
    done = play([{"gpu_cluster.hardening.manifests": task}])
    told = next(
        line for line in done.stdout.splitlines() if line.startswith(f"Waiting for Deployment {namespace}/stuck")
    )
    assert "cannot be scheduled: 0/" in told
    assert done.stdout.index(told) < done.stdout.index("not ready after 8 s")


def test_the_deadline_is_shared_by_all(run_module: ModuleRunner, namespace: str) -> None:
    stuck = [unschedulable(deployment(namespace, f"stuck{number}")) for number in range(12)]
    stuck.append(unschedulable({**deployment(namespace, "x"), "kind": "StatefulSet"}))
    stuck[-1]["spec"]["serviceName"] = "x"
    failed = run_module.failing("manifests", manifests=stuck, wait_timeout=2, concurrency=1)
    assert len(failed["failures"]) == 13
    assert {failure["reason"] for failure in failed["failures"]} == {"Timeout"}


def test_an_unchanged_workload_that_is_not_ready_is_awaited_too(run_module: ModuleRunner, namespace: str) -> None:
    wanted = [unschedulable(deployment(namespace, "stuck"))]
    run_module("manifests", manifests=wanted, wait=False)
    failed = run_module.failing("manifests", manifests=wanted, wait_timeout=1)
    assert failed["changed"] is False
    assert "stuck" in failed["msg"]


def test_what_fails_for_good_is_not_awaited(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    wanted = unschedulable(job(namespace, "doomed"))
    wanted["spec"].update({"activeDeadlineSeconds": 1, "backoffLimit": 0})
    run_module("manifests", manifests=[wanted], wait=False)
    kubectl("wait", "--for=condition=Failed", "job/doomed", "-n", namespace, "--timeout=60s")
    failed = run_module.failing("manifests", manifests=[wanted], wait_timeout=600)
    assert [failure["reason"] for failure in failed["failures"]] == ["Failed"]
    assert "DeadlineExceeded" in failed["msg"] or "deadline" in failed["msg"]


@pytest.mark.parametrize(("wait", "manifest"), [(True, config_map), (False, deployment)])
def test_what_is_ready_at_once_or_not_awaited_does_not_wait(
    run_module: ModuleRunner, namespace: str, wait: bool, manifest: Any
) -> None:
    wanted = manifest(namespace, "one")
    if not wait:
        wanted = unschedulable(wanted)
    assert run_module("manifests", manifests=[wanted], wait=wait, wait_timeout=1)["counts"] == {"created": 1}
