# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waivers that the role verify ships can be read, have no end, and are about checks that there are."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.report import NEVER
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.waivers import read_waivers
from cluster_objects import Json, container, made, pod_spec, policy, workload
from good_cluster import TOLERATION, cluster, good

FILE = Path(__file__).resolve().parents[3] / "roles" / "verify" / "vars" / "main.yml"
WAIVERS = read_waivers(yaml.safe_load(FILE.read_text(encoding="utf-8"))["__verify_shipped_waivers"])


def test_each_is_about_a_check_and_no_more_than_some_objects() -> None:
    unknown = [one for one in WAIVERS if not any(fnmatchcase(check.id, one.id) for check in CHECKS)]
    assert unknown == []
    assert [one for one in WAIVERS if not {"namespace", "name"} & one.scope.keys()] == []


def test_they_have_no_end_as_nobody_at_the_site_chose_them() -> None:
    assert {one.expires for one in WAIVERS} == {NEVER}


def agent(name: str, namespace: str, *paths: str, **changes: object) -> Json:
    """A privileged DaemonSet, as an operator makes it."""
    volumes = [{"name": f"host-{index}", "hostPath": {"path": path}} for index, path in enumerate(paths)]
    main = container(name, securityContext={"privileged": True}, **changes)
    spec = pod_spec(main, tolerations=[TOLERATION], volumes=volumes, hostPID=True)
    return workload("DaemonSet", name, namespace, spec)


def test_what_operators_need_is_accepted_and_what_is_wider_than_it_has_to_be_is_not() -> None:
    objects = good()
    for component in ("nvidia-device-plugin", "dcgm-exporter"):
        objects.drop("DaemonSet", component, component)
    objects.add(
        made("Namespace", "gpu-operator", labels={"pod-security.kubernetes.io/enforce": "privileged"}),
        policy("default-deny", "gpu-operator"),
        agent("nvidia-driver-daemonset", "gpu-operator", "/", "/run/nvidia", "/lib/modules", "/dev"),
        agent(
            "k8s-device-plugin",
            "gpu-operator",
            "/var/lib/kubelet/device-plugins",
            env=[
                {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
                {"name": "NVIDIA_MIG_MONITOR_DEVICES", "value": "all"},
            ],
        ),
        agent("dcgm-exporter", "gpu-operator", "/var/lib/kubelet/pod-resources"),
        made("Namespace", "calico-system", labels={"pod-security.kubernetes.io/enforce": "privileged"}),
        agent("calico-node", "calico-system", "/lib/modules", "/var/run/calico", "/proc"),
    )
    found = {one.check.id: one.status for one in judge(cluster(objects, waivers=WAIVERS), CHECKS)}
    assert {name for name, status in found.items() if status == "fail"} == {"GPU-CMP-004", "GPU-OBS-004"}
    waived = {name for name, status in found.items() if status == "waived"}
    assert waived >= {"GPU-HOST-001", "GPU-HOST-002", "GPU-HOST-005", "GPU-HOST-006", "GPU-HOST-008", "GPU-USE-002"}
