# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the inventory that is written for a cluster makes the main job pass, and that no file is overwritten."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_runs import ansible_playbook
from audit_log import AuditLog
from cluster_objects import Json, made
from distributions import DISTRIBUTIONS, pod, spec
from harden_runs import Playbook, recap
from module_runs import ModuleRunner
from sandbox_access import CHECKOUT, Kubectl, Sandbox, clean_environment

SURVEY = str(CHECKOUT / "playbooks" / "survey_gpu_cluster.yml")
REMOVE = str(CHECKOUT / "playbooks" / "remove_gpu_cluster_hardening.yml")
# As YAML, long lines of results are broken.
SHOWN = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
STACK = ("nvidia-device-plugin", "dcgm-exporter", "falco")


@pytest.fixture(scope="module")
def bare(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The sandbox without any layer, before and after."""
    remove = Playbook(tmp_path_factory.mktemp("remove"))
    assert remove({"one": sandbox.kubeconfig}, playbook=REMOVE).returncode == 0
    yield sandbox.kubectl
    assert remove({"one": sandbox.kubeconfig}, playbook=REMOVE).returncode == 0
    sandbox.kubectl.run("delete", "namespace", *STACK, "--ignore-not-found")


@contextmanager
def distribution(kubectl: Kubectl, name: str) -> Iterator[None]:
    """The sandbox with what a distribution leaves in a cluster."""
    items = [served(item) for item in DISTRIBUTIONS[name]()]
    for item in sorted(items, key=lambda item: item["kind"] != "Namespace"):
        kubectl("apply", "--server-side", "--force-conflicts", stdin=item)
    try:
        yield
    finally:
        own = [item for item in items if item["metadata"]["name"] != "kube-proxy" or item["kind"] == "DaemonSet"]
        gone = {"apiVersion": "v1", "kind": "List", "items": own}
        kubectl.run("delete", "--ignore-not-found", "--wait=false", "--grace-period=0", "--force", stdin=gone)


def served(item: Json) -> Json:
    """As an API server takes it: it says the status and the address of a Service itself."""
    item = copy.deepcopy(item)
    item.pop("status", None)
    item["spec"] = item.get("spec", {})
    item["spec"].pop("clusterIP", None)
    return item


def names(items: list[Json]) -> set[str]:
    return {item["metadata"]["name"] for item in items}


class Survey:
    """Runs the playbook without an inventory, as somebody does who has none yet."""

    def __init__(self, home: Path, kubectl: Kubectl) -> None:
        self.home, self.kubeconfig = home, kubectl.kubeconfig

    def __call__(self, *options: str) -> subprocess.CompletedProcess[str]:
        given = [f"gpu_cluster_kubeconfig={self.kubeconfig}", "survey_name=metal"]
        return self.run(SURVEY, *options, *(word for each in given for word in ("-e", each)))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment(self.home, {"ANSIBLE_HOME": str(self.home), "PWD": str(self.home), **SHOWN})
        return ansible_playbook(*arguments, environment=environment, cwd=CHECKOUT)

    @property
    def inventory(self) -> Path:
        return self.home / "inventories" / "metal"

    @property
    def variables(self) -> dict[str, Any]:
        text = (self.inventory / "group_vars" / "gpu_clusters.yml").read_text(encoding="utf-8")
        loaded: dict[str, Any] = yaml.safe_load(text)
        return loaded


@pytest.fixture
def survey(tmp_path: Path, bare: Kubectl) -> Survey:
    return Survey(tmp_path, bare)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "kubespray",
            {"gpu_cluster_prometheus": {"namespace": "monitoring", "pods": {"app.kubernetes.io/name": "prometheus"}}},
        ),
        ("RKE2", {"falco_container_sockets": ["/run/k3s/containerd/containerd.sock"]}),
    ],
)
def test_the_main_job_passes_with_what_was_written(
    bare: Kubectl, survey: Survey, audit: AuditLog, name: str, says: dict[str, Any]
) -> None:
    with distribution(bare, name):
        audit.mark()
        written = survey()
        assert written.returncode == 0, written.stdout + written.stderr
        assert audit.requests().writes == []
        assert says.items() <= survey.variables.items()
        done = survey.run("-i", str(survey.inventory), "harden-gpu-cluster.yml")
        assert done.returncode == 0, done.stdout + done.stderr
        assert recap(done, "metal")["failed"] == 0
        gpu_nodes = bare("get", "nodes", "-l", "node-restriction.kubernetes.io/node-type=gpu")["items"]
        with_gpus = bare("get", "nodes", "-l", "nvidia.com/gpu.present=true")["items"]
        assert names(gpu_nodes) == names(with_gpus) != set()
        egress = bare.get("networkpolicy", "allow-training", "ml-training")["spec"]["egress"]
        assert survey.variables["gpu_cluster_dns"]["pods"] in [
            peer["podSelector"]["matchLabels"] for rule in egress for peer in rule["to"] if "podSelector" in peer
        ]


def test_a_file_that_is_there_is_left_and_what_it_would_be_is_shown(survey: Survey) -> None:
    (survey.inventory / "group_vars").mkdir(parents=True)
    kept = survey.inventory / "group_vars" / "gpu_clusters.yml"
    kept.write_text("---\ngpu_cluster_profile: strict\n", encoding="utf-8")
    done = survey()
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept.read_text(encoding="utf-8") == "---\ngpu_cluster_profile: strict\n"
    assert "-gpu_cluster_profile: strict" in done.stdout and "+gpu_cluster_dns:" in done.stdout
    assert f"{kept} is there and was left as it is" in done.stdout
    hosts = yaml.safe_load((survey.inventory / "hosts.yml").read_text(encoding="utf-8"))
    assert hosts["gpu_clusters"]["hosts"]["metal"] == {"gpu_cluster_kubeconfig": str(survey.kubeconfig)}
    again = survey()
    assert recap(again, "localhost")["changed"] == 0


def test_check_mode_writes_no_file(survey: Survey) -> None:
    done = survey("--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (survey.home / "inventories").exists()


def test_pods_that_a_level_would_refuse_are_told_by_the_server(
    bare: Kubectl, run_module: ModuleRunner, audit: AuditLog
) -> None:
    stage = {"name": "one", "namespace": "survey-one", "pod_security": {"enforce": "restricted"}, "pods": {"app": "a"}}
    stage |= {"service_account": {"name": "one"}}
    bare("apply", "--server-side", stdin=made("Namespace", "survey-one"))
    try:
        bare("apply", "--server-side", stdin=served(pod("legacy", "survey-one", spec("registry.internal/a:v1"))))
        audit.mark()
        found = run_module("cluster_survey_info", stages=[stage])["found"]
        assert [one["pod"] for one in found["would_violate"]] == ["legacy"]
        assert "allowPrivilegeEscalation != false" in str(found["would_violate"])
        assert found["without_label"] == ["Pod survey-one/legacy"]
        assert audit.requests().writes == []
        labels = bare.get("namespace", "survey-one")["metadata"]["labels"]
        assert "pod-security.kubernetes.io/enforce" not in labels
    finally:
        bare.run("delete", "namespace", "survey-one", "--wait=false")
