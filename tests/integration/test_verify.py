# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what the verification says of a cluster before and after the main job, and that it leaves no trace there."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import KINDS
from audit_log import AuditLog
from harden_runs import Playbook, recap
from module_runs import ModuleRunner
from rights import FORBIDDEN, asked, parts
from sandbox_access import CHECKOUT, Kubectl, Sandbox

VERIFY = str(CHECKOUT / "playbooks" / "verify_gpu_cluster.yml")
REMOVE = str(CHECKOUT / "playbooks" / "remove_gpu_cluster_hardening.yml")
# docs/verify.md says why. These are waived in these tests: the nodes are simulated.
SIMULATED = ("GPU-NET-009",)
WAIVERS = [{"id": name, "reason": "It is simulated.", "owner": "tests", "expires": "2099-12-31"} for name in SIMULATED]
REMAINS = {"GPU-ADM-002", "GPU-USE-012", "GPU-IMG-004", "GPU-SEC-004", "GPU-NODE-003"}
BEFORE = {"GPU-NODE-001", "GPU-RUN-001", "GPU-CMP-001", "GPU-OBS-001", "GPU-OBS-005", "GPU-ADM-001", "GPU-DRIFT-007"}
LAYERS = (
    *("admission_policies", "dcgm_exporter", "device_plugin", "falco", "gpu_alerts", "gpu_nodes"),
    *("network_policies", "pod_security", "rbac"),
)
STATUS = str(CHECKOUT / "playbooks" / "status_gpu_cluster.yml")
READER = CHECKOUT / "docs" / "examples" / "rights" / "reader"
AS_READER = {
    "gpu_cluster_impersonate_user": "auditor",
    "gpu_cluster_impersonate_groups": ["gpu-cluster-hardening-readers"],
}
STACK = ("nvidia-device-plugin", "dcgm-exporter", "falco")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    return Playbook(tmp_path_factory.mktemp("verify"))


@pytest.fixture(scope="module")
def before(sandbox: Sandbox, run: Playbook) -> dict[str, Any]:
    """The report of a cluster whose stages have namespaces and nothing else, and how the run ended."""
    assert run({"one": sandbox.kubeconfig}, playbook=REMOVE).returncode == 0
    sandbox.kubectl.run("delete", "namespace", *STACK, "--ignore-not-found")
    for name in ("ml-training", "ml-serving", "ml-monitoring"):
        sandbox.kubectl.run("create", "namespace", name)
    done = run({"one": sandbox.kubeconfig}, playbook=VERIFY, verify_report_directory=str(run.home / "before"))
    return {"done": done, "path": run.home / "before" / "one.json"}


@pytest.fixture(scope="module")
def hardened(before: dict[str, Any], sandbox: Sandbox, run: Playbook) -> Iterator[Kubectl]:
    """The sandbox after the main job; all is taken away at the end."""
    done = run({"one": sandbox.kubeconfig})
    assert done.returncode == 0, done.stdout + done.stderr
    yield sandbox.kubectl
    assert run({"one": sandbox.kubeconfig}, playbook=REMOVE).returncode == 0
    sandbox.kubectl.run("delete", "namespace", *STACK, "--ignore-not-found")


def verify(run: Playbook, sandbox: Sandbox, **variables: Any) -> tuple[Any, dict[str, Any]]:
    folder = run.home / "reports"
    given = {"verify_report_directory": str(folder), "verify_waivers": WAIVERS, **variables}
    done = run({"one": sandbox.kubeconfig}, playbook=VERIFY, **given)
    return done, json.loads((folder / "one.json").read_text(encoding="utf-8"))


def statuses(report: dict[str, Any], status: str) -> set[str]:
    return {check["id"] for check in report["checks"] if check["status"] == status}


def test_what_remains_is_what_the_docs_say() -> None:
    text = (CHECKOUT / "docs" / "verify.md").read_text(encoding="utf-8")
    section = text.partition("these remain, and are meant:")[2].partition("## ")[0]
    assert set(re.findall(r"GPU-[A-Z]+-\d{3}", section)) == {*REMAINS, *SIMULATED}


def test_before_the_main_job_it_fails_and_says_what_to_do(before: dict[str, Any]) -> None:
    done = before["done"]
    report = json.loads(before["path"].read_text(encoding="utf-8"))
    assert done.returncode != 0 and recap(done, "one")["failed"] == 1
    assert report["summary"]["status"] == "fail"
    assert statuses(report, "fail") >= BEFORE
    assert "high GPU-NODE-001 GPU nodes have the taint" in done.stdout
    assert "role gpu_nodes, variable gpu_cluster_node_taints" in done.stdout
    assert before["path"].stat().st_mode & 0o777 == 0o600


def test_after_it_only_what_is_written_down_remains(hardened: Kubectl, sandbox: Sandbox, run: Playbook) -> None:
    done, report = verify(run, sandbox)
    assert done.returncode == 0, done.stdout
    assert statuses(report, "fail") == REMAINS
    assert statuses(report, "unknown") == set()
    assert {layer["name"]: layer["holds"] for layer in report["layers"]} == dict.fromkeys(LAYERS, True)
    refused = Counter(
        probe["object"]["namespace"]
        for probe in report["probes"]
        if probe["expected"] == "refused" and not probe["what"].startswith("account ")
    )
    assert min(refused[name] for name in ("ml-training", "ml-serving", "ml-monitoring")) >= 40
    assert [probe for probe in report["probes"] if probe["got"] != probe["expected"]] == []


def test_reports_of_all_clusters_are_written_before_the_first_fails(
    hardened: Kubectl, sandbox: Sandbox, run: Playbook, tmp_path: Path
) -> None:
    formats = ["json", "html", "markdown", "junit", "sarif", "ctrf", "openreports"]
    given = {"verify_report_directory": str(tmp_path), "verify_formats": formats, "verify_probes": False}
    clusters = {"one": sandbox.kubeconfig, "two": sandbox.kubeconfig}
    done = run(clusters, playbook=VERIFY, **given)
    assert done.returncode != 0 and "GPU-NET-009" in done.stdout
    endings = ("json", "html", "md", "junit.xml", "sarif", "ctrf.json", "openreports.json")
    written = {f"{name}.{ending}" for name in clusters for ending in endings}
    assert {path.name for path in tmp_path.iterdir()} == {*written, "_fleet.html"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    page = (tmp_path / "_fleet.html").read_text(encoding="utf-8")
    assert ">one<" in page and ">two<" in page
    # What a stage may reach is there before anything runs in it.
    report = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    serving = next(group["name"] for group in report["matrix"]["groups"] if group["namespace"] == "ml-serving")
    leaving = [cell for cell in report["matrix"]["cells"] if cell["from"] == serving and cell["allowed"]]
    assert {policy for cell in leaving for policy in cell["egress_by"]} == {"ml-serving/allow-serving"}


@contextmanager
def kubelet(kubectl: Kubectl, letters: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
    """Ends the pods that try connections, as a kubelet does once their program has: nodes here run no program.

    Args:
        kubectl: the cluster.
        letters: by namespace, what is said of each connection.
    """
    seen: list[dict[str, Any]] = []
    done = Event()

    def look() -> None:
        while not done.is_set():
            for namespace, letter in letters.items():
                for item in kubectl("get", "pods", "-n", namespace)["items"]:
                    name, status = item["metadata"]["name"], item.get("status", {})
                    if not name.startswith("verify-connections-") or status.get("phase") != "Running":
                        continue
                    seen.append(item)
                    plan = json.loads(item["spec"]["containers"][0]["command"][3])
                    message = json.dumps({"results": letter * len(plan["targets"])})
                    ended = {"exitCode": 0, "reason": "Completed", "message": message}
                    (was,) = status["containerStatuses"]
                    now = {**was, "ready": False, "state": {"terminated": ended}}
                    body = {"status": {"phase": "Succeeded", "containerStatuses": [now]}}
                    words = ("--subresource=status", "--type=merge", "-p", json.dumps(body))
                    kubectl.run("patch", "pod", name, "-n", namespace, *words)
            done.wait(0.5)

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join(30)


def test_what_pods_of_the_stages_reach_counts_in_place_of_what_was_computed(
    hardened: Kubectl, sandbox: Sandbox, run: Playbook
) -> None:
    image = "registry.internal/python@sha256:" + "0" * 64
    with kubelet(hardened, {"ml-training": "o", "ml-serving": "s"}) as pods:
        _done, report = verify(run, sandbox, verify_probes=False, verify_live_image=image, verify_live_seconds=15)
    assert {pod["metadata"]["namespace"] for pod in pods} == {"ml-training", "ml-serving"}
    assert all(name not in hardened.names("pod", "ml-training") for name in {p["metadata"]["name"] for p in pods})
    (check,) = [check for check in report["checks"] if check["id"] == "GPU-PROOF-006"]
    # Of the third stage nothing is known, so not all of it can have passed.
    assert check["status"] == "unknown" and "ml-monitoring" in check["detail"]
    assert hardened("get", "pods", "-n", "ml-monitoring")["items"] == []
    reached = {
        cell["to"]
        for cell in report["matrix"]["cells"]
        if cell["from"].startswith("ml-training") and {"port": 53, "end_port": None, "protocol": "TCP"} in cell["ports"]
    }
    tried = [probe for probe in report["probes"] if probe["what"].startswith("connection from ml-training")]
    assert tried and {probe["got"] for probe in tried} == {"allowed"}
    assert {"allowed", "refused"} == {probe["expected"] for probe in tried} and reached


def test_it_writes_nothing_and_lists_each_kind_once(
    hardened: Kubectl, sandbox: Sandbox, run: Playbook, audit: AuditLog
) -> None:
    audit.mark()
    done, report = verify(run, sandbox)
    requests = audit.requests()
    assert requests.writes == []
    assert recap(done, "one")["changed"] == 0
    lists = Counter(request.resource for request in requests.all if request.verb == "list")
    # Those with the label of a layer, and those that the layers keep of themselves.
    assert lists.pop("configmaps") == 2
    assert set(lists.values()) == {1}
    assert len(requests.all) == report["requests"]


def test_files_of_kubectl_tell_the_same(hardened: Kubectl, run_module: ModuleRunner, tmp_path: Path) -> None:
    for kind in KINDS:
        name = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
        got = hardened.run("get", name, "-A", "--show-managed-fields")
        text = got.stdout if got.returncode == 0 else json.dumps({"kind": "List", "apiVersion": "v1", "items": []})
        (tmp_path / f"{kind.plural}.json").write_text(text, encoding="utf-8")
    (tmp_path / "version.json").write_text(hardened.run("version", "-o", "json").stdout, encoding="utf-8")
    settings = stages_of_the_role()
    of_api = run_module("cluster_audit_info", name="one", probes=False, **settings)["report"]
    of_folder = run_module("cluster_audit_info", name="one", folder=str(tmp_path), **settings)["report"]
    assert of_folder["checks"] == of_api["checks"]
    assert of_folder["layers"] == of_api["layers"]
    assert of_folder["matrix"] == of_api["matrix"] != {"groups": [], "cells": []}
    assert (of_folder["cluster"]["uid"], of_folder["source"]) == (of_api["cluster"]["uid"], "folder")


def stages_of_the_role() -> dict[str, Any]:
    defaults = yaml.safe_load((CHECKOUT / "roles/cluster/defaults/main.yml").read_text(encoding="utf-8"))
    return {
        "stages": defaults["gpu_cluster_default_stages"],
        "taints": defaults["gpu_cluster_node_taints"],
        "node_labels": defaults["gpu_cluster_node_labels"],
    }


def test_who_may_list_nothing_learns_nothing(hardened: Kubectl, run_module: ModuleRunner) -> None:
    done = run_module("cluster_audit_info", name="one", impersonate_user="nobody", **stages_of_the_role())
    report = done["report"]
    assert statuses(report, "pass") == {"GPU-PROOF-005"}  # that no waiver is over
    assert report["summary"]["status"] == "fail"
    assert "Nothing of one could be judged" in done["complaint"]
    assert statuses(report, "fail") == set()
    assert "may not list nodes" in next(c["detail"] for c in report["checks"] if c["id"] == "GPU-NODE-001")


def test_what_somebody_changed_is_named_with_who_did_it(hardened: Kubectl, sandbox: Sandbox, run: Playbook) -> None:
    hardened("delete", "networkpolicy", "default-deny", "-n", "ml-training")
    patch = json.dumps({"spec": {"egress": [{}]}})
    hardened("patch", "networkpolicy", "allow-serving", "-n", "ml-serving", "--type=merge", "-p", patch)
    hardened("taint", "node", "gpu-a100-0", "nvidia.com/gpu-")
    try:
        done, report = verify(run, sandbox)
    finally:
        healed = run({"one": sandbox.kubeconfig}, "--tags", "network_policies,gpu_nodes", gpu_cluster_force=True)
        assert healed.returncode == 0, healed.stdout
    assert done.returncode != 0
    found = {check["id"]: check["findings"] for check in report["checks"]}
    assert [one["object"]["name"] for one in found["GPU-DRIFT-001"]] == ["default-deny"]
    changed = {one["object"]["name"]: one for one in found["GPU-DRIFT-002"]}
    assert set(changed) == {"allow-serving", "gpu-a100-0"}
    assert (changed["allow-serving"]["field"], changed["allow-serving"]["value"]) == ("spec.egress", "kubectl-patch")
    assert statuses(report, "fail") >= {"GPU-NET-001", "GPU-NET-003", "GPU-NODE-001"}


def test_with_the_published_rights_of_readers_all_passes_and_none_is_too_many(
    hardened: Kubectl, sandbox: Sandbox, run: Playbook, audit: AuditLog
) -> None:
    """Verification, status and check mode of the main job: nothing is forbidden, and each right was asked for."""
    clusters = {"one": sandbox.kubeconfig}
    hardened.run("apply", "-f", str(READER))
    audit.mark()
    try:
        _done, report = verify(run, sandbox, verify_probes=False, **AS_READER)
        runs = [run(clusters, playbook=STATUS, **AS_READER), run(clusters, "--check", **AS_READER)]
        requests = audit.requests().all
    finally:
        hardened.run("delete", "-f", str(READER))
    assert [done.returncode for done in runs] == [0, 0], [done.stdout + done.stderr for done in runs]
    assert [recap(done, "one")["changed"] for done in runs] == [0, 0]
    assert statuses(report, "unknown") == set()
    assert [request.uri for request in requests if request.code == FORBIDDEN] == []
    role = yaml.safe_load((READER / "cluster_role.yaml").read_text(encoding="utf-8"))
    assert set(parts(role["rules"])) == asked(requests)
