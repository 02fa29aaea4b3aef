# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role's templates make of its defaults and of every setting that changes what a pod may do."""

from __future__ import annotations

from typing import Any

import pytest

CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "profiling": {"dcgm_exporter_profiling": True},
    "hardened_toolkit": {"gpu_cluster_toolkit_accepts_envvar": False},
    "site": {
        "gpu_cluster_registry": "registry.example.com/mirror",
        "gpu_cluster_node_labels": {"gpu": "on"},
        "gpu_cluster_node_taints": [{"key": "gpu", "effect": "NoExecute"}],
        "gpu_cluster_prometheus": {"namespace": "monitoring", "pods": {"app.kubernetes.io/name": "prometheus"}},
        "dcgm_exporter_image_pull_secrets": ["mirror"],
        "dcgm_exporter_runtime_class": "",
        "dcgm_exporter_kubelet_directory": "/var/lib/k0s/kubelet",
        "dcgm_exporter_service_monitor_labels": {"release": "007"},
        "dcgm_exporter_scrape_interval": "1m",
    },
}


@pytest.fixture(scope="module")
def rendered(render_role: Any) -> dict[str, Any]:
    return render_role("dcgm_exporter", CASES)


def pod_of(objects: dict[str, Any]) -> dict[str, Any]:
    (daemon_set,) = objects["daemon_set"]
    return daemon_set["spec"]["template"]["spec"]


def test_the_exporter_has_no_more_rights_than_it_needs(rendered: dict[str, Any]) -> None:
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
    assert [volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume] == [
        "/var/lib/kubelet/pod-resources"
    ]
    writable = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"tmp", "log"}


@pytest.mark.parametrize("case", ["profiling", "hardened_toolkit"])
def test_sys_admin_is_all_that_is_ever_added(rendered: dict[str, Any], case: str) -> None:
    (container,) = pod_of(rendered[case])["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["SYS_ADMIN"]}
    assert "privileged" not in container["securityContext"]


def test_only_prometheus_is_let_in_and_nothing_out(rendered: dict[str, Any]) -> None:
    deny, allow = rendered["defaults"]["network_policies"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert allow["spec"] == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "dcgm-exporter"}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ml-monitoring"}},
                        "podSelector": {"matchLabels": {"app": "ml-monitor"}},
                    }
                ],
                "ports": [{"protocol": "TCP", "port": 9400}],
            }
        ],
    }
    labels = pod_labels(rendered["defaults"])
    assert allow["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_the_namespace_tells_whoever_else_comes_and_no_account_of_it_mounts_a_token(rendered: dict[str, Any]) -> None:
    (namespace,) = rendered["defaults"]["namespace"]
    labels = namespace["metadata"]["labels"]
    assert [labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")] == [
        "privileged",
        "restricted",
        "restricted",
    ]
    accounts = rendered["defaults"]["service_account"]
    assert {account["metadata"]["name"]: account["automountServiceAccountToken"] for account in accounts} == {
        "dcgm-exporter": False,
        "default": False,
    }


def test_an_exporter_without_metrics_is_not_ready_but_lives(rendered: dict[str, Any]) -> None:
    (container,) = pod_of(rendered["defaults"])["containers"]
    paths = {probe: container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")}
    assert paths == {"readinessProbe": "/metrics", "livenessProbe": "/health"}


def pod_labels(objects: dict[str, Any]) -> dict[str, str]:
    (daemon_set,) = objects["daemon_set"]
    return daemon_set["spec"]["template"]["metadata"]["labels"]


def test_the_counters_of_the_map_are_the_ones_the_exporter_reads(rendered: dict[str, Any]) -> None:
    (config,) = rendered["profiling"]["counters"]
    pod = pod_of(rendered["profiling"])
    (container,) = pod["containers"]
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "counters"]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    assert environment["DCGM_EXPORTER_COLLECTORS"] == f"{mounts['counters']}/counters.csv"
    assert "DCGM_FI_PROF_GR_ENGINE_ACTIVE,gauge," in config["data"]["counters.csv"]
    assert "PROF" not in rendered["defaults"]["counters"][0]["data"]["counters.csv"]


def test_only_other_counters_start_the_pods_anew(rendered: dict[str, Any]) -> None:
    def checksum(case: str) -> str:
        (daemon_set,) = rendered[case]["daemon_set"]
        return daemon_set["spec"]["template"]["metadata"]["annotations"]["gpu-cluster.hardening/config"]

    assert checksum("defaults") == checksum("site") != checksum("profiling")


def test_service_and_service_monitor_lead_to_the_pods(rendered: dict[str, Any]) -> None:
    (service,), (monitor,) = rendered["defaults"]["service"], rendered["defaults"]["service_monitor"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"].items() <= pod_labels(rendered["defaults"]).items()
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] == service["spec"]["ports"][0]["name"]
    assert endpoint["honorLabels"] is True
    (container,) = pod_of(rendered["defaults"])["containers"]
    assert {"name": service["spec"]["ports"][0]["targetPort"], "protocol": "TCP", "containerPort": 9400} in (
        container["ports"]
    )


def test_the_settings_of_a_site_reach_the_objects_as_they_are(rendered: dict[str, Any]) -> None:
    pod = pod_of(rendered["site"])
    (container,) = pod["containers"]
    assert container["image"] == ("registry.example.com/mirror/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless")
    assert pod["imagePullSecrets"] == [{"name": "mirror"}]
    assert pod["nodeSelector"] == {"gpu": "on"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}]
    assert "runtimeClassName" not in pod
    assert {"path": "/var/lib/k0s/kubelet/pod-resources", "type": "Directory"} in [
        volume.get("hostPath") for volume in pod["volumes"]
    ]
    (monitor,) = rendered["site"]["service_monitor"]
    assert monitor["metadata"]["labels"]["release"] == "007"
    assert monitor["spec"]["endpoints"][0]["interval"] == "1m"
    peer = rendered["site"]["network_policies"][1]["spec"]["ingress"][0]["from"][0]
    assert peer["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}


@pytest.mark.parametrize("case", CASES)
def test_every_object_and_pod_says_where_it_belongs(rendered: dict[str, Any], case: str) -> None:
    for objects in rendered[case].values():
        for item in objects:
            templates = [item["spec"]["template"]] if item["kind"] == "DaemonSet" else []
            for part in (item, *templates):
                labels = part["metadata"]["labels"]
                assert labels["app.kubernetes.io/part-of"] == "gpu-cluster-hardening"
                assert labels["app.kubernetes.io/name"] == "dcgm-exporter"
