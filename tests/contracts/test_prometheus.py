# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role gpu_alerts renders is a rule file that Prometheus reads, in every PromQL and template of it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from accepted import schema, violations
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.promql_syntax import expression_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.rule_templates import template_problem

CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "numbers": {
        "gpu_alerts_settings": {
            "UnexpectedGPUUsage": {"busy_percent": 0, "for": "0"},
            "GPUMiningPattern": {"busy_percent": 100, "tensor_percent": 0.5, "memory_percent": 1e-3},
            "GPUXidErrors": {"ignored_xids": []},
        },
        "gpu_alerts_gap": "1h30m",
    },
    "labels": {"gpu_alerts_labels": {"team": "1e3", "note": "null", "empty": "", "tricky": "a: b #c"}},
    "no stage has a GPU": {
        "gpu_cluster_stages": [
            {
                "name": "monitoring",
                "namespace": "ml-monitoring",
                "service_account": {"name": "ml-monitor"},
                "pods": {"app": "ml-monitor"},
            }
        ]
    },
    "no taints, no labels": {"gpu_alerts_node_taints": [], "gpu_alerts_node_labels": {}},
    "odd names": {
        "gpu_alerts_extra_accounts": [{"namespace": "a-1", "service_account": "x.y.z"}],
        "gpu_alerts_node_labels": {"example.com/gpu-node": "a.b_c", "camelCase": "1e3", "empty": ""},
        "gpu_alerts_falco_daemon_sets": [{"namespace": "f", "name": "falco.v2"}],
    },
    "own rules": {
        "gpu_alerts_extra_rules": [
            {
                "alert": "Hot",
                "expr": "DCGM_FI_DEV_GPU_TEMP > 90",
                "for": "10m",
                "keep_firing_for": "5m",
                "labels": {"severity": "warning"},
                "annotations": {"summary": "hot"},
            },
            {"record": "gpu:temperature:max", "expr": "max(DCGM_FI_DEV_GPU_TEMP)"},
        ]
    },
}
RULES = schema("programs/prometheus-rules.json")


@pytest.fixture(scope="module")
def rendered(render_role: Any) -> dict[str, Any]:
    return render_role("gpu_alerts", CASES)


def rule_files(objects: dict[str, Any]) -> list[Any]:
    """What Prometheus reads: the text of each ConfigMap, and what the operator makes of each PrometheusRule."""
    texts = [text for item in objects["config_map"] for text in item["data"].values()]
    return [*map(yaml.safe_load, texts), *(item["spec"] for item in objects["prometheus_rule"])]


@pytest.mark.parametrize("case", CASES)
def test_prometheus_reads_every_file(rendered: dict[str, Any], case: str) -> None:
    found = rule_files(rendered[case])
    assert len(found) == (4 if case == "own rules" else 2)
    for content in found:
        assert violations(content, RULES) == []


@pytest.mark.parametrize("case", CASES)
def test_every_expression_and_template_is_right(rendered: dict[str, Any], case: str) -> None:
    rules = [rule for content in rule_files(rendered[case]) for group in content["groups"] for rule in group["rules"]]
    assert {rule["expr"]: expression_problem(rule["expr"]) for rule in rules if expression_problem(rule["expr"])} == {}
    texts = [text for rule in rules for part in ("labels", "annotations") for text in rule.get(part, {}).values()]
    assert {text: template_problem(text) for text in texts if template_problem(text)} == {}


@pytest.mark.parametrize(
    "rule",
    [
        {"alert": "A", "expr": "up", "for": 5},
        {"alert": "A", "expr": "up", "labels": {"severity": None}},
        {"alert": "A", "expr": "up", "label": {}},
        {"alert": "A", "record": "a", "expr": "up"},
        {"alert": "A", "expr": None},
    ],
)
def test_the_contract_refuses_what_prometheus_refuses(rule: dict[str, Any]) -> None:
    assert violations({"groups": [{"name": "g", "rules": [rule]}]}, RULES) != []
