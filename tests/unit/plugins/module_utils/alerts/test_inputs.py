# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the role gpu_alerts: what they become, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.inputs import AlertError, alert_inputs
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stages

ROLES = Path(stages.__file__).parents[3] / "roles"


NOT_FOR_RULES = {"state", "format", "namespace", "name", "force"}


def variables(**changed: Any) -> dict[str, Any]:
    """The variables of the role as it hands them to the filter, with some changed."""
    role = yaml.safe_load((ROLES / "gpu_alerts/defaults/main.yml").read_text())
    model = yaml.safe_load((ROLES / "cluster/defaults/main.yml").read_text())
    named = {name.removeprefix("gpu_alerts_"): value for name, value in role.items()}
    return {
        **{name: value for name, value in named.items() if name not in NOT_FOR_RULES},
        "stages": stages.validate(model["gpu_cluster_default_stages"]),
        "node_taints": model["gpu_cluster_node_taints"],
        "node_labels": model["gpu_cluster_node_labels"],
        **changed,
    }


def problems(**changed: Any) -> list[str]:
    with pytest.raises(AlertError) as caught:
        alert_inputs(variables(**changed))
    return caught.value.problems


def test_the_defaults() -> None:
    inputs = alert_inputs(variables())
    assert inputs["gpu_namespaces"] == '"ml-serving|ml-training"'
    assert inputs["foreign_accounts"] == [
        'namespace="ml-serving", service_account!~"model-server"',
        'namespace="ml-training", service_account!~"ml-trainer"',
    ]
    assert inputs["daemon_sets"]["FalcoMissingOnGPUNode"] == ['namespace="falco", created_by_name="falco"']
    assert inputs["node_taints"] == ['key="nvidia.com/gpu"']
    assert inputs["settings"]["UnexpectedGPUUsage"] == {
        "enabled": True,
        "severity": "critical",
        "for": "5m",
        "busy_percent": "0.9",
    }


def test_accounts_of_one_namespace_are_put_together() -> None:
    extra = [{"namespace": "ml-training", "service_account": "a.tuner"}, {"namespace": "x", "service_account": "y"}]
    inputs = alert_inputs(variables(extra_accounts=extra))
    assert inputs["foreign_accounts"][1:] == [
        r'namespace="ml-training", service_account!~"a\\.tuner|ml-trainer"',
        'namespace="x", service_account!~"y"',
    ]


def test_a_setting_changes_nothing_else() -> None:
    settings = alert_inputs(variables(settings={"GPUMiningPattern": {"tensor_percent": 2.5, "enabled": False}}))[
        "settings"
    ]
    assert settings["GPUMiningPattern"] == {
        "enabled": False,
        "severity": "warning",
        "for": "30m",
        "busy_percent": "0.9",
        "tensor_percent": "0.025",
        "memory_percent": "0.05",
    }
    assert settings["GPUXidErrors"]["ignored_xids"] == ["45"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"settings": {"UnexpectedGpuUsage": {"for": "5m"}}},
            "gpu_alerts_settings: no key 'UnexpectedGpuUsage' is known here (did you mean UnexpectedGPUUsage?)",
        ),
        (
            {"settings": {"UnexpectedGPUUsage": {"bussy_percent": 5}}},
            "gpu_alerts_settings.UnexpectedGPUUsage: no key 'bussy_percent' is known here (did you mean busy_percent?)",
        ),
        (
            {"settings": {"UnexpectedGPUUsage": {"for": "5 minutes"}}},
            "gpu_alerts_settings.UnexpectedGPUUsage.for: '5 minutes' is no duration; "
            "write for instance 30s, 5m or 1h30m",
        ),
        (
            {"settings": {"UnexpectedGPUUsage": {"for": 5}}},
            "gpu_alerts_settings.UnexpectedGPUUsage.for: must be a string, not 5; quote it",
        ),
        (
            {"settings": {"UnexpectedGPUUsage": {"busy_percent": 101}}},
            "gpu_alerts_settings.UnexpectedGPUUsage.busy_percent: must be a number from 0 to 100, not 101",
        ),
        (
            {"settings": {"UnexpectedGPUUsage": {"busy_percent": "most"}}},
            "gpu_alerts_settings.UnexpectedGPUUsage.busy_percent: must be a number from 0 to 100, not 'most'",
        ),
        (
            {"settings": {"UnexpectedGPUUsage": {"busy_percent": True}}},
            "gpu_alerts_settings.UnexpectedGPUUsage.busy_percent: must be a number from 0 to 100, not true",
        ),
        (
            {"settings": {"UnexpectedGPUUsage": {"enabled": "no"}}},
            "gpu_alerts_settings.UnexpectedGPUUsage.enabled: must be true or false, not 'no'",
        ),
        (
            {"settings": {"UnexpectedGPUUsage": {"severity": "very bad"}}},
            "gpu_alerts_settings.UnexpectedGPUUsage.severity: 'very bad' is no severity; "
            "write for instance warning or critical",
        ),
        (
            {"settings": {"GPUXidErrors": {"ignored_xids": ["x45"]}}},
            "gpu_alerts_settings.GPUXidErrors.ignored_xids[0]: must be the number of an XID, not 'x45'",
        ),
        ({"settings": []}, "gpu_alerts_settings: must be a mapping, not a list"),
        ({"gap": "0s"}, "gpu_alerts_gap: '0s' must be longer than nothing"),
        ({"gap": "soon"}, "gpu_alerts_gap: 'soon' is no duration; write for instance 30s, 5m or 1h30m"),
        (
            {"extra_accounts": [{"namespace": "Note_Books", "service_account": "x"}]},
            "gpu_alerts_extra_accounts[0].namespace: namespace 'Note_Books' must be 1 to 63 lower-case letters, digits "
            "or '-', with a letter or digit at both ends",
        ),
        (
            {"extra_accounts": [{"namespace": "notebooks"}]},
            "gpu_alerts_extra_accounts[0]: service_account is missing",
        ),
        (
            {"falco_daemon_sets": []},
            "gpu_alerts_falco_daemon_sets: names none; without any, "
            "disable FalcoMissingOnGPUNode in gpu_alerts_settings",
        ),
        ({"labels": {"severity": "page"}}, "gpu_alerts_labels: severity is set for each alert by itself"),
        (
            {"labels": {"my-team": "ml"}},
            "gpu_alerts_labels: 'my-team' is no name of a label; use A-Z a-z 0-9 and _, and no __ in front",
        ),
        ({"labels": {"team": 7}}, "gpu_alerts_labels.team: must be a string, not 7; quote it"),
        (
            {"object_labels": {"release": "no spaces"}},
            "gpu_alerts_object_labels: value 'no spaces' of 'release' must be empty, or at most 63 letters, digits, "
            "'-', '_' or '.', with a letter or digit at both ends",
        ),
        ({"runbook_url": "wiki"}, "gpu_alerts_runbook_url: 'wiki' is no address of a page; it begins with https://"),
        ({"extra_rules": {"alert": "X"}}, "gpu_alerts_extra_rules: must be a list, not a mapping"),
        ({"extra_rules": ["X"]}, "gpu_alerts_extra_rules[0]: must be a mapping, not 'X'"),
        ({"extra_rules": [{"alert": "X"}]}, "gpu_alerts_extra_rules[0]: expr is missing"),
        ({"extra_rules": [{"alert": "X", "expr": "  "}]}, "gpu_alerts_extra_rules[0].expr: is empty"),
        ({"extra_rules": [{"expr": "up"}]}, "gpu_alerts_extra_rules[0]: must have either alert or record"),
        (
            {"extra_rules": [{"alert": "X", "expr": "avrg(up)"}]},
            "gpu_alerts_extra_rules[0].expr: there is no function avrg (did you mean avg?)",
        ),
        (
            {"extra_rules": [{"alert": "X", "expr": "up", "annotations": {"summary": "{{ $vlaue }}"}}]},
            "gpu_alerts_extra_rules[0].annotations: summary: there is no variable $vlaue (did you mean $value?)",
        ),
        (
            {"extra_rules": [{"alert": "X", "expr": "up", "labels": {"node": "{{ $labels.node "}}]},
            "gpu_alerts_extra_rules[0].labels: node: '{{ $labels.node ' does not end with }}",
        ),
        (
            {"extra_rules": [{"alert": "X", "record": "x", "expr": "up"}]},
            "gpu_alerts_extra_rules[0]: must have either alert or record",
        ),
        (
            {"extra_rules": [{"alert": "GPUXidErrors", "expr": "up"}]},
            "gpu_alerts_extra_rules[0].alert: GPUXidErrors is an alert of this role; change it in gpu_alerts_settings",
        ),
        (
            {"extra_rules": [{"alert": "X", "expr": "up", "for": "soon"}]},
            "gpu_alerts_extra_rules[0].for: 'soon' is no duration; write for instance 30s, 5m or 1h30m",
        ),
        (
            {"extra_rules": [{"record": "x", "expr": "up", "for": "5m"}]},
            "gpu_alerts_extra_rules[0].for: is for alerts, and this rule records",
        ),
        (
            {"extra_rules": [{"record": "a b", "expr": "up"}]},
            "gpu_alerts_extra_rules[0].record: 'a b' is no name of a metric",
        ),
        (
            {"extra_rules": [{"alert": "X", "expr": "up", "label": {}}]},
            "gpu_alerts_extra_rules[0]: no key 'label' is known here (did you mean labels?)",
        ),
    ],
)
def test_what_is_refused(changed: dict[str, Any], problem: str) -> None:
    assert problems(**changed) == [problem]


def test_all_problems_are_told_at_once() -> None:
    assert len(problems(gap="x", settings={"GPUMemoryExhaustion": {"used_percent": -1}}, runbook_url="x")) == 3


def test_a_daemon_set_is_not_needed_where_its_alert_is_disabled() -> None:
    alert_inputs(variables(falco_daemon_sets=[], settings={"FalcoMissingOnGPUNode": {"enabled": False}}))


def test_an_own_rule_is_kept_as_it_is() -> None:
    rule = {
        "alert": "GPUTooHot",
        "expr": "DCGM_FI_DEV_GPU_TEMP > 90",
        "for": "10m",
        "keep_firing_for": "5m",
        "labels": {"severity": "warning"},
        "annotations": {"summary": "{{ $labels.gpu }}"},
    }
    recording = {"record": "gpu:temperature:max", "expr": "max by (gpu) (DCGM_FI_DEV_GPU_TEMP)"}
    assert alert_inputs(variables(extra_rules=[rule, recording]))["extra_rules"] == [rule, recording]
