# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the role ``falco`` against the API server. kwok makes its pods Ready; Falco itself does not run here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from audit_log import AuditLog
from gpu_stack import all_gpu_nodes, gpu_nodes, nodes_of, traces
from role_runs import RoleRunner
from sandbox_access import CHECKOUT, Kubectl

ML_RULES = (CHECKOUT / "roles" / "falco" / "files" / "ml_rules.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run_role(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> RoleRunner:
    return RoleRunner(tmp_path_factory.mktemp("falco"), kubeconfig)


@pytest.fixture(scope="module")
def installed(
    kubectl: Kubectl, kubeconfig: Path, run_role: RoleRunner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubectl]:
    """The sandbox with labelled GPU nodes and Falco; both are taken away at the end."""
    with gpu_nodes(tmp_path_factory.mktemp("nodes"), kubeconfig):
        run_role("falco")
        yield kubectl
        run_role("falco", falco_state="absent")


def written_rules(kubectl: Kubectl) -> dict[str, str]:
    data: dict[str, str] = kubectl.get("configmap", "falco-rules", "falco")["data"]
    return data


def template(kubectl: Kubectl) -> Any:
    return kubectl.get("daemonset", "falco", "falco")["spec"]["template"]


def test_it_runs_on_every_gpu_node_and_on_no_other(installed: Kubectl) -> None:
    assert nodes_of(installed, "falco", "falco") == all_gpu_nodes(installed)
    status = installed.get("daemonset", "falco", "falco")["status"]
    assert (status["numberAvailable"], status["updatedNumberScheduled"]) == (8, 8)


def test_it_has_three_capabilities_and_no_token(installed: Kubectl) -> None:
    spec = template(installed)["spec"]
    security = spec["containers"][0]["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"], "add": ["BPF", "PERFMON", "SYS_PTRACE"]}
    assert (security["privileged"], security["allowPrivilegeEscalation"]) == (False, False)
    assert spec["automountServiceAccountToken"] is False
    who = "--as=system:serviceaccount:falco:falco"
    for verb, resource in (("get", "pods"), ("list", "secrets"), ("get", "nodes"), ("create", "pods")):
        assert installed.run("auth", "can-i", verb, resource, "-A", who).stdout.strip() == "no"


def test_it_tells_ready_from_alive_and_its_namespace_tells_whoever_else_comes(installed: Kubectl) -> None:
    (container,) = template(installed)["spec"]["containers"]
    paths = [container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")]
    assert paths == ["/metrics", "/healthz"]
    labels = installed.get("namespace", "falco")["metadata"]["labels"]
    levels = [labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")]
    assert levels == ["privileged", "restricted", "restricted"]


def test_only_prometheus_reaches_it_and_it_reaches_nothing(installed: Kubectl) -> None:
    deny = installed.get("networkpolicy", "default-deny", "falco")["spec"]
    assert (deny["podSelector"], sorted(deny["policyTypes"])) == ({}, ["Egress", "Ingress"])
    allow = installed.get("networkpolicy", "allow-falco", "falco")["spec"]
    (rule,) = allow["ingress"]
    assert rule["ports"] == [{"port": 8765, "protocol": "TCP"}]
    assert rule["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ml-monitoring"}},
            "podSelector": {"matchLabels": {"app": "ml-monitor"}},
        }
    ]
    assert not allow.get("egress")


def test_the_rules_arrive_as_they_are(installed: Kubectl) -> None:
    rules = written_rules(installed)
    assert list(rules) == ["05-stock-rules.yaml", "10-ml-rules.yaml", "20-site-rules.yaml"]
    assert rules["10-ml-rules.yaml"] == ML_RULES
    configuration = yaml.safe_load(installed.get("configmap", "falco-config", "falco")["data"]["falco.yaml"])
    assert configuration["rule_matching"] == "all"
    assert configuration["rules_files"] == ["/etc/falco/falco_rules.yaml", "/etc/falco/rules.d"]
    assert configuration["json_output"] is True


def test_a_second_run_writes_nothing(installed: Kubectl, run_role: RoleRunner, audit: AuditLog) -> None:
    audit.mark()
    assert not run_role("falco").changed
    assert audit.requests().writes == []


def test_pods_are_replaced_when_the_rules_change_and_only_then(installed: Kubectl, run_role: RoleRunner) -> None:
    before = template(installed)
    run_role("falco", falco_wait_timeout=301)
    assert template(installed) == before
    changed = run_role("falco", falco_approved_images=["registry.internal/notebook"])
    assert changed.counts == {"unchanged": changed.counts["unchanged"], "configured": 2}
    after = template(installed)
    assert after["metadata"]["annotations"] != before["metadata"]["annotations"]
    assert after["spec"] == before["spec"]
    (approved,) = (
        item["items"]
        for item in yaml.safe_load(written_rules(installed)["20-site-rules.yaml"])
        if item.get("list") == "ml_approved_images"
    )
    assert approved == ["registry.internal/notebook"]
    run_role("falco")
    assert template(installed) == before


def test_check_mode_says_what_the_run_does(installed: Kubectl, run_role: RoleRunner, audit: AuditLog) -> None:
    rule = {"rule": "Mine", "desc": "d", "condition": "ml_spawned", "output": "o", "priority": "WARNING"}
    mine = {"falco_extra_rules": [{"name": "mine.yaml", "content": json.dumps([rule])}]}
    audit.mark()
    predicted = run_role("falco", "--check", "--diff", **mine)
    assert audit.requests().writes == []
    assert "30-mine.yaml" in predicted.output
    done = run_role("falco", **mine)
    assert done.counts == predicted.counts
    assert yaml.safe_load(written_rules(installed)["30-mine.yaml"]) == [rule]
    run_role("falco")


def test_a_trial_is_never_above_notice_and_tells_nobody(installed: Kubectl, run_role: RoleRunner) -> None:
    image = "registry.internal/model-server"
    profile = {"image": image, "programs": ["python3"], "written_folders": ["/tmp"], "networks": []}
    forwarding = "http://sidekick.falco:2801"
    run_role("falco", falco_trial=True, falco_http_output_url=forwarding, falco_image_profiles=[profile])
    items = [item for item in yaml.safe_load(written_rules(installed)["25-trial.yaml"]) if "rule" in item]
    rules = {item["rule"]: item for item in items if "override" in item}
    assert len(items) == len(rules) + 4
    loud = [
        item["rule"] for item in yaml.safe_load(ML_RULES) if item.get("priority") in ("CRITICAL", "ERROR", "WARNING")
    ]
    assert list(rules) == loud + [
        f"{what} outside Profile of {image}" for what in ("Program", "Port", "File", "Network")
    ]
    assert {item["priority"] for item in rules.values()} == {"NOTICE"}
    configuration = yaml.safe_load(installed.get("configmap", "falco-config", "falco")["data"]["falco.yaml"])
    assert (configuration["priority"], "http_output" in configuration) == ("debug", False)
    run_role("falco")


def test_all_nodes_by_option(installed: Kubectl, run_role: RoleRunner) -> None:
    run_role("falco", falco_nodes="all")
    everywhere = sorted(node["metadata"]["name"] for node in installed("get", "nodes")["items"])
    assert nodes_of(installed, "falco", "falco") == everywhere
    run_role("falco")


def test_the_site_s_registry_replaces_the_image_s(installed: Kubectl, run_role: RoleRunner) -> None:
    digest = "sha256:" + "a" * 64
    image = {"repository": "docker.io/falcosecurity/falco", "tag": "0.44.1", "digest": digest}
    run_role("falco", gpu_cluster_registry="mirror.example.com:5000/hub", falco_image=image)
    used = template(installed)["spec"]["containers"][0]["image"]
    assert used == f"mirror.example.com:5000/hub/falcosecurity/falco:0.44.1@{digest}"
    assert "mirror.example.com:5000/hub/nvidia/k8s-device-plugin" in written_rules(installed)["20-site-rules.yaml"]
    run_role("falco")


def test_the_image_is_pinned_to_the_lock(installed: Kubectl, run_role: RoleRunner, tmp_path: Path) -> None:
    digest = "sha256:" + "b" * 64
    lock = {"version": 1, "images": {"docker.io/falcosecurity/falco:0.44.1": {"digest": digest}}}
    (tmp_path / "image-lock.yml").write_text(json.dumps(lock), encoding="utf-8")
    pinned = {"gpu_cluster_image_lock": str(tmp_path / "image-lock.yml"), "gpu_cluster_require_digests": True}
    run_role("falco", **pinned, gpu_cluster_registry="mirror.example.com:5000/hub")
    used = template(installed)["spec"]["containers"][0]["image"]
    assert used == f"mirror.example.com:5000/hub/falcosecurity/falco:0.44.1@{digest}"
    run_role("falco")


RULE = "- rule: Mine\n  desc: d\n  condition: {condition}\n  output: o\n  priority: WARNING\n"


def extra(content: str) -> dict[str, Any]:
    return {"falco_extra_rules": [{"name": "site.yaml", "content": content}]}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param(extra("- rule: [\n"), "30-site.yaml:", id="not YAML"),
        pytest.param(extra(RULE.format(condition="ml_spwned")), "ml_spawned", id="misspelt macro"),
        pytest.param(extra(RULE.format(condition="ml_spawned and proc.nam = x")), "30-site.yaml:3", id="unknown field"),
        pytest.param(
            extra(RULE.format(condition="ml_spawned and not proc.name in (ml_shels)")), "ml_shells", id="misspelt list"
        ),
        pytest.param(
            extra(RULE.replace("Mine", "Terminal shell in container").format(condition="ml_spawned")),
            "Terminal shell in container",
            id="redefines a stock rule",
        ),
        pytest.param({"falco_approved_images": ["ml-trainer"]}, "names no registry", id="image without registry"),
        pytest.param(
            {"falco_image": {"repository": "docker.io/falcosecurity/falco", "tag": "0.40.0"}},
            "falco_image_allow_below_floor",
            id="version below the floor",
        ),
        pytest.param(
            {"gpu_cluster_require_digests": True},
            "falcosecurity/falco:0.44.1 is not in the lock; run the playbook gpu_cluster.hardening.lock_images",
            id="no digest",
        ),
        pytest.param(
            {"gpu_cluster_image_lock": str(CHECKOUT / "galaxy.yml")}, "galaxy.yml: images is missing", id="no lock"
        ),
        pytest.param({"falco_disabled_rules": ["GPU Device Acces"]}, "GPU Device Acces", id="no such rule"),
        pytest.param(
            {"falco_exceptions": [{"rule": "Crypto Miner Started in Container", "name": "image", "values": [["x"]]}]},
            "image",
            id="no such exception",
        ),
        pytest.param({"falco_nodes": "some"}, "gpu, all", id="unknown choice"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(
    installed: Kubectl, run_role: RoleRunner, audit: AuditLog, variables: dict[str, Any], message: str
) -> None:
    audit.mark()
    done = run_role.attempt("falco", **variables)
    assert done.returncode != 0
    assert message in done.text
    assert audit.requests().writes == []


def test_absent_leaves_nothing(installed: Kubectl, run_role: RoleRunner) -> None:
    run_role("falco", falco_state="absent")
    assert installed.get("namespace", "falco") is None
    assert traces(installed, "falco") == []
    run_role("falco")
