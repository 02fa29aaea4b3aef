# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves where dcgm-exporter runs, who reaches it, that check mode and a second run keep their word, what is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_log import AuditLog
from gpu_stack import all_gpu_nodes, gpu_nodes, nodes_of, provided_by_operator, traces
from role_runs import RoleRunner
from sandbox_access import Kubectl
from waiting import wait_for

NAME = "dcgm-exporter"
UTIL = {"field": "DCGM_FI_DEV_GPU_UTIL", "type": "gauge", "help": "GPU utilization (in %)."}
ENGINE = {"field": "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "type": "gauge", "help": "Busy."}
OPERATOR = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "ServiceMonitor", "plural": "servicemonitors", "singular": "servicemonitor"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                },
            }
        ],
    },
}


@pytest.fixture(scope="module")
def run(kubeconfig: Path, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleRunner]:
    """Runs the role on a sandbox with labelled and tainted GPU nodes and the RuntimeClass of the GPU Operator."""
    home = tmp_path_factory.mktemp("dcgm_exporter")
    runtime_class = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "nvidia"},
        "handler": "nvidia",
    }
    kubectl("create", stdin=runtime_class)
    with gpu_nodes(home, kubeconfig):
        yield RoleRunner(home, kubeconfig)
    kubectl("delete", "runtimeclass", "nvidia")


@pytest.fixture
def installed(run: RoleRunner) -> Iterator[RoleRunner]:
    """The exporter with its defaults, and gone at the end."""
    run("dcgm_exporter")
    yield run
    run("dcgm_exporter", dcgm_exporter_state="absent")


@pytest.fixture
def prometheus_operator(kubectl: Kubectl) -> Iterator[None]:
    """A server that serves ServiceMonitors."""
    kubectl("create", stdin=OPERATOR)
    wait_for(lambda: kubectl.run("get", "servicemonitors", "-A").returncode == 0, "ServiceMonitors are served")
    yield
    kubectl("delete", "crd", "servicemonitors.monitoring.coreos.com")


def test_it_runs_on_every_gpu_node_and_a_second_run_sends_no_write(
    installed: RoleRunner, kubectl: Kubectl, audit: AuditLog
) -> None:
    # Pods have been made, so admission let them in: their namespace is privileged, and the RuntimeClass exists.
    gpu = all_gpu_nodes(kubectl)
    assert len(gpu) == 8
    assert nodes_of(kubectl, NAME, NAME) == gpu
    audit.mark()
    assert not installed("dcgm_exporter").changed
    assert audit.requests().writes == []


def test_only_prometheus_is_let_in(installed: RoleRunner, kubectl: Kubectl) -> None:
    policies = {item["metadata"]["name"]: item["spec"] for item in kubectl("get", "networkpolicy", "-n", NAME)["items"]}
    assert set(policies) == {"default-deny", "allow-prometheus"}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = policies["allow-prometheus"]["ingress"]
    assert rule["ports"] == [{"port": 9400, "protocol": "TCP"}]
    assert rule["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ml-monitoring"}},
            "podSelector": {"matchLabels": {"app": "ml-monitor"}},
        }
    ]


def test_profiling_is_a_choice_that_rolls_the_pods_and_is_warned_of(installed: RoleRunner, kubectl: Kubectl) -> None:
    def capabilities() -> dict[str, Any]:
        spec = kubectl.get("daemonset", NAME, NAME)["spec"]["template"]["spec"]
        return spec["containers"][0]["securityContext"]["capabilities"]

    def generation() -> int:
        return int(kubectl.get("daemonset", NAME, NAME)["metadata"]["generation"])

    assert capabilities() == {"drop": ["ALL"]}
    before = generation()
    profiled = installed("dcgm_exporter", dcgm_exporter_profiling=True)
    assert capabilities() == {"drop": ["ALL"], "add": ["SYS_ADMIN"]}
    assert generation() == before + 1
    assert "the exporter gets the capability SYS_ADMIN" in profiled.text
    assert nodes_of(kubectl, NAME, NAME) == all_gpu_nodes(kubectl)


def test_check_mode_says_what_the_run_then_does(run: RoleRunner, kubectl: Kubectl, audit: AuditLog) -> None:
    audit.mark()
    foretold = run("dcgm_exporter", "--check", "--diff")
    assert audit.requests().writes == []
    assert kubectl.get("namespace", NAME) is None
    done = run("dcgm_exporter")
    assert done.counts == foretold.counts
    assert (done.counts["created"], done.counts["configured"]) == (7, 1)  # the account default comes by itself

    foretold = run("dcgm_exporter", "--check", dcgm_exporter_state="absent")
    assert kubectl.get("daemonset", NAME, NAME) is not None
    assert run("dcgm_exporter", dcgm_exporter_state="absent").counts == foretold.counts


@pytest.mark.usefixtures("prometheus_operator")
def test_a_service_monitor_comes_and_goes_and_absent_leaves_no_trace(
    run: RoleRunner, kubectl: Kubectl, audit: AuditLog
) -> None:
    run("dcgm_exporter", dcgm_exporter_service_monitor_labels={"release": "prometheus"})
    monitor = kubectl.get("servicemonitor", NAME, NAME)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["endpoints"][0]["honorLabels"] is True
    run("dcgm_exporter", dcgm_exporter_service_monitor="never")
    assert kubectl.get("servicemonitor", NAME, NAME) is None
    run("dcgm_exporter")
    assert {f"ServiceMonitor/{NAME}", f"DaemonSet/{NAME}", f"Namespace/{NAME}"} <= set(traces(kubectl, NAME))

    run("dcgm_exporter", dcgm_exporter_state="absent")
    assert traces(kubectl, NAME) == []
    assert kubectl.get("namespace", NAME) is None
    audit.mark()
    assert not run("dcgm_exporter", dcgm_exporter_state="absent").changed
    assert audit.requests().writes == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"dcgm_exporter_counters": [UTIL, ENGINE]}, "DCGM_FI_PROF_GR_ENGINE_ACTIVE needs the capability SYS_ADMIN"),
        ({"dcgm_exporter_counters": [{**UTIL, "field": "util"}]}, "'util' is no field of DCGM"),
        ({"dcgm_exporter_counters": [{**UTIL, "type": "gage"}]}, "must be one of: gauge, counter, label, got: gage"),
        ({"dcgm_exporter_prometheus": {"namespace": "m", "pods": {}}}, "lets every pod of the namespace in"),
        (
            {"dcgm_exporter_image": {"repository": "nvcr.io/nvidia/k8s/dcgm-exporter", "tag": "4.9.0-4.8.1-ubi9"}},
            "'4.9.0-4.8.1-ubi9' is older than 4.8.2, the oldest that is safe (CVE-2026-47483)",
        ),
        ({"dcgm_exporter_service_monitor": "always"}, "no kind ServiceMonitor in monitoring.coreos.com/v1"),
        ({"dcgm_exporter_runtime_class": "nowhere"}, "there is no RuntimeClass nowhere."),
    ],
)
def test_wrong_settings_are_refused_and_nothing_is_written(
    run: RoleRunner, kubectl: Kubectl, audit: AuditLog, variables: dict[str, Any], message: str
) -> None:
    audit.mark()
    failed = run.attempt("dcgm_exporter", **variables)
    assert failed.returncode != 0
    assert message in failed.text
    assert audit.requests().writes == []
    assert kubectl.get("namespace", NAME) is None


def test_an_exporter_of_the_gpu_operator_is_adopted_and_its_missing_toleration_told(
    run: RoleRunner, kubectl: Kubectl, namespace: str, audit: AuditLog
) -> None:
    image = "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless"
    with provided_by_operator(kubectl, "nvidia-dcgm-exporter", namespace, image):
        audit.mark()
        adopted = run("dcgm_exporter")
        assert (
            f"DaemonSet {namespace}/nvidia-dcgm-exporter (the GPU Operator, 4.5.3-4.8.2-distroless) pro" in adopted.text
        )
        assert "does not tolerate nvidia.com/gpu=true:NoSchedule" in adopted.text
        failed = run.attempt("dcgm_exporter", dcgm_exporter_existing="fail")
        assert failed.returncode != 0
        assert f"There already is {namespace}/nvidia-dcgm-exporter (dcgm_exporter). Remove it, or set" in failed.text
        assert audit.requests().writes == []
    assert kubectl.get("namespace", NAME) is None
