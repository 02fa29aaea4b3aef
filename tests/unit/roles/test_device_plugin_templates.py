# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role's templates make of its defaults and of every setting that changes what a pod may do."""

from __future__ import annotations

from typing import Any

import pytest

PART_OF = "app.kubernetes.io/part-of"
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "envvar": {"device_plugin_device_list_strategy": "envvar"},
    "volume_mounts": {"device_plugin_device_list_strategy": "volume-mounts"},
    "mig": {"device_plugin_mig_strategy": "mixed"},
    "hardened_toolkit": {"gpu_cluster_toolkit_accepts_envvar": False},
    "time_slicing": {
        "device_plugin_sharing": {"timeSlicing": {"resources": [{"name": "nvidia.com/gpu", "replicas": 4}]}}
    },
    "mps": {"device_plugin_sharing": {"mps": {"resources": [{"name": "nvidia.com/gpu", "replicas": 4}]}}},
    "site": {
        "gpu_cluster_registry": "registry.example.com",
        "gpu_cluster_node_labels": {"gpu": "on", "1": "2"},
        "gpu_cluster_node_taints": [{"key": "gpu", "value": "1e3", "effect": "NoExecute"}],
        "device_plugin_image_pull_secrets": ["1e3"],
        "device_plugin_runtime_class": "",
        "device_plugin_driver_root": "/run/nvidia/driver",
        "device_plugin_cdi_hook_path": "/usr/local/nvidia/toolkit/nvidia-cdi-hook",
        "device_plugin_kubelet_directory": "/var/lib/k0s/kubelet",
        "device_plugin_max_unavailable": 2,
    },
}


@pytest.fixture(scope="module")
def rendered(render_role: Any) -> dict[str, Any]:
    return render_role("device_plugin", CASES)


def pod_of(objects: dict[str, Any], template: str = "daemon_set") -> dict[str, Any]:
    (daemon_set,) = objects[template]
    return daemon_set["spec"]["template"]["spec"]


def hosts_paths(pod: dict[str, Any]) -> dict[str, str]:
    return {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}


def environment(container: dict[str, Any]) -> dict[str, Any]:
    return {variable["name"]: variable.get("value") for variable in container["env"]}


def test_the_plugin_has_no_more_rights_than_it_needs(rendered: dict[str, Any]) -> None:
    pod = pod_of(rendered["defaults"])
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "runAsUser": 0,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert pod["automountServiceAccountToken"] is False
    assert pod["priorityClassName"] == "system-node-critical"
    assert pod["runtimeClassName"] == "nvidia"
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    assert hosts_paths(pod) == {
        "device-plugins": "/var/lib/kubelet/device-plugins",
        "cdi": "/var/run/cdi",
        "driver-root": "/",
    }
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert mounts["driver-root"] == {
        "name": "driver-root",
        "mountPath": "/driver-root",
        "readOnly": True,
        "recursiveReadOnly": "IfPossible",
    }
    assert mounts["config"]["readOnly"] is True


@pytest.mark.parametrize(
    ("case", "added"),
    [
        ("defaults", None),
        ("envvar", None),
        ("time_slicing", None),
        ("mps", None),
        ("volume_mounts", ["SYS_ADMIN"]),
        ("mig", ["SYS_ADMIN"]),
        ("hardened_toolkit", ["SYS_ADMIN"]),
    ],
)
def test_sys_admin_is_all_that_is_ever_added(rendered: dict[str, Any], case: str, added: list[str] | None) -> None:
    (container,) = pod_of(rendered[case])["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], **({"add": added} if added else {})}
    assert "privileged" not in container["securityContext"]


@pytest.mark.parametrize("case", ["envvar", "volume_mounts"])
def test_without_cdi_the_plugin_sees_nothing_of_the_node_but_the_sockets(rendered: dict[str, Any], case: str) -> None:
    pod = pod_of(rendered[case])
    assert set(hosts_paths(pod)) == {"device-plugins"}
    assert "NVIDIA_CDI_HOOK_PATH" not in environment(pod["containers"][0])


def test_mig_devices_are_watched_only_with_mig(rendered: dict[str, Any]) -> None:
    assert environment(pod_of(rendered["mig"])["containers"][0])["NVIDIA_MIG_MONITOR_DEVICES"] == "all"
    assert "NVIDIA_MIG_MONITOR_DEVICES" not in environment(pod_of(rendered["defaults"])["containers"][0])


def test_it_runs_on_gpu_nodes_and_tolerates_their_taint_only(rendered: dict[str, Any]) -> None:
    pod = pod_of(rendered["defaults"])
    assert pod["nodeSelector"] == {"node-type": "gpu"}
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    ]


def test_the_settings_of_a_site_reach_the_pod_as_they_are(rendered: dict[str, Any]) -> None:
    pod = pod_of(rendered["site"])
    (container,) = pod["containers"]
    assert container["image"] == "registry.example.com/nvidia/k8s-device-plugin:v0.20.0"
    assert pod["imagePullSecrets"] == [{"name": "1e3"}]
    assert pod["nodeSelector"] == {"gpu": "on", "1": "2"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Equal", "value": "1e3", "effect": "NoExecute"}]
    assert "runtimeClassName" not in pod
    assert hosts_paths(pod)["driver-root"] == "/run/nvidia/driver"
    assert hosts_paths(pod)["device-plugins"] == "/var/lib/k0s/kubelet/device-plugins"
    assert environment(container)["NVIDIA_CDI_HOOK_PATH"] == "/usr/local/nvidia/toolkit/nvidia-cdi-hook"
    (daemon_set,) = rendered["site"]["daemon_set"]
    assert daemon_set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == 2


def test_only_another_configuration_starts_the_pods_anew(rendered: dict[str, Any]) -> None:
    def checksum(case: str) -> str:
        (daemon_set,) = rendered[case]["daemon_set"]
        return daemon_set["spec"]["template"]["metadata"]["annotations"]["gpu-cluster.hardening/config"]

    assert checksum("defaults") == checksum("hardened_toolkit")
    assert len({checksum(case) for case in ("defaults", "envvar", "mig", "time_slicing", "mps")}) == 5


def test_mps_has_its_control_daemon_with_the_same_configuration_and_place(rendered: dict[str, Any]) -> None:
    daemon, plugin = pod_of(rendered["mps"], "mps_control_daemon"), pod_of(rendered["mps"])
    assert daemon["hostPID"] is True
    assert [one["securityContext"] for one in (*daemon["initContainers"], *daemon["containers"])] == [
        {"privileged": True}
    ] * 2
    assert (daemon["nodeSelector"], daemon["tolerations"]) == (plugin["nodeSelector"], plugin["tolerations"])
    shared = {"mps": "/run/nvidia/mps", "mps-shm": "/run/nvidia/mps/shm"}
    assert hosts_paths(daemon) == shared
    assert shared.items() <= hosts_paths(plugin).items()


def test_the_namespace_is_cut_off_and_whoever_else_comes_is_told(rendered: dict[str, Any]) -> None:
    (namespace,) = rendered["defaults"]["namespace"]
    modes = ("enforce", "audit", "warn")
    assert [namespace["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"] for mode in modes] == [
        "privileged",
        "restricted",
        "restricted",
    ]
    (policy,) = rendered["defaults"]["network_policy"]
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    accounts = rendered["defaults"]["service_account"]
    assert {account["metadata"]["name"]: account["automountServiceAccountToken"] for account in accounts} == {
        "nvidia-device-plugin": False,
        "default": False,
    }


@pytest.mark.parametrize("case", CASES)
def test_every_object_and_pod_says_where_it_belongs(rendered: dict[str, Any], case: str) -> None:
    for objects in rendered[case].values():
        for item in objects:
            templates = [item["spec"]["template"]] if item["kind"] == "DaemonSet" else []
            for part in (item, *templates):
                labels = part["metadata"]["labels"]
                assert labels[PART_OF] == "gpu-cluster-hardening"
                assert labels["app.kubernetes.io/managed-by"] == "ansible"
