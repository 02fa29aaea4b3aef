# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit rules of a machine: what is written down, and what happens where nothing can be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts import audit
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostPlan

FACTS: dict[str, Any] = {
    "augenrules": "/sbin/augenrules",
    "enabled": 1,
    "devices": ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-caps/"],
    "present": ["/etc/cdi/", "/usr/bin/nvidia-ctk"],
    "written": None,
    "machine": "x86_64",
}
SETTINGS: dict[str, Any] = {
    "extra_paths": [],
    "without_auditd": "warn",
}


def plan(settings: dict[str, Any] | None = None, **facts: Any) -> HostPlan:
    return audit.plan({**FACTS, **facts}, {**SETTINGS, **(settings or {})})


def rules(key: str, **facts: Any) -> list[str]:
    (file,) = plan(**facts).files
    return [line for line in file.content.splitlines() if line.endswith(f"-k {key}")]


def test_gpus_in_use_by_people_are_written_down() -> None:
    made = rules(audit.DEVICES_KEY)
    assert "-a always,exit -F path=/dev/nvidia0 -F perm=rw -F auid>=1000 -F auid!=unset -k gpu-device" in made
    assert "-a always,exit -F dir=/dev/nvidia-caps -F perm=a -k gpu-device" in made


def test_settings_that_are_not_there_have_no_rule() -> None:
    assert rules(audit.SETTINGS_KEY) == ["-a always,exit -F dir=/etc/cdi -F perm=wa -k gpu-settings"]


@pytest.mark.parametrize(("machine", "count"), [("x86_64", 2), ("aarch64", 1)])
def test_modules_are_watched_for_every_kind_of_program(machine: str, count: int) -> None:
    assert len(rules(audit.LOADING_KEY, machine=machine)) == count


def test_rules_are_loaded_once_they_change() -> None:
    assert [step.command for step in plan().steps] == [("/sbin/augenrules", "--load")]


def test_locked_rules_wait_for_a_reboot_only_if_they_change() -> None:
    first = plan(enabled=2)
    assert first.steps == ()
    assert first.reboot_owed == "the audit rules are locked until a reboot"
    assert plan(enabled=2, written=first.files[0].content).reboot_owed == ""


def test_machine_without_audit_daemon_is_told_or_refused() -> None:
    assert plan(augenrules="").files == ()
    assert "Install the audit daemon" in plan(augenrules="").warnings[0]
    with pytest.raises(HardeningError, match="Install the audit daemon"):
        plan({"without_auditd": "fail"}, augenrules="")


@pytest.mark.parametrize("path", ["/etc/a b", "etc/cdi", "/etc/a\n-D"])
def test_path_that_would_break_a_rule_is_refused(path: str) -> None:
    with pytest.raises(HardeningError, match="cannot stand in an audit rule"):
        plan({"extra_paths": [path]})


def test_rules_are_written_but_not_loaded_where_the_kernel_keeps_no_log() -> None:
    made = plan(enabled=None)
    assert (len(made.files), made.steps) == (1, ())
    assert made.warnings == ("the kernel keeps no audit log here: rules have no effect",)
