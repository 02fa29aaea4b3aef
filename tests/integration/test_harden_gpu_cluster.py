# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the whole job: what it leaves behind, that it is idempotent, and what a fleet and a new stage take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_log import AuditLog
from fault_proxy import faulty_server
from harden_runs import Playbook, recap
from sandbox_access import Kubectl, Sandbox
from waiting import wait_for

EVALUATION = {
    "name": "evaluation",
    "namespace": "ml-evaluation",
    "pod_security": {"enforce": "restricted"},
    "service_account": {"name": "ml-evaluator"},
    "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": ["evaluation"]}],
    "pods": {"app": "evaluation"},
    "egress": ["dns", "data_lake"],
}
STACK = ("admission_policies", "gpu_nodes", "device_plugin", "dcgm_exporter", "falco", "gpu_alerts")
DAEMON_SETS = ("nvidia-device-plugin", "dcgm-exporter", "falco")
POD_POLICIES = ("image_digests", "image_registries", "secrets", "gpu_use", "pods", "placement", "host_access")
POLICIES = (*POD_POLICIES, "rbac", "namespaces", "tampering", "network", "tokens", "nodes")
RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def harden(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    return Playbook(tmp_path_factory.mktemp("harden"))


@pytest.fixture(scope="module")
def hardened(sandbox: Sandbox, harden: Playbook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The sandbox after one run; all but the stages is taken away at the end, as other tests want it bare."""
    done = harden({"one": sandbox.kubeconfig})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ValidatingAdmissionPolicy" not in done.stdout + done.stderr, "the job warns of its own pods"
    yield sandbox.kubectl
    gone = harden({"one": sandbox.kubeconfig}, **{f"{role}_state": "absent" for role in STACK})
    assert gone.returncode == 0, gone.stdout + gone.stderr


def pod(name: str, namespace: str, security: dict[str, Any], **spec: Any) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "registry.internal/ml-trainer@sha256:" + "0" * 64,
        "securityContext": security,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [container], **spec},
    }


def test_a_second_run_changes_nothing_and_sends_no_write_request(
    hardened: Kubectl, sandbox: Sandbox, harden: Playbook, audit: AuditLog
) -> None:
    audit.mark()
    done = harden({"one": sandbox.kubeconfig})
    assert recap(done, "one")["changed"] == 0
    assert audit.requests().writes == []


@pytest.mark.parametrize("name", DAEMON_SETS)
def test_the_gpu_stack_runs_on_every_gpu_node_and_on_no_other(hardened: Kubectl, name: str) -> None:
    gpu_nodes = {node["metadata"]["name"] for node in hardened("get", "nodes", "-l", "node-type=gpu")["items"]}
    pods = hardened("get", "pods", "-n", name, "-l", f"app.kubernetes.io/name={name}")["items"]
    assert len(gpu_nodes) == 8
    assert {pod["spec"]["nodeName"] for pod in pods} == gpu_nodes
    assert hardened.get("daemonset", name, name)["status"]["numberAvailable"] == 8


def test_without_the_prometheus_operator_the_alerts_are_a_rule_file(hardened: Kubectl) -> None:
    rules = hardened.get("configmap", "gpu-security-alerts", "ml-monitoring")["data"]
    assert "alert: UnexpectedGPUUsage" in rules["gpu-security-alerts.yaml"]


@pytest.mark.parametrize(
    ("name", "security", "allowed"),
    [
        ("privileged", {"privileged": True}, False),
        ("root", {**RESTRICTED, "runAsNonRoot": False, "runAsUser": 0}, False),
        ("capable", {**RESTRICTED, "capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}, False),
        ("restricted", RESTRICTED, True),
    ],
)
def test_training_admits_only_restricted_pods(
    hardened: Kubectl, name: str, security: dict[str, Any], allowed: bool
) -> None:
    answer = hardened.run("apply", "--server-side", "--dry-run=server", stdin=pod(name, "ml-training", security))
    assert (answer.returncode == 0) is allowed, answer.stderr
    assert allowed or "violates PodSecurity" in answer.stderr


def test_only_a_pod_with_the_toleration_lands_on_a_gpu_node(hardened: Kubectl) -> None:
    place = {"nodeSelector": {"node-type": "gpu"}}
    toleration = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    tolerant, intolerant = (
        pod("tolerant", "ml-training", RESTRICTED, tolerations=[toleration], **place),
        pod("intolerant", "ml-training", RESTRICTED, **place),
    )
    try:
        for one in (tolerant, intolerant):
            hardened("apply", "--server-side", stdin=one)
        decided = {name: scheduling(hardened, name) for name in ("tolerant", "intolerant")}
        assert decided["tolerant"]["node"].startswith("gpu-")
        assert decided["intolerant"] == {"node": "", "reason": "Unschedulable"}
    finally:
        hardened("delete", "pod", "tolerant", "intolerant", "-n", "ml-training", "--wait=false", "--ignore-not-found")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image": "registry.internal/ml-trainer:v2.1"}, "container main: image"),
        ({"image": "registry.evil/ml-trainer@sha256:" + "0" * 64}, "is not approved here"),
        ({"envFrom": [{"secretRef": {"name": "credentials"}}]}, "envFrom reads a Secret"),
    ],
)
@pytest.mark.parametrize(
    ("namespace", "denied"), [("ml-training", True), ("ml-serving", True), ("ml-monitoring", False)]
)
def test_the_stages_of_the_article_refuse_what_others_are_warned_of(
    hardened: Kubectl, namespace: str, denied: bool, change: dict[str, Any], says: str
) -> None:
    item = pod("canary", namespace, RESTRICTED)
    assert hardened.run("create", "--dry-run=server", stdin=item).returncode == 0
    item["spec"]["containers"][0].update(change)
    answer = hardened.run("create", "--dry-run=server", stdin=item)
    assert (answer.returncode != 0) is denied, answer.stderr
    assert says in answer.stderr
    assert ("denied request" in answer.stderr) is denied


def test_gpus_for_a_namespace_of_no_stage_are_warned_of(hardened: Kubectl) -> None:
    item = pod("canary", "default", {})
    item["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": 1, "cpu": "1", "memory": "1Gi"}}
    answer = hardened.run("create", "--dry-run=server", stdin=item)
    assert answer.returncode == 0
    assert "container main requests nvidia.com/gpu: GPUs are not for namespace default" in answer.stderr


def test_the_gpu_stack_is_admitted_where_every_policy_denies(
    hardened: Kubectl, sandbox: Sandbox, harden: Playbook
) -> None:
    """Made anew under policies that deny in every namespace but those that they exclude by name."""
    strict = {
        "gpu_cluster_profile": "strict",
        "admission_policies_cluster_wide": {policy: ["Deny"] for policy in POD_POLICIES},
    }
    layers = ("device_plugin", "dcgm_exporter", "falco", "gpu_alerts")
    gone = harden(
        {"one": sandbox.kubeconfig}, "--tags", ",".join(layers), **{f"{role}_state": "absent" for role in layers}
    )
    assert gone.returncode == 0, gone.stdout + gone.stderr
    done = harden({"one": sandbox.kubeconfig}, **strict)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ValidatingAdmissionPolicy" not in done.stdout + done.stderr
    for name in DAEMON_SETS:
        assert hardened.get("daemonset", name, name)["status"]["numberAvailable"] == 8
    again = harden({"one": sandbox.kubeconfig}, "--tags", "admission_policies")
    assert again.returncode == 0, again.stdout + again.stderr


def test_a_server_without_admission_policies_is_refused_before_any_change(
    hardened: Kubectl, sandbox: Sandbox, harden: Playbook, audit: AuditLog, tmp_path: Path
) -> None:
    """Unless no policy is wanted. A proxy plays the server: discovery does not name the kinds."""
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    with faulty_server(sandbox.kubeconfig, tmp_path, hidden=kinds) as old:
        path = kubeconfig_of(old.address, tmp_path)
        audit.mark()
        done = harden({"old": path}, gpu_nodes_labels={"node-type": "other"})
        assert recap(done, "old")["failed"] == 1
        assert recap(done, "old")["changed"] == 0
        assert (
            "it does not serve ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1)" in done.stdout + done.stderr
        )
        assert audit.requests().writes == []
        none: dict[str, Any] = {f"admission_policies_{policy}_actions": [] for policy in POLICIES}
        done = harden({"old": path}, admission_policies_cluster_wide={}, **none)
        assert recap(done, "old")["failed"] == 0, done.stdout + done.stderr
        assert recap(done, "old")["changed"] == 1  # no policy is wanted any more, and that is remembered
    assert hardened("get", "validatingadmissionpolicy", "-l", "app.kubernetes.io/name=admission-policies")["items"]
    assert recap(harden({"one": sandbox.kubeconfig}), "one")["changed"] == 1


def kubeconfig_of(address: str, folder: Path) -> Path:
    """A kubeconfig without credentials."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": {"server": address}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
        "users": [{"name": "nobody", "user": {}}],
        "current-context": "proxy",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def scheduling(kubectl: Kubectl, name: str) -> dict[str, str]:
    """Wait for the scheduler's word on a pod."""

    def look() -> dict[str, str]:
        live = kubectl.get("pod", name, "ml-training")
        for condition in live.get("status", {}).get("conditions") or ():
            if condition["type"] == "PodScheduled":
                return {"node": live["spec"].get("nodeName", ""), "reason": condition.get("reason", "")}
        return {}

    return wait_for(look, f"the scheduler looks at pod {name}")


def test_one_more_stage_gets_everything_with_no_other_change(
    hardened: Kubectl, sandbox: Sandbox, harden: Playbook
) -> None:
    stages = "{{ gpu_cluster_default_stages + [" + json.dumps(EVALUATION) + "] }}"
    done = harden({"one": sandbox.kubeconfig}, gpu_cluster_stages=stages)
    assert done.returncode == 0, done.stdout + done.stderr
    labels = hardened.get("namespace", "ml-evaluation")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for account in ("ml-evaluator", "default"):
        assert hardened.get("serviceaccount", account, "ml-evaluation")["automountServiceAccountToken"] is False
    assert {"default-deny", "allow-evaluation"} <= hardened.names("networkpolicy", "ml-evaluation")
    who = "--as=system:serviceaccount:ml-evaluation:ml-evaluator"
    for verb, resource, answer in (("get", "configmaps/evaluation", "yes"), ("list", "secrets", "no")):
        said = hardened.run("auth", "can-i", verb, resource, "-n", "ml-evaluation", who)
        assert said.stdout.strip() == answer
    binding = hardened.get("validatingadmissionpolicybinding", "image-digests-trial.gpu-cluster.hardening")
    (selected,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert selected["values"] == ["ml-monitoring", "ml-evaluation"]
    # The policies know all stages, so they change once more when one is gone.
    back = harden({"one": sandbox.kubeconfig}, "--tags", "admission_policies")
    assert recap(back, "one")["changed"] == 1


def test_a_cluster_that_is_away_does_not_stop_the_others(
    hardened: Kubectl, sandbox: Sandbox, harden: Playbook, tmp_path: Path
) -> None:
    dead = json.loads(hardened.run("config", "view", "--raw", "-o", "json").stdout)
    dead["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "dead").write_text(json.dumps(dead), encoding="utf-8")
    harden({"one": sandbox.kubeconfig})  # a stage that another test added is wanted no more
    done = harden({"away": tmp_path / "dead", "one": sandbox.kubeconfig})
    assert recap(done, "away")["failed"] == 1
    assert "cannot be reached" in done.stdout + done.stderr
    assert recap(done, "one")["failed"] == 0
    assert recap(done, "one")["changed"] == 0


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"gpu_cluster_endpoints": {"data_lake": {"cidr": "10.0.100.0/33"}}}, "10.0.100.0/33"),
        ({"gpu_cluster_stages": [{**EVALUATION, "egress": ["dns", "data_lak"]}]}, "data_lake"),
        ({"gpu_cluster_stages": [{**EVALUATION, "egress": ["data_lake"]}]}, "dns"),
        ({"gpu_cluster_stages": [{**EVALUATION, "namespace": "Not_Valid"}]}, "Not_Valid"),
        ({"gpu_cluster_node_labels": {"node type": "gpu"}}, "node type"),
        ({"gpu_cluster_node_taints": [{"key": "nvidia.com/gpu", "value": "not valid"}]}, "not valid"),
        ({"gpu_nodes_labels": {"node-type": "not valid"}}, "not valid"),
        ({"gpu_nodes_taints": [{"key": "nvidia.com/gpu", "effect": "NoShedule"}]}, "did you mean NoSchedule?"),
        ({"gpu_nodes_type_label": "gpu type"}, "gpu type"),
        ({"gpu_nodes_types": {"gpu-01": "A 100"}}, "A 100"),
        ({"admission_policies_secrets_actions": ["Refuse"]}, "admission_policies_secrets_actions: must be one"),
        ({"admission_policies_trial_stages": ["trainig"]}, "did you mean training?"),
        ({"admission_policies_registries": ["ml-trainer"]}, "is no registry"),
        ({"admission_policies_registries": ["{{ regsitry }}"]}, "'regsitry' is undefined"),
        ({"gpu_cluster_vault_url": "http://10.0.60.7:8200"}, "https"),
        ({"device_plugin_sharing": {"strategy": "timeslicing"}}, "device_plugin_sharing"),
        ({"dcgm_exporter_counters": ["DCGM_FI_DEV_GPU_UTIL"]}, "dcgm_exporter_counters"),
        ({"falco_exceptions": {"No Such Rule": []}}, "falco_exceptions: must be a list"),
        ({"gpu_alerts_settings": {"NoSuchAlert": {}}}, "NoSuchAlert"),
        ({"workloads_training_jobs": [{"name": "train"}]}, "workloads_training_jobs[0]"),
    ],
)
def test_a_wrong_model_is_refused_before_any_request(
    sandbox: Sandbox, harden: Playbook, audit: AuditLog, variables: dict[str, Any], message: str
) -> None:
    audit.mark()
    done = harden({"one": sandbox.kubeconfig}, **variables)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert audit.requests().all == ()
