# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what the layers of the whole job are as files, in the status, after a roll-back and after their removal."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from audit_log import AuditLog
from harden_runs import Playbook, recap
from sandbox_access import CHECKOUT, Kubectl, Sandbox

RENDERED = (
    "pod_security",
    "rbac",
    "network_policies",
    "admission_policies",
    "device_plugin",
    "dcgm_exporter",
    "falco",
    "gpu_alerts",
)
"""In order, the layers that have objects by default. Nodes are not rendered."""
HOME = "gpu-cluster-hardening"


@dataclass(frozen=True)
class Job:
    """The playbooks, run on one cluster."""

    run: Playbook
    kubectl: Kubectl

    def __call__(self, name: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        playbook = str(CHECKOUT / "playbooks" / f"{name}.yml")
        done = self.run({"one": self.kubectl.kubeconfig}, *options, playbook=playbook, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def job(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """On a cluster without any layer, before and after."""
    job = Job(Playbook(tmp_path_factory.mktemp("job")), sandbox.kubectl)
    job("remove_gpu_cluster_hardening")
    yield job
    job("remove_gpu_cluster_hardening")
    # Namespaces stay, and other tests want to see them made.
    sandbox.kubectl.run("delete", "namespace", "nvidia-device-plugin", "dcgm-exporter", "falco", "--ignore-not-found")


def test_a_run_after_kubectl_applied_the_rendered_layers_changes_nothing(
    job: Job, kubectl: Kubectl, audit: AuditLog, tmp_path: Path
) -> None:
    audit.mark()
    job("harden_gpu_cluster", gpu_cluster_render_to=str(tmp_path))
    assert audit.requests().writes == []
    assert {path.name for path in tmp_path.iterdir()} == set(RENDERED)
    for layer in RENDERED:
        applied = kubectl.run("apply", "--server-side", "-k", str(tmp_path / layer))
        assert applied.returncode == 0, applied.stderr
    done = job("harden_gpu_cluster", "--skip-tags", "gpu_nodes")  # becomes an owner of the fields, beside kubectl
    assert recap(done, "one")["changed"] == 0, done.stdout
    for layer in RENDERED:  # what kubectl made would stay
        kubectl.run("delete", "-k", str(tmp_path / layer), "--ignore-not-found")


def test_the_status_names_what_a_layer_does_not_hold(job: Job, kubectl: Kubectl) -> None:
    job("remove_gpu_cluster_hardening")
    job("harden_gpu_cluster")
    shown = job("status_gpu_cluster").stdout
    assert [layer for layer in (*RENDERED, "gpu_nodes") if layer not in shown] == []
    assert " no " not in shown
    assert "kubernetes-admin" in shown
    kubectl("delete", "networkpolicy", "default-deny", "-n", "ml-training")
    assert "missing: NetworkPolicy ml-training/default-deny" in job("status_gpu_cluster").stdout


def test_a_roll_back_of_one_layer_brings_back_what_it_was(job: Job, kubectl: Kubectl) -> None:
    rule = {"namespace": "debugging", "pods": {"app": "debugger"}, "ports": [{"port": 8080}]}
    job("harden_gpu_cluster")
    before = kubectl.get("networkpolicy", "allow-serving", "ml-serving")["spec"]
    job("harden_gpu_cluster", "--tags", "network_policies", gpu_cluster_extra_ingress=[rule])
    assert kubectl.get("networkpolicy", "allow-serving", "ml-serving")["spec"] != before
    done = job("rollback_gpu_cluster", layer="network_policies")
    assert recap(done, "one")["changed"] == 1
    assert kubectl.get("networkpolicy", "allow-serving", "ml-serving")["spec"] == before


def test_a_removal_leaves_namespaces_and_nothing_else_and_says_so_in_check_mode_first(
    job: Job, kubectl: Kubectl, audit: AuditLog
) -> None:
    job("harden_gpu_cluster")
    audit.mark()
    predicted = job("remove_gpu_cluster_hardening", "--check")
    assert recap(predicted, "one")["changed"] == 1
    assert audit.requests().writes == []
    job("remove_gpu_cluster_hardening")
    for kind in ("validatingadmissionpolicies", "daemonsets", "networkpolicies", "roles", "configmaps"):
        left = kubectl("get", kind, "-A", "-l", "app.kubernetes.io/part-of=gpu-cluster-hardening")["items"]
        assert [item["metadata"]["name"] for item in left] == [], kind
    nodes = kubectl("get", "nodes", "-l", "node-type=gpu")["items"]
    assert nodes == []
    assert kubectl.get("namespace", "ml-training") is not None
    assert kubectl.get("namespace", HOME) is None
    audit.mark()
    assert recap(job("remove_gpu_cluster_hardening"), "one")["changed"] == 0
    assert audit.requests().writes == []
