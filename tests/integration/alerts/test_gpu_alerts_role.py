# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what the role gpu_alerts leaves in a cluster with the Prometheus Operator, and in one without."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alerts.programs import Programs, prometheus_rule_crd
from audit_log import AuditLog
from module_runs import PlaybookRunner
from sandbox_access import Kubectl, Sandbox

NAME = "gpu-security-alerts"
CRD = "prometheusrules.monitoring.coreos.com"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def role(play: PlaybookRunner, sandbox: Sandbox, namespace: str) -> Run:
    """Runs the role in a namespace of the test; options of ansible-playbook first, then variables."""

    def run(*options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        group = "group/gpu_cluster.hardening.cluster"
        include = {"ansible.builtin.include_role": {"name": "gpu_cluster.hardening.gpu_alerts"}}
        task = {"module_defaults": {group: {"kubeconfig": str(sandbox.kubeconfig)}}, "block": [include]}
        given = {"gpu_alerts_namespace": namespace, **variables}
        return play([task], "-e", json.dumps(given), *options)

    return run


@pytest.fixture
def operator(kubectl: Kubectl) -> Iterator[None]:
    """The kind PrometheusRule, as the Prometheus Operator defines it."""
    kubectl.run("apply", "--server-side", "--filename", str(prometheus_rule_crd()))
    kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=60s")
    yield
    kubectl("delete", "crd", CRD)


def changed(done: subprocess.CompletedProcess[str]) -> int:
    """How many tasks changed something, in a run that succeeded."""
    assert done.returncode == 0, done.stdout + done.stderr
    recap = next(line for line in reversed(done.stdout.splitlines()) if line.startswith("localhost"))
    return int(recap.partition("changed=")[2].split()[0])


def config_map(kubectl: Kubectl, namespace: str) -> Any:
    return kubectl.get("configmap", NAME, namespace)


def prometheus_rule(kubectl: Kubectl, namespace: str) -> Any:
    return kubectl.get("prometheusrule", NAME, namespace)


def test_without_the_operator_there_is_a_rule_file_in_a_config_map(
    role: Run, kubectl: Kubectl, namespace: str, audit: AuditLog, programs: Programs, tmp_path: Path
) -> None:
    assert changed(role()) == 1
    data = config_map(kubectl, namespace)["data"]
    rules = tmp_path / f"{NAME}.yaml"
    rules.write_text(data[rules.name], encoding="utf-8")
    assert programs.promtool("check", "rules", "--lint=all", "--lint-fatal", rules).returncode == 0

    audit.mark()
    assert changed(role()) == 0
    assert audit.requests().writes == []

    assert changed(role(gpu_alerts_state="absent")) == 1
    assert config_map(kubectl, namespace) is None


def test_with_the_operator_there_is_a_prometheus_rule_and_nothing_of_the_other_format(
    role: Run, operator: None, kubectl: Kubectl, namespace: str, audit: AuditLog, programs: Programs, tmp_path: Path
) -> None:
    assert changed(role(gpu_alerts_format="config_map")) == 1
    assert prometheus_rule(kubectl, namespace) is None

    assert changed(role(gpu_alerts_object_labels={"release": "stack"})) == 1
    assert config_map(kubectl, namespace) is None
    live = prometheus_rule(kubectl, namespace)
    assert live["metadata"]["labels"]["release"] == "stack"
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(live["spec"]), encoding="utf-8")
    assert programs.promtool("check", "rules", rules).returncode == 0

    audit.mark()
    assert changed(role(gpu_alerts_object_labels={"release": "stack"})) == 0
    assert audit.requests().writes == []

    assert changed(role(gpu_alerts_state="absent")) == 1
    assert prometheus_rule(kubectl, namespace) is None
    assert kubectl.names("configmap", namespace) == {"kube-root-ca.crt"}


@pytest.mark.parametrize("variables", [{}, {"gpu_alerts_format": "config_map"}])
def test_check_mode_says_what_the_run_then_does(
    role: Run, operator: None, kubectl: Kubectl, namespace: str, audit: AuditLog, variables: dict[str, str]
) -> None:
    audit.mark()
    for state in ("present", "absent"):
        predicted = changed(role("--check", "--diff", gpu_alerts_state=state, **variables))
        assert audit.requests().writes == []
        assert changed(role("--diff", gpu_alerts_state=state, **variables)) == predicted == 1
        audit.mark()
    assert config_map(kubectl, namespace) is None
    assert prometheus_rule(kubectl, namespace) is None


def test_a_changed_threshold_changes_the_rules_and_nothing_else(role: Run, kubectl: Kubectl, namespace: str) -> None:
    role()
    before = config_map(kubectl, namespace)
    assert changed(role(gpu_alerts_settings={"UnexpectedGPUUsage": {"busy_percent": 15}})) == 1
    after = config_map(kubectl, namespace)
    old, new = (item["data"][f"{NAME}.yaml"].splitlines() for item in (before, after))
    assert [line.strip() for line in new if line not in old] == [
        "avg_over_time(gpu_cluster:unexpected_pod_gpu_busy:ratio[2m]) > 0.15"
    ]
    assert len(old) == len(new)
    assert before["metadata"]["uid"] == after["metadata"]["uid"]


def test_an_own_rule_keeps_the_braces_of_prometheus(
    role: Run, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    user = tmp_path / "user.yml"
    user.write_text(
        "gpu_alerts_extra_rules:\n"
        "  - alert: GPUTooHot\n"
        "    expr: DCGM_FI_DEV_GPU_TEMP > 90\n"
        '    annotations: {summary: !unsafe "GPU {{ $labels.gpu }} has {{ $value }} degrees"}\n',
        encoding="utf-8",
    )
    assert changed(role("-e", f"@{user}")) == 1
    extra = kubectl.get("configmap", f"{NAME}-extra", namespace)["data"]
    assert "GPU {{ $labels.gpu }} has {{ $value }} degrees" in extra[f"{NAME}-extra.yaml"]
    assert "GPUTooHot" not in config_map(kubectl, namespace)["data"][f"{NAME}.yaml"]


def test_what_somebody_else_made_stays(role: Run, kubectl: Kubectl, namespace: str) -> None:
    role(gpu_alerts_state="absent")  # what the layer has elsewhere
    kubectl("create", "configmap", NAME, "-n", namespace, "--from-literal=mine=1")
    assert changed(role(gpu_alerts_state="absent")) == 0
    assert config_map(kubectl, namespace)["data"] == {"mine": "1"}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"gpu_alerts_format": "prometheus_rule"}, "PrometheusRule"),
        ({"gpu_alerts_format": "rule_file"}, "gpu_alerts_format: must be one of: auto, prometheus_rule"),
        ({"gpu_alerts_namespace": "no-such-namespace"}, "no-such-namespace"),
        ({"gpu_alerts_gap": "soon"}, "gpu_alerts_gap: 'soon' is no duration"),
        (
            {"gpu_alerts_settings": {"UnexpectedGPUUsage": {"busy_percent": 900}}},
            "gpu_alerts_settings.UnexpectedGPUUsage.busy_percent: must be a number from 0 to 100, not 900",
        ),
        (
            {"gpu_alerts_extra_accounts": [{"namespace": "x"}]},
            "missing required arguments: service_account",
        ),
    ],
)
def test_what_is_refused_changes_nothing(
    role: Run, kubectl: Kubectl, namespace: str, audit: AuditLog, variables: dict[str, Any], message: str
) -> None:
    audit.mark()
    done = role(**variables)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert audit.requests().writes == []
