# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves who is recognised as a provider of the GPU stack, and who is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import (
    SIGNATURES,
    describe,
    find_components,
    provider,
)

TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
PLUGIN_IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.19.3"
OURS = {"app.kubernetes.io/part-of": "gpu-cluster-hardening"}


def daemon_set(*containers: dict[str, Any], name: str = "ds", **metadata: Any) -> dict[str, Any]:
    labels = metadata.get("labels", {})
    return {
        "metadata": {"namespace": "ns", "name": name, **metadata},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": list(containers)}}},
    }


def container(image: str, *command: str) -> dict[str, Any]:
    return {"name": "main", "image": image, **({"command": list(command)} if command else {})}


def components(daemon: dict[str, Any]) -> list[str]:
    return [found.component for found in find_components([daemon], list(SIGNATURES), [])]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (PLUGIN_IMAGE, ["device_plugin"]),
        ("registry.example.com:5000/mirror/k8s-device-plugin@sha256:" + "0" * 64, ["device_plugin"]),
        ("cgr.dev/chainguard/nvidia-device-plugin", ["device_plugin"]),
        ("gke.gcr.io/nvidia-gpu-device-plugin:1.0", ["device_plugin"]),
        ("docker.io/volcanosh/volcano-vgpu-device-plugin:v1.11.0", ["device_plugin"]),
        ("docker.io/rocm/k8s-device-plugin:1.31", []),
        ("nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless", ["dcgm_exporter"]),
        ("nvcr.io/nvidia/cloud-native/dcgm:4.5.3", []),
        ("docker.io/falcosecurity/falco:0.44.1", ["falco"]),
        ("falcosecurity/falco-no-driver", ["falco"]),
        ("docker.io/falcosecurity/falcosidekick:2.31.0", []),
        ("busybox", []),
    ],
)
def test_a_component_is_recognised_by_the_name_of_its_image(image: str, expected: list[str]) -> None:
    assert components(daemon_set(container("sidecar:1"), container(image))) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"app": "nvidia-device-plugin-daemonset"}, ["device_plugin"]),
        ({"name": "nvidia-device-plugin-ds"}, ["device_plugin"]),
        ({"app.kubernetes.io/name": "nvidia-device-plugin"}, ["device_plugin"]),
        ({"app.kubernetes.io/component": "hami-device-plugin"}, ["device_plugin"]),
        ({"name": "volcano-device-plugin"}, ["device_plugin"]),
        ({"app": "nvidia-dcgm-exporter"}, ["dcgm_exporter"]),
        ({"app.kubernetes.io/name": "dcgm-exporter"}, ["dcgm_exporter"]),
        ({"app.kubernetes.io/name": "falco"}, ["falco"]),
        ({"app": "falco"}, ["falco"]),
        ({"app": "web"}, []),
    ],
)
def test_a_component_with_another_image_is_recognised_by_its_labels(
    labels: dict[str, str], expected: list[str]
) -> None:
    assert components(daemon_set(container("registry.example.com/own-build:1"), labels=labels)) == expected


@pytest.mark.parametrize(
    ("image", "command", "expected"),
    [
        ("projecthami/hami:v2.9.0", ("nvidia-device-plugin", "--resource-name=nvidia.com/gpu"), ["device_plugin"]),
        ("registry.example.com/own:1", ("/usr/bin/nvidia-device-plugin",), ["device_plugin"]),
        ("projecthami/hami:v2.9.0", ("vGPUmonitor",), []),
        ("docker.io/rocm/own:1", ("nvidia-device-plugin",), []),
    ],
)
def test_a_device_plugin_is_recognised_by_what_it_runs(
    image: str, command: tuple[str, ...], expected: list[str]
) -> None:
    assert components(daemon_set(container(image, *command))) == expected


@pytest.mark.parametrize(
    "command", [("gpu-feature-discovery",), ("/usr/bin/gpu-feature-discovery", "-v"), ("mps-control-daemon",)]
)
def test_other_tools_in_the_image_of_the_plugin_are_not_the_plugin(command: tuple[str, ...]) -> None:
    labels = {"app.kubernetes.io/name": "nvidia-device-plugin"}  # the chart gives it to all of them
    assert components(daemon_set(container(PLUGIN_IMAGE, *command), labels=labels)) == []
    beside = daemon_set(container("sidecar:1", "config-manager"), container(PLUGIN_IMAGE), labels=labels)
    assert components(beside) == ["device_plugin"]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"labels": {"app": "nvidia-device-plugin-daemonset"}}, "gpu-operator"),
        ({"labels": {"app.kubernetes.io/managed-by": "gpu-operator"}}, "gpu-operator"),
        ({"ownerReferences": [{"apiVersion": "nvidia.com/v1", "kind": "ClusterPolicy"}]}, "gpu-operator"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "helm"),
        ({"labels": {"helm.sh/chart": "falco-4.0"}}, "helm"),
        ({"annotations": {"meta.helm.sh/release-name": "falco"}}, "helm"),
        ({"labels": {"name": "nvidia-device-plugin-ds"}}, "other"),
        ({}, "other"),
    ],
)
def test_who_installed_it_is_told_by_owner_and_labels(metadata: dict[str, Any], expected: str) -> None:
    assert provider(daemon_set(**metadata)) == expected


def test_what_is_found_says_where_it_is_and_which_taints_keep_it_away() -> None:
    operator = daemon_set(container(PLUGIN_IMAGE), labels={"app": "nvidia-device-plugin-daemonset"})
    (found,) = find_components([operator], ["device_plugin"], [TAINT])
    assert found.facts() == {
        "component": "device_plugin",
        "namespace": "ns",
        "name": "ds",
        "image": PLUGIN_IMAGE,
        "version": "v0.19.3",
        "provider": "gpu-operator",
        "tolerates": False,
        "intolerable_taints": [TAINT],
    }
    operator["spec"]["template"]["spec"]["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    (found,) = find_components([operator], ["device_plugin"], [TAINT])
    assert found.facts()["tolerates"] is True


def test_one_that_is_being_deleted_does_not_count() -> None:
    going = daemon_set(container(PLUGIN_IMAGE), deletionTimestamp="2026-01-01T00:00:00Z")
    assert components(going) == []


def test_only_components_that_are_asked_for_are_found() -> None:
    assert find_components([daemon_set(container(PLUGIN_IMAGE))], ["falco"], []) == []


def test_warnings_name_the_provider_the_taint_and_a_second_one() -> None:
    helm = daemon_set(container(PLUGIN_IMAGE), labels={"helm.sh/chart": "x"}, name="nvdp")
    own = daemon_set(container("x/own:1"), labels={**OURS, "app.kubernetes.io/name": "nvidia-device-plugin"})
    (text,) = describe(find_components([helm], ["device_plugin"], [TAINT]))
    assert text == (
        "DaemonSet ns/nvdp (a Helm chart, v0.19.3) provides the NVIDIA device plugin already; no second one is needed. "
        "It does not tolerate nvidia.com/gpu=true:NoSchedule: nodes with that taint get no new pod of it. Give it the "
        "toleration."
    )
    assert describe(find_components([own], ["device_plugin"], [TAINT])) == []
    (text,) = describe(find_components([own, helm], ["device_plugin"], []))
    assert text.endswith("This collection has applied one, too: remove one of them.")
