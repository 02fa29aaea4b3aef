# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves where the device plugin runs, that a second run and check mode keep their word, and what is left of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_log import AuditLog
from gpu_stack import TAINT, all_gpu_nodes, gpu_nodes, nodes_of, provided_by_operator, traces
from role_runs import RoleRunner
from sandbox_access import Kubectl

NAME = "nvidia-device-plugin"
MPS = {"device_plugin_sharing": {"mps": {"resources": [{"name": "nvidia.com/gpu", "replicas": 4}]}}}
TOLERATION = {"key": TAINT["key"], "operator": "Exists", "effect": "NoSchedule"}


@pytest.fixture(scope="module")
def run(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleRunner]:
    """Runs the role on a sandbox whose GPU nodes are labelled and tainted."""
    home = tmp_path_factory.mktemp("device_plugin")
    with gpu_nodes(home, kubeconfig):
        yield RoleRunner(home, kubeconfig)


@pytest.fixture
def installed(run: RoleRunner) -> Iterator[RoleRunner]:
    """The device plugin with its defaults, and gone at the end."""
    run("device_plugin")
    yield run
    run("device_plugin", device_plugin_state="absent")


def test_it_runs_on_every_gpu_node_and_on_no_other(installed: RoleRunner, kubectl: Kubectl) -> None:
    # Pods have been made, so admission let them in: their namespace is privileged, and the RuntimeClass exists.
    gpu = all_gpu_nodes(kubectl)
    assert len(gpu) == 8
    assert nodes_of(kubectl, NAME, NAME) == gpu


def test_a_second_run_sends_no_write(installed: RoleRunner, audit: AuditLog) -> None:
    audit.mark()
    again = installed("device_plugin")
    assert not again.changed
    assert audit.requests().writes == []


def test_only_a_new_configuration_rolls_the_pods(installed: RoleRunner, kubectl: Kubectl) -> None:
    def generation() -> int:
        return int(kubectl.get("daemonset", NAME, NAME)["metadata"]["generation"])

    before = generation()
    installed("device_plugin", device_plugin_wait_timeout=200)
    assert generation() == before
    changed = installed("device_plugin", device_plugin_device_id_strategy="index")
    assert generation() == before + 1
    assert changed.counts["configured"] == 2
    config = json.loads(kubectl.get("configmap", NAME, NAME)["data"]["config.yaml"])
    assert config["flags"]["plugin"]["deviceIDStrategy"] == "index"


def test_check_mode_says_what_the_run_then_does(run: RoleRunner, kubectl: Kubectl, audit: AuditLog) -> None:
    audit.mark()
    foretold = run("device_plugin", "--check", "--diff")
    assert audit.requests().writes == []
    assert kubectl.get("namespace", NAME) is None
    done = run("device_plugin")
    assert done.counts == foretold.counts
    assert (done.counts["created"], done.counts["configured"]) == (6, 1)  # the account default comes by itself

    foretold = run("device_plugin", "--check", device_plugin_state="absent")
    assert nodes_of(kubectl, NAME, NAME) == all_gpu_nodes(kubectl)
    assert run("device_plugin", device_plugin_state="absent").counts == foretold.counts


def test_absent_leaves_no_trace(run: RoleRunner, kubectl: Kubectl, audit: AuditLog) -> None:
    run("device_plugin", **MPS)
    names = f"{NAME},nvidia-mps-control-daemon"
    assert {"RuntimeClass/nvidia", f"DaemonSet/{NAME}", f"Namespace/{NAME}"} <= set(traces(kubectl, names))
    run("device_plugin", device_plugin_state="absent")
    assert traces(kubectl, names) == []
    assert kubectl.get("namespace", NAME) is None
    audit.mark()
    assert not run("device_plugin", device_plugin_state="absent").changed
    assert audit.requests().writes == []


def test_a_namespace_that_somebody_else_made_stays(run: RoleRunner, kubectl: Kubectl) -> None:
    kubectl("create", "namespace", NAME)
    try:
        run("device_plugin")
        run("device_plugin", device_plugin_state="absent")
        left = kubectl.get("namespace", NAME)
        assert left is not None and set(left["metadata"]["labels"]) == {"kubernetes.io/metadata.name"}
        assert (
            kubectl("get", "daemonset,configmap,networkpolicy", "-n", NAME, "-l", "app.kubernetes.io/name")["items"]
            == []
        )
    finally:
        kubectl("delete", "namespace", NAME)


def test_mps_comes_with_its_control_daemon_and_goes_with_it(installed: RoleRunner, kubectl: Kubectl) -> None:
    shared = installed("device_plugin", **MPS)
    assert "no hardware isolates the memory of pods that share a GPU" in shared.text
    assert nodes_of(kubectl, NAME, "nvidia-mps-control-daemon") == all_gpu_nodes(kubectl)
    installed("device_plugin")
    assert traces(kubectl, "nvidia-mps-control-daemon") == []
    assert nodes_of(kubectl, NAME, NAME) == all_gpu_nodes(kubectl)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"device_plugin_mig_strategy": "doubled"}, "must be one of: none, single, mixed"),
        ({"device_plugin_device_list_strategy": "cdi"}, "must be one of: cdi-cri, envvar, volume-mounts"),
        (
            {"device_plugin_sharing": {"timeSlicing": {"resources": [{"name": "nvidia.com/gpu", "replicas": 0}]}}},
            "device_plugin_sharing.timeSlicing.resources[0].replicas: 0 shares nothing",
        ),
        ({**MPS, "device_plugin_mig_strategy": "single"}, "MPS does not work on MIG devices"),
        ({"device_plugin_node_selector": {}}, "must not be empty, as that selects every node"),
        ({"device_plugin_image": {"repository": "nvidia/x", "tag": "v1"}}, "'nvidia/x' names no registry"),
        (
            {"device_plugin_image": {"repository": "nvcr.io/nvidia/k8s-device-plugin", "tag": "v0.17.2"}},
            "'v0.17.2' is older than 0.17.3",
        ),
        ({"device_plugin_registry": "https://registry"}, "is no registry"),
    ],
)
def test_wrong_settings_are_refused_and_nothing_is_written(
    run: RoleRunner, kubectl: Kubectl, audit: AuditLog, variables: dict[str, Any], message: str
) -> None:
    audit.mark()
    failed = run.attempt("device_plugin", **variables)
    assert failed.returncode != 0
    assert message in failed.text
    assert audit.requests().writes == []
    assert kubectl.get("namespace", NAME) is None


def test_an_old_version_is_accepted_if_the_user_says_so(run: RoleRunner) -> None:
    old = {"repository": "nvcr.io/nvidia/k8s-device-plugin", "tag": "v0.17.2"}
    run("device_plugin", "--check", device_plugin_image=old, device_plugin_image_allow_below_floor=True)


def test_a_missing_runtime_class_is_found_before_pods_hang(run: RoleRunner, audit: AuditLog) -> None:
    audit.mark()
    failed = run.attempt(
        "device_plugin", device_plugin_create_runtime_class=False, device_plugin_runtime_class="nowhere"
    )
    assert failed.returncode != 0
    assert "there is no RuntimeClass nowhere." in failed.text
    assert audit.requests().writes == []


@pytest.fixture
def operator(kubectl: Kubectl, namespace: str) -> Iterator[str]:
    """A namespace in which the GPU Operator runs its device plugin, without a toleration."""
    image = "nvcr.io/nvidia/k8s-device-plugin:v0.19.3"
    with provided_by_operator(kubectl, "nvidia-device-plugin-daemonset", namespace, image):
        yield namespace


def test_a_plugin_of_the_gpu_operator_is_adopted_and_its_missing_toleration_told(
    run: RoleRunner, operator: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    audit.mark()
    adopted = run("device_plugin")
    assert audit.requests().writes == []
    assert kubectl.get("namespace", NAME) is None
    assert f"DaemonSet {operator}/nvidia-device-plugin-daemonset (the GPU Operator, v0.19.3) provides" in adopted.text
    assert "does not tolerate nvidia.com/gpu=true:NoSchedule" in adopted.text
    patch = {"spec": {"template": {"spec": {"tolerations": [TOLERATION]}}}}
    kubectl("patch", "daemonset", "nvidia-device-plugin-daemonset", "-n", operator, "-p", json.dumps(patch))
    assert "does not tolerate" not in run("device_plugin").text


def test_a_plugin_of_another_can_be_an_error_or_be_ignored(
    run: RoleRunner, operator: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    audit.mark()
    failed = run.attempt("device_plugin", device_plugin_existing="fail")
    assert failed.returncode != 0
    assert f"There already is {operator}/nvidia-device-plugin-daemonset (device_plugin)." in failed.text
    assert audit.requests().writes == []
    run("device_plugin", device_plugin_existing="ignore")
    assert nodes_of(kubectl, NAME, NAME) == all_gpu_nodes(kubectl)
    assert "This collection has applied one, too" in run("device_plugin").text
    run("device_plugin", device_plugin_state="absent")
