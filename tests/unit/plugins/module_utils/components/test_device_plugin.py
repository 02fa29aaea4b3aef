# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which settings of the device plugin are refused, what rights the others need, and what is warned of."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.filter import device_plugin as filter_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.device_plugin import OPENED, plan
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils import planned_settings

SETTINGS: dict[str, Any] = {
    "device_list_strategy": "cdi-cri",
    "device_id_strategy": "uuid",
    "mig_strategy": "none",
    "sharing": {},
    "driver_root": "/",
    "toolkit_accepts_envvar": True,
    "node_selector": {"node-type": "gpu"},
    "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
}
GPU = {"name": "nvidia.com/gpu", "replicas": 4}
MIG = {"name": "nvidia.com/mig-1g.10gb", "replicas": 2}


def shared(*resources: dict[str, Any], how: str = "timeSlicing", **more: Any) -> dict[str, Any]:
    return {how: {"resources": list(resources), **more}}


def test_the_defaults_come_to_a_plugin_without_capabilities() -> None:
    assert plan(SETTINGS) == {
        "config": {
            "version": "v1",
            "flags": {
                "migStrategy": "none",
                "failOnInitError": True,
                "nvidiaDriverRoot": "/",
                "plugin": {
                    "passDeviceSpecs": False,
                    "deviceListStrategy": ["cdi-cri"],
                    "deviceIDStrategy": "uuid",
                },
            },
        },
        "sys_admin": False,
        "cdi": True,
        "mig": False,
        "mps": False,
        "mps_root": "/run/nvidia/mps",
        "node_selector": {"node-type": "gpu"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}],
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("change", "sys_admin"),
    [
        ({"device_list_strategy": "envvar"}, False),
        ({"device_list_strategy": "volume-mounts"}, True),
        ({"mig_strategy": "single"}, True),
        ({"mig_strategy": "mixed"}, True),
        ({"toolkit_accepts_envvar": False}, True),
        ({"sharing": shared(GPU)}, False),
        ({"device_id_strategy": "index"}, False),
    ],
)
def test_sys_admin_is_added_only_where_the_toolkit_asks_for_it(change: dict[str, Any], sys_admin: bool) -> None:
    assert plan({**SETTINGS, **change})["sys_admin"] is sys_admin


@pytest.mark.parametrize(
    ("change", "opened"),
    [
        ({}, []),
        ({"device_list_strategy": "envvar"}, ["envvar"]),
        ({"device_list_strategy": "volume-mounts", "sharing": shared(GPU)}, ["volume-mounts", "timeSlicing"]),
        ({"sharing": shared(GPU, how="mps")}, ["mps"]),
    ],
)
def test_what_settings_open_is_warned_of(change: dict[str, Any], opened: list[str]) -> None:
    assert plan({**SETTINGS, **change})["warnings"] == [OPENED[name] for name in opened]


def test_sharing_goes_into_the_configuration_with_safe_defaults() -> None:
    planned = plan({**SETTINGS, "mig_strategy": "mixed", "sharing": shared(GPU, MIG)})
    assert planned["config"]["sharing"] == {
        "timeSlicing": {"renameByDefault": False, "failRequestsGreaterThanOne": True, "resources": [GPU, MIG]}
    }
    loose = shared(GPU, how="mps", renameByDefault=True, failRequestsGreaterThanOne=False)
    planned = plan({**SETTINGS, "sharing": loose})
    assert planned["config"]["sharing"] == loose
    assert planned["mps"] is True
    assert planned["config"]["flags"]["mpsRoot"] == planned["mps_root"], "the plugin does not start without"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"device_list_strategy": "cdi"}, "device_plugin_device_list_strategy: 'cdi' is not one of cdi-cri, envvar"),
        ({"device_id_strategy": "name"}, "device_plugin_device_id_strategy: 'name' is not one of uuid, index"),
        ({"mig_strategy": "mix"}, "device_plugin_mig_strategy: 'mix' is not one of none, single, mixed"),
        ({"driver_root": "run/nvidia"}, "device_plugin_driver_root: 'run/nvidia' is no absolute path"),
        ({"node_selector": {}}, "device_plugin_node_selector: must not be empty, as that selects every node"),
        ({"taints": [{}]}, "device_plugin_taints[0]: key is missing"),
        ({"toolkit_accepts_envvar": "no"}, "device_plugin_toolkit_accepts_envvar: must be true or false"),
        ({"sharing": [GPU]}, "device_plugin_sharing: must be a mapping"),
        (
            {"sharing": {"timeslicing": {}}},
            "device_plugin_sharing: no key 'timeslicing' is known here (did you mean timeSlicing?)",
        ),
        ({"sharing": {**shared(GPU), **shared(GPU, how="mps")}}, "timeSlicing and mps exclude each other"),
        ({"sharing": {"timeSlicing": {}}}, "device_plugin_sharing.timeSlicing: resources is missing"),
        ({"sharing": shared()}, "device_plugin_sharing.timeSlicing.resources: must not be empty"),
        ({"sharing": shared({**GPU, "replicas": 0})}, "resources[0].replicas: 0 shares nothing; it must be 2 or more"),
        ({"sharing": shared({**GPU, "replicas": 1})}, "resources[0].replicas: 1 shares nothing"),
        ({"sharing": shared({**GPU, "replicas": "four"})}, "resources[0].replicas: must be a number, not 'four'"),
        ({"sharing": shared({**GPU, "replicas": True})}, "resources[0].replicas: must be a number, not true"),
        ({"sharing": shared({"name": "nvidia.com/gpu"})}, "resources[0]: replicas is missing"),
        ({"sharing": shared({**GPU, "name": "amd.com/gpu"})}, "'amd.com/gpu' is not nvidia.com/gpu, nor a MIG device"),
        ({"sharing": shared({**GPU, "rename": "x"})}, "no key 'rename' is known here"),
        ({"sharing": shared(GPU, GPU)}, "resources: nvidia.com/gpu is given twice"),
        ({"sharing": shared(MIG), "mig_strategy": "single"}, "only with device_plugin_mig_strategy: mixed"),
        (
            {"sharing": shared(GPU, how="mps"), "mig_strategy": "single"},
            "device_plugin_sharing.mps: MPS does not work on MIG devices",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        plan({**SETTINGS, **change})
    assert problem in caught.value.message


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(HardeningError, match="3 problems"):
        plan({**SETTINGS, "mig_strategy": "x", "driver_root": "y", "node_selector": {}})


def test_the_filter_shows_warnings_and_turns_errors_into_those_of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(planned_settings.display, "warning", shown.append)
    planned = filter_module.device_plugin({**SETTINGS, "device_list_strategy": "envvar"})
    assert shown == planned["warnings"] == [OPENED["envvar"]]
    with pytest.raises(AnsibleFilterError, match="is not one of cdi-cri"):
        filter_module.device_plugin({**SETTINGS, "device_list_strategy": "x"})
