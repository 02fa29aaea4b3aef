# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's driver on a machine: parameters of its module, and who its daemons listen to. Pure.

Source of names and defaults: kernel-open/nvidia/nv-reg.h of NVIDIA/open-gpu-kernel-modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.below_floors import below_floors
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.daemons import bound_to_loopback
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.modprobe import (
    given_options,
    shown_value,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.persistenced import confined
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.places import (
    DRIVER_OPTIONS,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostFile, HostPlan, Step

_REGISTRY = ("RegistryDwords", "RegistryDwordsPerDevice")
# /proc/driver/nvidia/params calls this one by another name.
_SHOWN_AS = {"RestrictProfilingToAdminUsers": "RmProfilingAdminOnly"}
_INITRAMFS = {"update-initramfs": ("update-initramfs", "-u"), "dracut": ("dracut", "--force")}


def parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of the module ``nvidia`` by their names, without ``NVreg_``."""
    wanted = {
        "RestrictProfilingToAdminUsers": "1",
        "InitializeSystemMemoryAllocations": "1",
        "CreateImexChannel0": "0",
        "ModifyDeviceFiles": "1",
        "DeviceFileUID": str(settings["device_files"]["uid"]),
        "DeviceFileGID": str(settings["device_files"]["gid"]),
        "DeviceFileMode": _mode(settings["device_files"]["mode"]),
    }
    return {**wanted, **{str(name): str(value) for name, value in settings["parameters"].items()}}


def plan(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> HostPlan:
    """What the driver's files should be.

    Args:
        facts: ``in_container`` (the GPU Operator brings the driver), ``installed`` (this machine has the module),
            ``known`` (parameters that the module has, None if that cannot be read), ``loaded`` (those of
            /proc/driver/nvidia/params; empty if the module is not loaded), ``options`` (path and text of the files
            below modprobe.d but ours), ``initramfs`` (name of the program that makes it, or empty), ``persistenced``,
            ``fabric_manager`` and ``imex`` (each None if it is not there), ``name`` of the machine and ``versions`` of
            NVIDIA's programs by the product.
        settings: ``device_files`` (``uid``, ``gid``, ``mode``), ``parameters`` (further ones, or other values),
            ``registry_dwords`` (what is expected there), ``unexpected_registry_dwords`` (fail or warn),
            ``below_floor`` (the same), ``persistenced_user``, ``bind_daemons`` (whether Fabric Manager and IMEX are
            bound to loopback).

    Raises:
        HardeningError: a setting is wrong, or the registry has what nobody expects and that is to fail.
    """
    problems = list(_unexpected_registry(facts, settings["registry_dwords"]))
    if problems and settings["unexpected_registry_dwords"] == "fail":
        raise HardeningError(
            "; ".join(problems) + ". Take it out, or name it in host_driver_registry_dwords if it is meant."
        )
    old = list(below_floors(facts["name"], facts["versions"]))
    if old and settings["below_floor"] == "fail":
        raise HardeningError("; ".join(old) + ". Upgrade, or set host_driver_below_floor to warn.")
    parts = [
        _module_options(facts, settings),
        confined(facts["persistenced"], settings["persistenced_user"]),
    ]
    if settings["bind_daemons"]:
        parts += [bound_to_loopback(name, facts[name]) for name in ("fabric_manager", "imex")]
    return HostPlan(
        files=tuple(file for part in parts for file in part.files),
        validate=tuple(command for part in parts for command in part.validate),
        steps=tuple(dict.fromkeys(step for part in parts for step in part.steps)),
        disrupts="; ".join(part.disrupts for part in parts if part.disrupts),
        reboot_owed="; ".join(part.reboot_owed for part in parts if part.reboot_owed),
        warnings=(*problems, *old, *(text for part in parts for text in part.warnings)),
    )


def config_map(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The ConfigMap that a driver container reads, where no file of the machine counts.

    Its name is what ``driver.kernelModuleConfig.name`` of the ClusterPolicy says.
    """
    lines = [f"NVreg_{name}={value}" for name, value in parameters(settings).items()]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": settings["config_map"]["name"], "namespace": settings["config_map"]["namespace"]},
        "data": {"nvidia.conf": "\n".join(lines) + "\n"},
    }


def _module_options(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> HostPlan:
    wanted = parameters(settings)
    owed = "; ".join(_differences(facts["loaded"], wanted))
    if facts["in_container"] or not facts["installed"]:
        return HostPlan(reboot_owed=owed)
    known = facts["known"]
    options = {name: value for name, value in wanted.items() if known is None or name in known}
    line = " ".join(["options nvidia", *(f"NVreg_{name}={value}" for name, value in options.items())])
    text = f"# Written by gpu_cluster.hardening.host_driver. The last file by its name counts.\n{line}\n"
    program = facts["initramfs"]
    steps = (Step(command=_INITRAMFS[program]),) if program else ()
    return HostPlan((HostFile(DRIVER_OPTIONS, text),), steps=steps, reboot_owed=owed, warnings=_rivals(facts, options))


def _differences(loaded: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    for name, value in wanted.items():
        shown = _SHOWN_AS.get(name, name)
        if shown in loaded and shown_value(loaded[shown]) != shown_value(value):
            yield f"the driver runs with {shown}={loaded[shown]}, wanted is {value}"


def _rivals(facts: Mapping[str, Any], options: Mapping[str, str]) -> tuple[str, ...]:
    """Who sets another value. Ours counts, but somebody had a reason."""
    return tuple(
        f"{path} sets NVreg_{name}={value}; {DRIVER_OPTIONS} now sets {options[name]}"
        for path, text in facts["options"].items()
        for name, value in given_options(text)
        if name in options and shown_value(value) != shown_value(options[name])
    )


def _unexpected_registry(facts: Mapping[str, Any], expected: str) -> Iterator[str]:
    for name in _REGISTRY:
        value = facts["loaded"].get(name, "").strip('"')
        if value not in ("", expected):
            yield f"the driver runs with {name}={value!r}, which nobody expects"
    for path, text in facts["options"].items():
        for name, value in given_options(text):
            if name in _REGISTRY and value not in ("", expected):
                yield f"{path} sets NVreg_{name}={value!r}, which nobody expects"


def _mode(text: str) -> str:
    try:
        mode = int(str(text), 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o666 or mode & 0o111:
        raise HardeningError(f"host_driver_device_files.mode: {text!r} is no mode of a device file, such as 0660")
    return f"0{mode:o}"
