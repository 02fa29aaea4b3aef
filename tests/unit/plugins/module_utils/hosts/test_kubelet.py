# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kubelet of a machine should be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.kubelet import plan
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostPlan
from host_samples import FACTS, KUBELET, UNIT, facts

FOLDER = "/etc/kubernetes/kubelet.conf.d"
DROP_IN = f"{FOLDER}/90-gpu-cluster-hardening.conf"
UNIT_DROP_IN = "/etc/systemd/system/kubelet.service.d/90-gpu-cluster-hardening.conf"


def contents(planned: HostPlan) -> dict[str, str]:
    return {file.path: file.content for file in planned.files}


def test_the_drop_in_has_what_is_asked_for_and_the_users_own_fields_last() -> None:
    planned = plan(facts(), {**KUBELET, "config": {"podPidsLimit": 100, "maxPods": 50}})
    config = json.loads(contents(planned)[DROP_IN])
    assert (config["seccompDefault"], config["podPidsLimit"], config["maxPods"]) == (True, 100, 50)
    assert config["imagePullCredentialsVerificationPolicy"] == "AlwaysVerify"


def test_fields_that_an_older_kubelet_does_not_know_are_left_out() -> None:
    planned = plan(facts(kubelet={"version": "1.34.1"}), KUBELET)
    assert "imagePullCredentialsVerificationPolicy" not in json.loads(contents(planned)[DROP_IN])


def test_a_kubelet_without_a_folder_gets_one_by_the_variable_of_kubeadm_and_keeps_its_arguments() -> None:
    planned = plan(facts(), KUBELET)
    (argument_file,) = [text for path, text in contents(planned).items() if path.endswith(".env")]
    assert f'KUBELET_EXTRA_ARGS="--node-ip=10.0.0.1 --config-dir={FOLDER}"' in argument_file
    assert UNIT_DROP_IN in contents(planned)
    assert [step.command or step.service for step in planned.steps][1:] == [("systemctl", "daemon-reload"), "kubelet"]


def test_the_next_run_plans_the_same_files() -> None:
    unit = {**UNIT, "drop_ins": [UNIT_DROP_IN]}
    assert plan(facts(kubelet={"config_dir": FOLDER, "unit": unit}), KUBELET).files == plan(facts(), KUBELET).files


def test_a_kubelet_with_a_folder_of_its_own_keeps_it() -> None:
    planned = plan(facts(kubelet={"config_dir": "/etc/kubelet.d"}), KUBELET)
    assert "/etc/kubelet.d/90-gpu-cluster-hardening.conf" in contents(planned)
    assert UNIT_DROP_IN not in contents(planned)


def test_kernel_settings_are_set_before_the_kubelet_starts_that_insists_on_them() -> None:
    planned = plan(facts(), KUBELET)
    path = "/etc/sysctl.d/90-gpu-cluster-hardening.conf"
    assert "kernel.panic_on_oops = 1" in contents(planned)[path]
    assert planned.steps[0].command[-1] == path
    assert path not in contents(plan(facts(), {**KUBELET, "protect_kernel_defaults": False}))


@pytest.mark.parametrize(
    ("programs", "disrupts", "first"),
    [
        (FACTS["programs"], "", ("/usr/bin/nvidia-ctk", "system", "create-dev-char-symlinks", "--create-all")),
        ({}, "takes GPUs from containers", ("systemctl", "daemon-reload")),
    ],
)
def test_systemd_reads_no_units_while_containers_could_lose_devices(
    programs: dict[str, str], disrupts: str, first: tuple[str, ...]
) -> None:
    changed = {**facts(toolkit={"char_links": False}), "programs": programs}
    planned = plan(changed, {**KUBELET, "protect_kernel_defaults": False})
    assert planned.steps[0].command == first
    assert disrupts in planned.disrupts
    assert bool(disrupts) == bool(planned.disrupts)


@pytest.mark.parametrize(
    ("kubelet", "message"),
    [
        ({"version": "1.29.0"}, "1.30 or newer reads drop-ins"),
        ({"unit": {**UNIT, "exec_start": "/usr/local/bin/kubelet $KUBELET_ARGS"}}, "started without --config-dir"),
    ],
)
def test_a_kubelet_that_reads_no_drop_ins_is_refused(kubelet: dict[str, Any], message: str) -> None:
    with pytest.raises(HardeningError, match=message):
        plan(facts(kubelet=kubelet), KUBELET)
