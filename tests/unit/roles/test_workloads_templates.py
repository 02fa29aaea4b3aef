# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role's templates make of a training job and a model server, and that the documentation shows just that."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stages

COLLECTION = Path(stages.__file__).parents[3]
DOCUMENT = (COLLECTION / "docs/workloads.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
EXAMPLE: dict[str, Any] = yaml.safe_load(BLOCKS[0])
DIGEST = "sha256:" + "0a" * 32
IMAGE = {"repository": "registry.internal/ml-trainer", "tag": "v2.1", "digest": DIGEST}
CHECK = {"repository": "registry.internal/busybox", "tag": "1.37.0", "digest": DIGEST}
LEAST = {"name": "least", "image": IMAGE}
ARGS = ["-m", "on", "1e3", "\U0001f680 a\u0085b\u2028c\u2029d"]
MOST: dict[str, Any] = {
    "name": "most",
    "image": IMAGE,
    "image_pull_secrets": ["007"],
    "command": ["python3"],
    "args": ARGS,
    "env": {"EPOCHS": "010", "HOME": "/scratch/home", "TOKEN_FILE": "/secrets/token"},
    "gpus": 2,
    "gpu_resource": "nvidia.com/mig-1g.10gb",
    "resources": {"requests": {"cpu": 1}, "limits": {"memory": "64Gi", "ephemeral-storage": "20Gi"}},
    "user": 2000,
    "group": 3000,
    "labels": {"team": "fraud", "on": "off"},
    "annotations": {"example.com/owner": "007"},
    "node_selector": {"gpu-type": "a100"},
    "runtime_class": "nvidia",
    "priority_class": "low",
    "pvcs": [
        {"name": "data.set", "path": "/data", "folder": "on"},
        {"name": "out", "path": "/out", "read_only": False, "size": "1Ti", "storage_class": "1e3"},
    ],
    "secrets": [{"name": "1e3", "path": "/secrets", "keys": ["on"], "of_stage": False}],
    "config_maps": [{"name": "training-config", "path": "/config"}],
    "scratch": [{"path": "/scratch/a", "size": "1Gi"}],
    "tmp": "1Gi",
    "shared_memory": "8Gi",
    "model": {
        "pvc": "base",
        "folder": "3",
        "path": "/base",
        "sums": {"a b.safetensors": "0" * 64, "x\ny": "1" * 64, "{{ x }}": "2" * 64},
        "allow_pickle": ["*.pkl", "a b"],
    },
}
CASES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "example": EXAMPLE,
    "least": {
        "workloads_training_jobs": [LEAST, {**LEAST, "name": "other"}],
        "workloads_model_servers": [LEAST, {**LEAST, "name": "other"}],
    },
    "most": {
        "workloads_pickle_stages": ["training", "serving"],
        "workloads_model_check_image": CHECK,
        "workloads_training_jobs": [
            {
                **MOST,
                "parallelism": 2,
                "completions": 4,
                "backoff_limit": 0,
                "ttl_seconds_after_finished": 60,
                "suspend": True,
            }
        ],
        "workloads_model_servers": [
            {
                **MOST,
                "autoscaled": True,
                "max_surge": 0,
                "drain_seconds": 0,
                "ports": {"on": 9000},
                "probes": {
                    "readiness": {"grpc": "", "port": "on"},
                    "liveness": {"http": "/live", "port": "on", "failures": 2},
                    "startup_seconds": 65,
                },
            }
        ],
    },
    "mirror": {
        "gpu_cluster_registry": "registry.example.com/ml",
        "gpu_cluster_node_labels": {"gpu": "on"},
        "gpu_cluster_node_taints": [{"key": "gpu", "effect": "NoExecute"}],
        "workloads_training_jobs": [LEAST],
        "workloads_model_servers": [{**LEAST, "gpus": 0}],
    },
}


@pytest.fixture(scope="module")
def rendered(render_role: Any) -> dict[str, Any]:
    return render_role("workloads", CASES)


def pods(objects: dict[str, Any]) -> list[dict[str, Any]]:
    return [item["spec"]["template"] for kind in ("jobs", "deployments") for item in objects[kind]]


def test_by_default_there_is_nothing(rendered: dict[str, Any]) -> None:
    assert [item for objects in rendered["nothing"].values() for item in objects if item] == []


@pytest.mark.parametrize("case", ["example", "least", "most", "mirror"])
def test_no_pod_has_more_rights_than_it_needs(rendered: dict[str, Any], case: str) -> None:
    for template in pods(rendered[case]):
        spec = template["spec"]
        user = spec["securityContext"]
        assert user["runAsNonRoot"] is True
        assert user["runAsUser"] > 0 < user["runAsGroup"]
        assert user["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["serviceAccountName"] in ("ml-trainer", "model-server")
        assert spec["enableServiceLinks"] is False
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "hostAliases", "nodeName"}
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert re.fullmatch(r".*:[^:@]+@sha256:[0-9a-f]{64}", container["image"])
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "envFrom" not in container
            assert [variable for variable in container.get("env", ()) if variable.keys() != {"name", "value"}] == []
        for volume in spec["volumes"]:
            assert len(volume) == 2
            assert not volume.keys() & {"hostPath", "projected", "csi"}
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""})


@pytest.mark.parametrize("case", ["example", "most"])
def test_files_of_secrets_are_read_by_the_user_of_the_container_and_by_nobody_else(
    rendered: dict[str, Any], case: str
) -> None:
    secrets = [
        (template["spec"], volume) for template in pods(rendered[case]) for volume in template["spec"]["volumes"]
    ]
    found = 0
    for spec, volume in secrets:
        if "secret" not in volume:
            continue
        found += 1
        secret, user = volume["secret"], spec["securityContext"]
        assert secret["defaultMode"] == stat.S_IRUSR == 0o400
        assert all(item.keys() == {"key", "path"} for item in secret.get("items", ()))
        # root owns the file, and for fsGroup the kubelet adds what a reader of that group needs:
        # roMask in pkg/volume/volume_linux.go of Kubernetes.
        as_the_kubelet_leaves_it = secret["defaultMode"] | 0o440
        assert as_the_kubelet_leaves_it & stat.S_IRGRP
        assert not as_the_kubelet_leaves_it & 0o337
        assert user["fsGroup"] == user["runAsGroup"]
        mounts = [
            mount
            for container in spec["containers"]
            for mount in container["volumeMounts"]
            if mount["name"] == volume["name"]
        ]
        assert [mount["readOnly"] for mount in mounts] == [True]
        assert not any(
            mount["name"] == volume["name"]
            for container in spec.get("initContainers", ())
            for mount in container["volumeMounts"]
        )
    assert found


@pytest.mark.parametrize("case", ["example", "least", "most"])
def test_labels_lead_the_policy_of_the_stage_and_the_workload_to_the_pods(rendered: dict[str, Any], case: str) -> None:
    objects = rendered[case]
    assert len(pods(objects)) == (4 if case == "least" else 2)
    for job in objects["jobs"]:
        assert job["spec"]["template"]["metadata"]["labels"]["app"] == "training-job"
    for server in objects["deployments"]:
        labels = server["spec"]["template"]["metadata"]["labels"]
        name = server["metadata"]["name"]
        assert labels["app"] == "model-server"
        assert labels["app.kubernetes.io/name"] == name
        assert labels["gpu-cluster.hardening/stage"] == "serving"
        selector = server["spec"]["selector"]["matchLabels"]
        assert selector == {"gpu-cluster.hardening/workload": name}
        assert selector.items() <= labels.items()
        (service,) = [item for item in objects["services"] if item["metadata"]["name"] == name]
        (budget,) = [item for item in objects["pod_disruption_budgets"] if item["metadata"]["name"] == name]
        assert service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"] == selector
        ports = server["spec"]["template"]["spec"]["containers"][0]["ports"]
        assert [(port["name"], port["port"], port["targetPort"]) for port in service["spec"]["ports"]] == [
            (port["name"], port["containerPort"], port["name"]) for port in ports
        ]


def test_gpus_take_the_pod_to_gpu_nodes_and_without_gpus_it_stays_away(rendered: dict[str, Any]) -> None:
    (job,), (server,) = rendered["mirror"]["jobs"], rendered["mirror"]["deployments"]
    spec = job["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"gpu": "on", "node-restriction.kubernetes.io/node-type": "gpu"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}]
    assert spec["containers"][0]["image"] == f"registry.example.com/ml/ml-trainer:v2.1@{DIGEST}"
    resources = spec["containers"][0]["resources"]
    assert resources == {
        "requests": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"},
        "limits": {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"},
    }
    without = server["spec"]["template"]["spec"]
    assert not without.keys() & {"nodeSelector", "tolerations"}
    assert "nvidia.com/gpu" not in without["containers"][0]["resources"]["limits"]


def test_what_a_user_says_reaches_the_objects_as_it_is(rendered: dict[str, Any]) -> None:
    (job,), (server,) = rendered["most"]["jobs"], rendered["most"]["deployments"]
    for template in (job["spec"]["template"], server["spec"]["template"]):
        spec = template["spec"]
        (container,) = spec["containers"]
        assert container["args"] == ARGS
        assert {"name": "EPOCHS", "value": "010"} in container["env"]
        assert [variable["value"] for variable in container["env"] if variable["name"] == "HOME"] == ["/scratch/home"]
        assert container["resources"]["limits"] == {
            "cpu": "8",
            "memory": "64Gi",
            "ephemeral-storage": "20Gi",
            "nvidia.com/mig-1g.10gb": "2",
        }
        assert spec["imagePullSecrets"] == [{"name": "007"}]
        assert spec["nodeSelector"]["gpu-type"] == "a100"
        assert template["metadata"]["labels"]["team"] == "fraud"
        assert spec["securityContext"]["runAsUser"] == 2000
        assert spec["securityContext"]["fsGroup"] == 3000
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert mounts["/data"]["readOnly"] is True
        assert mounts["/data"]["subPath"] == "on"
        assert "readOnly" not in mounts["/out"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert len(volumes) == len(spec["volumes"])
        assert volumes["pvc-data-set"]["persistentVolumeClaim"] == {"claimName": "data.set", "readOnly": True}
        assert volumes["pvc-out"]["persistentVolumeClaim"] == {"claimName": "out"}
        assert volumes["shared-memory"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "8Gi"}
    assert job["spec"]["ttlSecondsAfterFinished"] == 60
    assert job["spec"]["suspend"] is True
    assert "replicas" not in server["spec"]
    assert server["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    (container,) = server["spec"]["template"]["spec"]["containers"]
    assert "lifecycle" not in container
    assert container["readinessProbe"]["grpc"] == {"port": 9000, "service": ""}
    assert container["startupProbe"] == {
        "httpGet": {"path": "/live", "port": "on"},
        "periodSeconds": 10,
        "timeoutSeconds": 5,
        "failureThreshold": 7,
    }
    (claim,) = {item["metadata"]["name"]: item for item in rendered["most"]["persistent_volume_claims"]}.values()
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Ti"
    assert claim["spec"]["storageClassName"] == "1e3"


def test_the_model_is_checked_before_it_is_loaded_with_the_same_eyes(rendered: dict[str, Any]) -> None:
    script = (COLLECTION / "roles/workloads/templates/model_check.sh").read_text(encoding="utf-8")
    configs = rendered["most"]["model_checks"]
    assert len(configs) == 2
    for config in configs:
        assert config["data"]["model_check.sh"].rstrip("\n") == script.rstrip("\n")
        assert config["data"]["SHA256SUMS"].splitlines() == [
            f"{'0' * 64}  a b.safetensors",
            f"\\{'1' * 64}  x\\ny",
            f"{'2' * 64}  {{{{ x }}}}",
        ]
    for template in pods(rendered["most"]):
        (check,) = template["spec"]["initContainers"]
        (container,) = template["spec"]["containers"]
        seen = [next(mount for mount in one["volumeMounts"] if mount["name"] == "model") for one in (check, container)]
        assert seen[0] == seen[1] == {"name": "model", "mountPath": "/base", "subPath": "3", "readOnly": True}
        assert check["args"] == ["/base", "/model-check/SHA256SUMS", "unpinned", "*.pkl", "a b"]
        assert all(mount["readOnly"] for mount in check["volumeMounts"])
        assert "gpu-cluster.hardening/model-check" in template["metadata"]["annotations"]


def test_the_documentation_shows_what_is_applied(rendered: dict[str, Any]) -> None:
    shown = [document for block in BLOCKS[1:] for document in yaml.safe_load_all(block)]
    applied = [item for objects in rendered["example"].values() for item in objects if item]
    by_name = {(item["kind"], item["metadata"]["name"]): item for item in applied}
    wanted = [item for item in shown if "apiVersion" in item]
    assert {item["kind"] for item in wanted} == {"Job", "Deployment", "Service", "PodDisruptionBudget"}
    for item in wanted:
        real = by_name[item["kind"], item["metadata"]["name"]]
        # The sum of the script would change with every line of it.
        real["spec"].get("template", {}).get("metadata", {}).pop("annotations", None)
        assert real == item
