# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves where NVIDIA's programs are found: in images of any registry, labels of nodes, the GPU Operator's settings."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.judge import Sighting
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.products import products_in
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.sightings import (
    in_pods,
    in_settings,
    on_nodes,
)

Json = dict[str, Any]
SHA = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nvcr.io/nvidia/driver:580.105.08-ubuntu24.04", {"driver": "580.105.08"}),
        ("registry.example:5000/mirror/driver:595.71.05-rhel9.6", {"driver": "595.71.05"}),
        # Compiled for one kernel: the tag has the branch only.
        ("nvcr.io/nvidia/driver:580-6.8.0-60-generic-ubuntu24.04", {"driver": None}),
        ("registry.example/csi/driver:v1.2.3", {}),
        ("nvcr.io/nvidia/vgpu-manager:580.126.08-ubuntu22.04", {"vgpu_manager": "580.126.08"}),
        ("nvcr.io/nvidia/k8s/container-toolkit:v1.17.5-ubuntu20.04", {"container_toolkit": "1.17.5"}),
        ("nvcr.io/nvidia/gpu-operator:v26.7.0", {"gpu_operator": "26.7.0"}),
        ("nvcr.io/nvidia/cloud-native/gpu-operator-validator:v25.3.1", {"gpu_operator": "25.3.1"}),
        ("nvcr.io/nvidia/k8s-device-plugin:v0.17.1-ubi9", {"device_plugin": "0.17.1"}),
        (f"nvcr.io/nvidia/k8s-device-plugin:v0.20.0@{SHA}", {"device_plugin": "0.20.0"}),
        (f"nvcr.io/nvidia/k8s-device-plugin@{SHA}", {"device_plugin": None}),
        ("nvcr.io/nvidia/k8s-device-plugin:latest", {"device_plugin": None}),
        ("docker.io/rocm/k8s-device-plugin:1.31.0.0", {}),
        ("nvcr.io/nvidia/cloud-native/k8s-mig-manager:v0.12.1-ubuntu20.04", {"mig_manager": "0.12.1"}),
        ("nvcr.io/nvidia/cloud-native/dcgm:4.5.2-1-ubuntu22.04", {"dcgm": "4.5.2"}),
        ("nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless", {"dcgm_exporter": "4.8.2", "dcgm": "4.5.3"}),
        ("nvcr.io/nvidia/k8s/dcgm-exporter:latest", {"dcgm_exporter": None, "dcgm": None}),
        ("registry.k8s.io/dra-driver-nvidia/dra-driver-nvidia-gpu:v0.4.1", {"dra_driver": "0.4.1"}),
        ("nvcr.io/nvidia/cloud-native/gdrdrv:v2.5.1-ubuntu22.04", {"gdrcopy": "2.5.1"}),
        ("ghcr.io/kai-scheduler/kai-scheduler/scheduler:v0.12.0", {"kai_scheduler": "0.12.0"}),
        ("nvcr.io/nvidia/tritonserver:26.05-py3", {"triton": "26.05"}),
        ("docker.io/library/nginx:1.27", {}),
        ("", {}),
    ],
)
def test_image(image: str, expected: dict[str, str | None]) -> None:
    assert {name: version and version.text for name, version in products_in(image)} == expected


def pod(name: str, *images: str, owner: tuple[str, str] | None = None, phase: str = "Running", **env: str) -> Json:
    variables = [{"name": key, "value": value} for key, value in env.items()]
    owners = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    labels = {"pod-template-hash": "abc"}
    return {
        "metadata": {"name": name, "namespace": "gpu", "ownerReferences": owners, "labels": labels},
        "spec": {"containers": [{"image": image, "env": variables} for image in images]},
        "status": {"phase": phase},
    }


def seen(sightings: list[Sighting]) -> list[tuple[str, str, str | None]]:
    return [(one.product, one.where, one.version and one.version.text) for one in sightings]


PLUGIN = "nvcr.io/nvidia/k8s-device-plugin:v0.17.2"


def test_pods_with_the_same_image_are_one_sighting_that_names_what_made_them() -> None:
    pods = [
        pod("a", PLUGIN, owner=("DaemonSet", "plugin")),
        pod("b", PLUGIN, owner=("DaemonSet", "plugin")),
        pod("c", PLUGIN, owner=("ReplicaSet", "other-abc")),
        pod("d", PLUGIN),
        pod("e", PLUGIN, phase="Succeeded", owner=("Job", "done")),
    ]
    expected = "DaemonSet gpu/plugin, Deployment gpu/other, Pod gpu/d"
    assert seen(in_pods(pods)) == [("device_plugin", expected, "0.17.2")]


def test_init_containers_count() -> None:
    given = pod("a", "docker.io/library/nginx:1.27")
    given["spec"]["initContainers"] = [{"image": "nvcr.io/nvidia/k8s/container-toolkit:v1.17.0"}]
    assert seen(in_pods([given])) == [("container_toolkit", "Pod gpu/a", "1.17.0")]


@pytest.mark.parametrize(
    ("env", "cdi"),
    [
        ({}, None),
        ({"DEVICE_LIST_STRATEGY": "envvar"}, False),
        ({"DEVICE_LIST_STRATEGY": "cdi-cri"}, True),
        ({"DEVICE_LIST_STRATEGY": "envvar,cdi-annotations"}, True),
    ],
)
def test_strategy_of_the_device_plugin_says_whether_cdi_is_used(env: dict[str, str], cdi: bool | None) -> None:
    assert [one.cdi for one in in_pods([pod("a", PLUGIN, **env)])] == [cdi]


def node(name: str, *, gpus: str = "", **labels: str) -> Json:
    keys = {f"nvidia.com/{key.replace('__', '.').replace('_', '-')}": value for key, value in labels.items()}
    return {
        "metadata": {"name": name, "labels": keys},
        "status": {"capacity": {"nvidia.com/gpu": gpus} if gpus else {}},
    }


PARTS = {
    "cuda__driver_version__major": "580",
    "cuda__driver_version__minor": "126",
    "cuda__driver_version__revision": "20",
}
OLD_PARTS = {"cuda__driver__major": "535", "cuda__driver__minor": "104", "cuda__driver__rev": "05"}


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("a", cuda__driver_version__full="580.105.08")], [("Node a", "580.105.08")]),
        ([node("a", **PARTS)], [("Node a", "580.126.20")]),
        ([node("a", **OLD_PARTS)], [("Node a", "535.104.05")]),
        ([node("a", gpus="8")], [("Node a", None)]),
        ([node("a", gpu__present="true")], [("Node a", None)]),
        ([node("a")], []),
        ([node(name, **PARTS) for name in "abcde"], [("Node a, b, c and 2 more", "580.126.20")]),
    ],
)
def test_driver_of_nodes(nodes: list[Json], expected: list[tuple[str, str | None]]) -> None:
    assert [(where, version) for _product, where, version in seen(on_nodes(nodes))] == expected


def test_settings_of_the_gpu_operator() -> None:
    policy = {
        "kind": "ClusterPolicy",
        "metadata": {"name": "cp"},
        "spec": {
            "driver": {"repository": "nvcr.io/nvidia", "image": "driver", "version": "580.105.08"},
            "toolkit": {"image": f"nvcr.io/nvidia/k8s/container-toolkit:v1.19.0@{SHA}"},
            "devicePlugin": {"version": SHA},
            "dcgm": {"enabled": False, "version": "4.5.2-1-ubuntu22.04"},
            "dcgmExporter": {"version": "4.5.3-4.8.2-distroless"},
            "migManager": {"enabled": True},
            "mig": {"strategy": "single"},
        },
    }
    driver = {"kind": "NVIDIADriver", "metadata": {"name": "nd"}, "spec": {"version": "580.126.20"}}
    host = {**driver, "spec": {"version": "580.126.08", "driverType": "vgpu-host-manager"}}
    assert seen(in_settings([policy, driver, host])) == [
        ("driver", "ClusterPolicy cp spec.driver.version", "580.105.08"),
        ("container_toolkit", "ClusterPolicy cp spec.toolkit.version", "1.19.0"),
        ("device_plugin", "ClusterPolicy cp spec.devicePlugin.version", None),
        ("dcgm_exporter", "ClusterPolicy cp spec.dcgmExporter.version", "4.8.2"),
        ("driver", "NVIDIADriver nd spec.version", "580.126.20"),
        ("vgpu_manager", "NVIDIADriver nd spec.version", "580.126.08"),
    ]
