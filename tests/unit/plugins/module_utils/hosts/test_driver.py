# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's driver on a machine: parameters, daemons, and when a reboot is owed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts import driver
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.modprobe import shown_parameters
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.places import DRIVER_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostPlan

PARAMS = """\
ModifyDeviceFiles: 1
DeviceFileUID: 0
DeviceFileGID: 0
DeviceFileMode: 438
InitializeSystemMemoryAllocations: 1
RmProfilingAdminOnly: 1
RegistryDwords: ""
RegistryDwordsPerDevice: ""
"""
LOADED = shown_parameters(PARAMS)
FACTS: dict[str, Any] = {
    "name": "gpu-1",
    "versions": {"driver": "580.159.03", "dcgm": ""},
    "in_container": False,
    "installed": True,
    "known": None,
    "loaded": LOADED,
    "options": {},
    "initramfs": "update-initramfs",
    "persistenced": None,
    "fabric_manager": None,
    "imex": None,
}
SETTINGS: dict[str, Any] = {
    "device_files": {"uid": 0, "gid": 0, "mode": "0666"},
    "parameters": {},
    "registry_dwords": "",
    "unexpected_registry_dwords": "fail",
    "below_floor": "warn",
    "persistenced_user": "nvidia-persistenced",
    "bind_daemons": True,
    "config_map": {"name": "kernel-module-params", "namespace": "gpu-operator"},
}
FABRIC_MANAGER = {
    "path": "/usr/share/nvidia/nvswitch/fabricmanager.cfg",
    "mode": "0644",
    "running": True,
    "text": "# address\nFM_CMD_BIND_INTERFACE=10.0.0.5\nFABRIC_MODE=0\n",
}


def plan(settings: dict[str, Any] | None = None, **facts: Any) -> HostPlan:
    return driver.plan({**FACTS, **facts}, {**SETTINGS, **(settings or {})})


def options(made: HostPlan) -> set[str]:
    (text,) = (file.content for file in made.files if file.path == DRIVER_OPTIONS)
    return set(text.splitlines()[-1].removeprefix("options nvidia ").split())


def test_counters_are_for_administrators_and_memory_is_cleared() -> None:
    assert options(plan()) == {
        "NVreg_RestrictProfilingToAdminUsers=1",
        "NVreg_InitializeSystemMemoryAllocations=1",
        "NVreg_CreateImexChannel0=0",
        "NVreg_ModifyDeviceFiles=1",
        "NVreg_DeviceFileUID=0",
        "NVreg_DeviceFileGID=0",
        "NVreg_DeviceFileMode=0666",
    }


def test_parameters_of_the_user_come_last() -> None:
    made = options(plan({"parameters": {"NvLinkDisable": 1, "CreateImexChannel0": 1}}))
    assert {"NVreg_NvLinkDisable=1", "NVreg_CreateImexChannel0=1"} <= made
    assert "NVreg_CreateImexChannel0=0" not in made


def test_parameters_that_the_module_lacks_are_left_out() -> None:
    assert options(plan(known=["RestrictProfilingToAdminUsers"])) == {"NVreg_RestrictProfilingToAdminUsers=1"}


@pytest.mark.parametrize(
    ("program", "commands"),
    [("update-initramfs", [("update-initramfs", "-u")]), ("dracut", [("dracut", "--force")]), ("", [])],
)
def test_initramfs_is_made_anew_where_there_is_one(program: str, commands: list[tuple[str, ...]]) -> None:
    assert [step.command for step in plan(initramfs=program).steps] == commands


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"RmProfilingAdminOnly": "0"}, "the driver runs with RmProfilingAdminOnly=0, wanted is 1"),
        ({"DeviceFileMode": "432"}, "the driver runs with DeviceFileMode=432, wanted is 0666"),
    ],
)
def test_reboot_is_owed_where_the_loaded_driver_differs(changed: dict[str, str], said: str) -> None:
    assert plan(loaded={**LOADED, **changed}).reboot_owed == said


def test_no_reboot_is_owed_where_the_driver_is_not_loaded() -> None:
    assert plan(loaded={}).reboot_owed == ""


def test_no_file_is_written_where_a_container_brings_the_driver() -> None:
    assert plan(in_container=True).files == ()
    assert driver.config_map(SETTINGS)["data"]["nvidia.conf"].splitlines()[:1] == [
        "NVreg_RestrictProfilingToAdminUsers=1"
    ]


@pytest.mark.parametrize(
    "facts",
    [
        {"loaded": {**LOADED, "RegistryDwords": '"RmX=1"'}},
        {"options": {"/etc/modprobe.d/a.conf": 'options nvidia NVreg_RegistryDwords="RmX=1"\n'}},
        {"options": {"/etc/modprobe.d/a.conf": "options nvidia \\\n  NVreg_RegistryDwordsPerDevice=pci=0:1;RmX=1\n"}},
    ],
)
def test_registry_that_nobody_expects_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(HardeningError, match="which nobody expects"):
        plan(**facts)
    assert len(plan({"unexpected_registry_dwords": "warn"}, **facts).warnings) == 1


def test_registry_that_is_expected_passes() -> None:
    assert plan({"registry_dwords": "RmX=1"}, loaded={**LOADED, "RegistryDwords": '"RmX=1"'}).warnings == ()


def test_file_that_sets_another_value_is_named() -> None:
    guide = "options nvidia NVreg_RestrictProfilingToAdminUsers=0 # for Nsight\noptions nvidia_drm modeset=1\n"
    assert plan(options={"/etc/modprobe.d/nsight.conf": guide}).warnings == (
        "/etc/modprobe.d/nsight.conf sets NVreg_RestrictProfilingToAdminUsers=0;"
        " /etc/modprobe.d/zz-gpu-cluster-hardening.conf now sets 1",
    )


@pytest.mark.parametrize("mode", ["0777", "rw", "-1", "08"])
def test_mode_that_no_device_file_has_is_refused(mode: str) -> None:
    with pytest.raises(HardeningError, match="no mode of a device file"):
        plan({"device_files": {"uid": 0, "gid": 0, "mode": mode}})


@pytest.mark.parametrize(
    ("command", "known", "paths"),
    [
        ("/usr/bin/nvidia-persistenced --verbose", True, {"nvidia-persistenced.service.d"}),
        ("/usr/bin/nvidia-persistenced --verbose", False, {"nvidia-persistenced.service.d", "sysusers.d"}),
        ("/usr/bin/nvidia-persistenced --user nvidia-persistenced", True, set()),
        ("/usr/bin/nvidia-persistenced -u someone", True, set()),
    ],
)
def test_persistence_daemon_runs_as_a_user_of_its_own(command: str, known: bool, paths: set[str]) -> None:
    made = plan(persistenced={"exec_start": command, "users": ["nvidia-persistenced"] if known else []})
    assert {file.path.split("/")[-2] for file in made.files} - {"modprobe.d"} == paths


def test_fabric_manager_listens_on_loopback_and_keeps_its_other_lines() -> None:
    made = plan(fabric_manager=FABRIC_MANAGER)
    (text,) = (file.content for file in made.files if file.path == FABRIC_MANAGER["path"])
    assert text.splitlines() == [
        "# address",
        "FM_CMD_BIND_INTERFACE=127.0.0.1",
        "FABRIC_MODE=0",
        "BIND_INTERFACE_IP=127.0.0.1",
    ]
    assert made.disrupts == "a restart of Fabric Manager ends the CUDA jobs of this machine"


def test_fabric_manager_of_virtual_machines_is_left_alone() -> None:
    made = plan(fabric_manager={**FABRIC_MANAGER, "text": "FABRIC_MODE=1\n"})
    assert [file.path for file in made.files] == [DRIVER_OPTIONS]
    assert "FABRIC_MODE=1" in made.warnings[0]


def test_daemon_that_is_bound_already_is_not_said_to_restart() -> None:
    bound = "IMEX_CMD_BIND_INTERFACE_IP=127.0.0.1\n"
    facts = {"path": "/etc/nvidia-imex/config.cfg", "mode": "0644", "running": True, "text": bound}
    made = plan(imex=facts)
    assert made.disrupts == ""
    assert bound in [file.content for file in made.files]


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({"driver": "580.126.20"}, "gpu-1 has the data center driver for Linux 580.126.20, below 580.159.03"),
        ({"driver": "570.211.01"}, "branch 570 is mended no more"),
        ({"dcgm": "3.1.0"}, "gpu-1 has DCGM 3.1.0, below "),
    ],
)
def test_program_with_a_published_hole_is_a_finding_and_fails_by_option(versions: dict[str, str], said: str) -> None:
    (finding,) = plan(versions=versions).warnings
    assert said in finding
    with pytest.raises(HardeningError, match="Upgrade"):
        plan({"below_floor": "fail"}, versions=versions)


def test_program_that_is_not_there_or_new_enough_is_no_finding() -> None:
    assert plan(versions={"driver": "595.91.07", "dcgm": ""}).warnings == ()
