# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which settings of dcgm-exporter are refused, what rights the others need, and what the counters become."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.filter import dcgm_exporter as filter_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.dcgm_exporter import OPENED, plan
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils import planned_settings

UTIL = {"field": "DCGM_FI_DEV_GPU_UTIL", "type": "gauge", "help": "GPU utilization (in %)."}
ENGINE = {"field": "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "type": "gauge", "help": "Busy."}
SETTINGS: dict[str, Any] = {
    "counters": [UTIL],
    "counters_csv": "",
    "image_tag": "4.5.3-4.8.2-distroless",
    "profiling": False,
    "profiling_counters": [ENGINE],
    "toolkit_accepts_envvar": True,
    "node_selector": {"node-type": "gpu"},
    "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
    "prometheus": {"namespace": "ml-monitoring", "pods": {"app": "ml-monitor"}},
}


def test_the_defaults_come_to_an_exporter_without_capabilities() -> None:
    assert plan(SETTINGS) == {
        "csv": "DCGM_FI_DEV_GPU_UTIL,gauge,GPU utilization (in %).\n",
        "sys_admin": False,
        "prometheus": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ml-monitoring"}},
            "podSelector": {"matchLabels": {"app": "ml-monitor"}},
        },
        "node_selector": {"node-type": "gpu"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}],
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("change", "sys_admin", "warnings"),
    [
        ({"profiling": True}, True, [OPENED]),
        ({"profiling": True, "profiling_counters": [], "counters": [UTIL, ENGINE]}, True, [OPENED]),
        ({"profiling": True, "profiling_counters": [{**UTIL, "field": "DCGM_FI_DEV_GPU_TEMP"}]}, False, []),
        ({"toolkit_accepts_envvar": False}, True, []),
    ],
)
def test_sys_admin_is_added_only_for_profiling_counters_or_the_toolkit(
    change: dict[str, Any], sys_admin: bool, warnings: list[str]
) -> None:
    planned = plan({**SETTINGS, **change})
    assert (planned["sys_admin"], planned["warnings"]) == (sys_admin, warnings)


@pytest.mark.parametrize(
    ("tag", "refused"),
    [
        ("4.5.3-4.8.2-distroless", True),
        ("4.5.3-4.8.2-ubuntu22.04", True),
        ("4.5.3-4.8.2", True),
        ("4.6.1-4.9.0-distroless", False),
        ("4.5.3-4.8.20", False),
        ("site-build", False),
    ],
)
@pytest.mark.parametrize(
    ("field", "guess"),
    [
        ("DCGM_FI_DEV_GPU_UTILL", " (did you mean DCGM_FI_DEV_GPU_UTIL?)"),
        ("DCGM_EXP_XID_ERROR_COUNT", " (did you mean DCGM_EXP_XID_ERRORS_COUNT?)"),
    ],
)
def test_a_field_that_the_exporter_has_not_is_refused_and_of_other_versions_warned_of(
    tag: str, refused: bool, field: str, guess: str
) -> None:
    settings = {**SETTINGS, "image_tag": tag, "counters": [UTIL, {**UTIL, "field": field}]}
    text = f"{field} is no field of dcgm-exporter 4.8.2"
    if refused:
        with pytest.raises(HardeningError) as caught:
            plan(settings)
        assert f"dcgm_exporter_counters: {text}, which would not start{guess}" in caught.value.message
    else:
        (warning,) = plan(settings)["warnings"]
        assert warning == f"{text}{guess}. If {tag} has none either, the exporter does not start."


FILE = """# Format
# If line starts with a '#' it is considered a comment

DCGM_FI_DEV_SM_CLOCK,  gauge, SM clock frequency (in MHz).
DCGM_FI_DEV_XID_ERRORS,gauge,"Value of the last XID error, if any."
# DCGM_FI_PROF_GR_ENGINE_ACTIVE, gauge, Busy.
DCGM_FI_DRIVER_VERSION, label, Driver Version
"""


def test_a_file_of_the_exporter_counts_instead_of_the_list() -> None:
    assert list(csv.reader(str(plan({**SETTINGS, "counters_csv": FILE})["csv"]).splitlines())) == [
        ["DCGM_FI_DEV_SM_CLOCK", "gauge", "SM clock frequency (in MHz)."],
        ["DCGM_FI_DEV_XID_ERRORS", "gauge", "Value of the last XID error, if any."],
        ["DCGM_FI_DRIVER_VERSION", "label", "Driver Version"],
    ]


def test_counters_survive_the_file_whatever_their_help_says() -> None:
    counters = [
        {**UTIL, "help": 'Used, in "%".'},
        {"field": "DCGM_EXP_XID_ERRORS_COUNT", "type": "counter", "help": "XIDs"},
        {"field": "DCGM_FI_DRIVER_VERSION", "type": "label", "help": "Driver"},
    ]
    text = str(plan({**SETTINGS, "counters": counters, "profiling": True})["csv"])
    assert list(csv.reader(text.splitlines())) == [list(counter.values()) for counter in [*counters, ENGINE]]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"counters": [UTIL, ENGINE]},
            "dcgm_exporter_counters: DCGM_FI_PROF_GR_ENGINE_ACTIVE needs the capability SYS_ADMIN; set "
            "dcgm_exporter_profiling: true for that",
        ),
        ({"counters": []}, "dcgm_exporter_counters: must not be empty"),
        ({"counters_csv": "# none\n"}, "dcgm_exporter_counters_csv: must not be empty"),
        (
            {"counters_csv": "\nDCGM_FI_DEV_GPU_UTIL, gauge, a, b"},
            "dcgm_exporter_counters_csv line 2: has 4 columns, and must have 3",
        ),
        (
            {"counters_csv": "DCGM_FI_DEV_GPU_UTIL, guage, a"},
            "dcgm_exporter_counters_csv line 1: 'guage' is not one of",
        ),
        ({"counters_csv": "GPU_UTIL, gauge, a"}, "dcgm_exporter_counters_csv line 1: 'GPU_UTIL' is no field of DCGM"),
        (
            {"counters_csv": "DCGM_FI_PROF_GR_ENGINE_ACTIVE, gauge, a"},
            "dcgm_exporter_counters_csv: DCGM_FI_PROF_GR_ENGINE_ACTIVE needs the capability SYS_ADMIN",
        ),
        ({"counters_csv": [FILE]}, "dcgm_exporter_counters_csv: must be a string"),
        ({"counters": [UTIL, UTIL]}, "dcgm_exporter_counters: DCGM_FI_DEV_GPU_UTIL is given twice"),
        (
            {"counters": [ENGINE], "profiling": True},
            "dcgm_exporter_counters: DCGM_FI_PROF_GR_ENGINE_ACTIVE is given twice",
        ),
        ({"counters": [{**UTIL, "field": "gpu_util"}]}, "dcgm_exporter_counters[0].field: 'gpu_util' is no field of"),
        ({"counters": [{**UTIL, "type": "guage"}]}, "[0].type: 'guage' is not one of gauge, counter, label (did you"),
        ({"counters": [{**UTIL, "help": "a\nb"}]}, "dcgm_exporter_counters[0].help: must be one line"),
        ({"counters": [{"field": "DCGM_FI_DEV_GPU_UTIL"}]}, "dcgm_exporter_counters[0]: help is missing"),
        ({"counters": ["DCGM_FI_DEV_GPU_UTIL"]}, "dcgm_exporter_counters[0]: must be a mapping"),
        ({"profiling": "yes"}, "dcgm_exporter_profiling: must be true or false"),
        ({"toolkit_accepts_envvar": None}, "dcgm_exporter_toolkit_accepts_envvar: must be true or false"),
        ({"node_selector": {}}, "dcgm_exporter_node_selector: must not be empty"),
        ({"taints": [{"key": "a b"}]}, "dcgm_exporter_taints[0]: key 'a b'"),
        ({"prometheus": {"namespace": "m"}}, "dcgm_exporter_prometheus: pods is missing"),
        (
            {"prometheus": {"namespace": "m", "pods": {}}},
            "dcgm_exporter_prometheus.pods: must not be empty, as that lets every pod of the namespace in",
        ),
        ({"prometheus": {"namespace": "M", "pods": {"a": "b"}}}, "dcgm_exporter_prometheus.namespace: namespace 'M'"),
        ({"prometheus": {"namespace": "m", "pods": {"a b": "c"}}}, "dcgm_exporter_prometheus.pods: key 'a b'"),
    ],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        plan({**SETTINGS, **change})
    assert problem in caught.value.message


def test_the_default_counters_have_what_alerts_need() -> None:
    roles = Path(filter_module.__file__).parents[2] / "roles"
    defaults = yaml.safe_load((roles / "dcgm_exporter/defaults/main.yml").read_text())
    fields = {counter["field"] for counter in defaults["dcgm_exporter_counters"]}
    assert {
        "DCGM_FI_DEV_GPU_UTIL",
        "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_FB_FREE",
        "DCGM_FI_DEV_XID_ERRORS",
        "DCGM_FI_DEV_POWER_USAGE",
        "DCGM_FI_DEV_GPU_TEMP",
    } <= fields
    both = {
        "counters": defaults["dcgm_exporter_counters"],
        "profiling_counters": defaults["dcgm_exporter_profiling_counters"],
        "profiling": True,
    }
    assert "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE,gauge" in str(plan({**SETTINGS, **both})["csv"])


def test_the_filter_shows_warnings_and_turns_errors_into_those_of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(planned_settings.display, "warning", shown.append)
    filter_module.dcgm_exporter({**SETTINGS, "profiling": True})
    assert shown == [OPENED]
    with pytest.raises(AnsibleFilterError, match="must not be empty"):
        filter_module.dcgm_exporter({**SETTINGS, "counters": []})
