# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the container toolkit of a machine should be."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostPlan
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.toolkit import plan
from host_samples import TOOLKIT, facts

CONFIG = "/etc/nvidia-container-runtime/config.toml"
DROP_IN = "/etc/containerd/conf.d/zz-gpu-cluster-hardening.toml"


def read(planned: HostPlan, path: str) -> dict[str, Any]:
    (file,) = [file for file in planned.files if file.path == path]
    return tomllib.loads(file.content)


def test_variables_and_mounts_of_a_container_are_not_obeyed() -> None:
    config = read(plan(facts(), TOOLKIT), CONFIG)
    assert config["accept-nvidia-visible-devices-envvar-when-unprivileged"] is False
    assert config["accept-nvidia-visible-devices-as-volume-mounts"] is False
    assert config["nvidia-container-runtime"]["mode"] == "cdi"
    assert config["features"]["ignore-imex-channel-requests"] is True


def test_what_the_site_has_set_stays_and_holes_are_closed() -> None:
    site = (
        "disable-require = true\n"
        '[nvidia-container-cli]\nroot = "/run/nvidia/driver"\nldconfig = "/sbin/ldconfig.real"\n'
        "[features]\nallow-ldconfig-from-container = true\n"
    )
    config = read(plan(facts(toolkit={"config": site}), TOOLKIT), CONFIG)
    assert config["disable-require"] is False
    assert config["nvidia-container-cli"] == {
        "root": "/run/nvidia/driver",
        "ldconfig": "@/sbin/ldconfig.real",
        "no-cgroups": False,
    }
    assert "allow-ldconfig-from-container" not in config["features"]


def test_the_users_own_keys_come_last() -> None:
    settings = {**TOOLKIT, "config": {"nvidia-container-runtime": {"log-level": "debug", "mode": None}}}
    runtime = read(plan(facts(), settings), CONFIG)["nvidia-container-runtime"]
    assert runtime["log-level"] == "debug"
    assert "mode" not in runtime


@pytest.mark.parametrize(
    ("version", "plugin"),
    [(2, "io.containerd.grpc.v1.cri"), (3, "io.containerd.cri.v1.runtime"), (4, "io.containerd.cri.v1.runtime")],
)
def test_the_drop_in_has_the_version_of_the_file_and_nvidia_is_not_the_default(version: int, plugin: str) -> None:
    table = read(plan(facts(containerd={"config_version": version}), TOOLKIT), DROP_IN)
    assert table["version"] == version
    containerd = table["plugins"][plugin]["containerd"]
    assert containerd["default_runtime_name"] == "runc"
    assert containerd["runtimes"]["nvidia"]["options"] == {
        "BinaryName": "/usr/bin/nvidia-container-runtime",
        "SystemdCgroup": True,
    }


def test_another_default_runtime_stays() -> None:
    table = read(plan(facts(containerd={"default_runtime": "kata"}), TOOLKIT), DROP_IN)
    assert table["plugins"]["io.containerd.cri.v1.runtime"]["containerd"]["default_runtime_name"] == "kata"


def test_containerd_without_a_file_gets_one_that_reads_the_drop_in() -> None:
    planned = plan(facts(containerd={"has_config": False, "config_version": 0, "imports": []}), TOOLKIT)
    assert read(planned, "/etc/containerd/config.toml") == {"version": 3, "imports": ["/etc/containerd/conf.d/*.toml"]}


def test_containerd_and_the_toolkit_judge_the_files_and_containerd_is_restarted_for_its_own_only() -> None:
    planned = plan(facts(), TOOLKIT)
    assert [command[0] for command in planned.validate] == ["/usr/bin/containerd", "/usr/bin/nvidia-ctk"]
    assert [(step.service, step.paths) for step in planned.steps] == [("containerd", (DROP_IN,))]
    assert planned.disrupts == ""


def test_cri_o_gets_a_drop_in_of_its_own() -> None:
    planned = plan(facts(), {**TOOLKIT, "runtime": "crio"})
    table = read(planned, "/etc/crio/crio.conf.d/zz-gpu-cluster-hardening.conf")["crio"]["runtime"]
    assert table["default_runtime"] == "runc"
    assert table["runtimes"]["nvidia"]["runtime_path"] == "/usr/bin/nvidia-container-runtime"


def test_a_unit_that_ends_its_containers_disrupts() -> None:
    unit = {**facts()["containerd"]["unit"], "kill_mode": "control-group"}
    assert "KillMode=control-group" in plan(facts(containerd={"unit": unit}), TOOLKIT).disrupts


def test_a_distribution_that_configures_the_runtime_itself_is_left_to_it() -> None:
    has = {"imports": [], "runtimes": ["nvidia", "runc"], "default_runtime": "runc"}
    planned = plan(facts(containerd=has), TOOLKIT)
    assert [file.path for file in planned.files] == [CONFIG]
    assert planned.steps == ()


def test_the_gpu_operators_toolkit_is_left_alone_and_said_so() -> None:
    planned = plan(facts(toolkit={"by_operator": True}), TOOLKIT)
    assert planned.files == ()
    assert "GPU Operator" in planned.warnings[0]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"toolkit": {"version": ""}}, "has no NVIDIA container toolkit"),
        ({"toolkit": {"version": "1.17.4"}}, "below 1.19.1"),
        ({"toolkit": {"config": "no = toml = at all"}}, "is no TOML"),
        ({"containerd": {"version": "1.7.27"}}, "has containerd 1.7.27; 2.0 or newer"),
        ({"containerd": {"version": ""}}, "has no containerd"),
        ({"containerd": {"imports": []}}, "does not read /etc/containerd/conf.d"),
        ({"containerd": {"config_version": 1}}, "has version 1"),
    ],
)
def test_a_machine_that_cannot_be_made_safe_is_named_with_what_to_do(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(HardeningError, match=message):
        plan(facts(**parts), TOOLKIT)


def test_a_toolkit_below_its_floor_may_be_only_warned_of() -> None:
    planned = plan(facts(toolkit={"version": "1.17.4"}), {**TOOLKIT, "below_floor": "warn"})
    assert "below 1.19.1" in planned.warnings[0]
