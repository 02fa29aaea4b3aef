# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role renders for the device plugin and the control daemon of MPS is what version 0.20.0 of them reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from accepted import options_of, schema, violations, wrong_variables

GPU = {"name": "nvidia.com/gpu", "replicas": 4}
MIG = {"name": "nvidia.com/mig-1g.10gb", "replicas": 2}
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "envvar": {"device_plugin_device_list_strategy": "envvar"},
    "volume mounts": {"device_plugin_device_list_strategy": "volume-mounts"},
    "index": {"device_plugin_device_id_strategy": "index"},
    "single": {"device_plugin_mig_strategy": "single"},
    "mixed, shared": {
        "device_plugin_mig_strategy": "mixed",
        "device_plugin_sharing": {"timeSlicing": {"renameByDefault": True, "resources": [GPU, MIG]}},
    },
    "sharing is null": {"device_plugin_sharing": {"timeSlicing": None, "mps": None}},
    "one way is null": {"device_plugin_sharing": {"timeSlicing": {"resources": [GPU]}, "mps": None}},
    "a flag is null": {"device_plugin_sharing": {"timeSlicing": {"renameByDefault": None, "resources": [GPU]}}},
    "mps": {"device_plugin_sharing": {"mps": {"resources": [GPU]}}},
    "mps without refusal": {
        "device_plugin_sharing": {"mps": {"failRequestsGreaterThanOne": False, "resources": [GPU]}},
        "device_plugin_device_list_strategy": "envvar",
    },
    "site": {
        "device_plugin_driver_root": "/run/nvidia/driver",
        "device_plugin_cdi_hook_path": "/usr/local/nvidia/toolkit/nvidia-cdi-hook",
        "gpu_cluster_toolkit_accepts_envvar": False,
        "device_plugin_runtime_class": "",
    },
}
CONFIG = schema("programs/nvidia-device-plugin-0.20.0-config.json")
PROGRAMS = {
    "nvidia-device-plugin": options_of("nvidia-device-plugin-0.20.0-help.txt"),
    "mps-control-daemon": options_of("mps-control-daemon-0.20.0-help.txt"),
}


@pytest.fixture(scope="module")
def rendered(render_role: Any) -> dict[str, Any]:
    return render_role("device_plugin", CASES)


def pods(objects: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in (*objects["daemon_set"], *objects["mps_control_daemon"]):
        yield item["spec"]["template"]["spec"]


@pytest.mark.parametrize("case", CASES)
def test_the_plugin_starts_with_its_configuration(rendered: dict[str, Any], case: str) -> None:
    (config_map,) = rendered[case]["config"]
    assert violations(json.loads(config_map["data"]["config.yaml"]), CONFIG) == []


@pytest.mark.parametrize(
    "config",
    [
        {"version": "v1", "sharing": {"timeSlicing": {"resources": []}}},
        {"version": "v1", "sharing": {"timeSlicing": None}},
        {"version": "v1", "sharing": {"timeSlicing": {"resources": [{"name": "nvidia.com/gpu", "replicas": 4.0}]}}},
        {"version": "v1", "sharing": {"timeSlicing": {"resources": [{"name": "nvidia.com/gpu", "replicas": "4"}]}}},
        {"version": "v1", "flags": {"migStrategy": "none"}, "sharing": {"mps": {"resources": [GPU]}}},
    ],
)
def test_the_contract_refuses_what_the_plugin_refuses(config: dict[str, Any]) -> None:
    assert violations(config, CONFIG) != []


@pytest.mark.parametrize("case", CASES)
def test_each_program_knows_its_command_and_its_variables(rendered: dict[str, Any], case: str) -> None:
    for pod in pods(rendered[case]):
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            program, *command = container["command"]
            assert command in ([], ["mount-shm"])
            assert "args" not in container
            _flags, variables = PROGRAMS[program]
            assert wrong_variables(container, variables) == []


def test_plugin_and_daemon_meet_in_the_folder_that_the_plugin_hands_to_pods(rendered: dict[str, Any]) -> None:
    objects = rendered["mps"]
    root = json.loads(objects["config"][0]["data"]["config.yaml"])["flags"]["mpsRoot"]
    for pod in pods(objects):
        paths = {volume["name"]: volume.get("hostPath", {}).get("path") for volume in pod["volumes"]}
        assert (paths["mps"], paths["mps-shm"]) == (root, f"{root}/shm")
        for container in pod["containers"]:
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert mounts["mps"] == "/mps", "both programs have this path built in"
            assert mounts["mps-shm"] == "/dev/shm"
