# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which training jobs and model servers are refused, with what words, and what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.filter import workloads as filter_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.workloads import plan as workloads_plan
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.workloads.plan import SETTINGS, plan
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils import planned_settings

ROLES = Path(workloads_plan.__file__).parents[3] / "roles"
DEFAULTS = yaml.safe_load((ROLES / "cluster/defaults/main.yml").read_text(encoding="utf-8"))
DIGEST = "sha256:" + "0a" * 32
SUM = "0a" * 32
IMAGE = {"repository": "registry.internal/ml-trainer", "tag": "v2.1", "digest": DIGEST}
JOB: dict[str, Any] = {"name": "train", "image": IMAGE}
SERVER: dict[str, Any] = {"name": "serve", "image": IMAGE}
MODEL: dict[str, Any] = {"pvc": "models", "sums_sha256": SUM}
PVC: dict[str, Any] = {"name": "data", "path": "/data"}
SECRET: dict[str, Any] = {"name": "model-registry-credentials", "path": "/secrets/registry"}
SETTINGS_GIVEN: dict[str, Any] = {
    "state": "present",
    "stages": DEFAULTS["gpu_cluster_default_stages"],
    "training_jobs": [JOB],
    "model_servers": [SERVER],
    "node_selector": DEFAULTS["gpu_cluster_node_labels"],
    "taints": DEFAULTS["gpu_cluster_node_taints"],
    "registry": "",
    "lock": {},
    "require_digests": True,
    "model_check_image": {"repository": "docker.io/library/busybox", "tag": "1.37.0", "digest": DIGEST},
    "pickle_stages": [],
}
J, S = "workloads_training_jobs[0]", "workloads_model_servers[0]"


def planned(**changes: Any) -> dict[str, Any]:
    return plan({**SETTINGS_GIVEN, **changes})


def refusal(**changes: Any) -> str:
    with pytest.raises(HardeningError) as caught:
        planned(**changes)
    return caught.value.message


def test_the_settings_are_the_variables_of_the_role() -> None:
    assert set(SETTINGS_GIVEN) == SETTINGS
    defaults = yaml.safe_load((ROLES / "workloads/defaults/main.yml").read_text(encoding="utf-8"))
    assert {f"workloads_{name}" for name in SETTINGS - {"lock"}} <= set(defaults)


def test_nothing_given_is_nothing_to_do() -> None:
    result = planned(training_jobs=[], model_servers=[], model_check_image={"repository": "x", "tag": "latest"})
    assert {name: value for name, value in result.items() if value} == {}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": None}, f"{J}: name is missing"),
        ({"name": "Train"}, f"{J}.name: 'Train' must be 1 to 50 lower-case letters, digits or '-'"),
        ({"name": "3-train"}, "with a letter first and no '-' last"),
        ({"name": "a" * 51}, "must be 1 to 50"),
        ({"nmae": "x"}, f"{J}: no key 'nmae' is known here (did you mean name?)"),
        ({"stage": "trainig"}, f"{J}.stage: 'trainig' is not one of training, serving, monitoring (did you mean"),
        ({"state": "gone"}, f"{J}.state: 'gone' is not one of present, absent"),
        ({"image": None}, f"{J}: image is missing"),
        ({"image": "registry.internal/x:1"}, f"{J}.image: must be a mapping"),
        ({"image": {**IMAGE, "tag": "latest"}}, f"{J}.image.tag: latest is another image tomorrow"),
        ({"image": {**IMAGE, "digest": ""}}, f"{J}.image: it has no digest, and registry.internal/ml-trainer:v2.1 is"),
        ({"image": {**IMAGE, "digest": "sha256:1"}}, f"{J}.image.digest: 'sha256:1' is no digest"),
        ({"command": "python3"}, f"{J}.command: must be a list"),
        ({"args": ["--epochs", 10]}, f"{J}.args[1]: must be a string, not 10; quote it"),
        ({"gpus": -1}, f"{J}.gpus: must be 0 to 64, not -1"),
        ({"gpus": "one"}, f"{J}.gpus: must be a whole number, not 'one'"),
        ({"gpus": True}, f"{J}.gpus: must be a whole number"),
        ({"stage": "monitoring"}, f"{J}.gpus: stage monitoring has gpu: false; set gpu: true there, or gpus: 0 here"),
        ({"gpu_resource": "amd.com/gpu"}, f"{J}.gpu_resource: 'amd.com/gpu' is no GPU, such as nvidia.com/gpu"),
        ({"user": 0}, f"{J}.user: must be 1 to 2147483647, not 0; root may write where no other user may"),
        ({"group": 0}, f"{J}.group: must be 1 to"),
        ({"resources": {"limits": {"gpu": 1}}}, f"{J}.resources.limits: no key 'gpu' is known here"),
        ({"resources": {"limits": {"memory": "32GB"}}}, f"{J}.resources.limits.memory: '32GB' is no amount above 0"),
        ({"resources": {"limits": {"cpu": 0}}}, f"{J}.resources.limits.cpu: '0' is no amount above 0"),
        (
            {"resources": {"requests": {"cpu": 9}, "limits": {"cpu": "8500m"}}},
            f"{J}.resources.requests: cpu is above its limit, 8500m",
        ),
        ({"labels": {"app": "other"}}, f"{J}.labels: app is set already, and decides which pods these are"),
        ({"labels": {"gpu-cluster.hardening/stage": "x"}}, "is set already"),
        ({"labels": {"a b": "x"}}, f"{J}.labels: key 'a b'"),
        ({"annotations": {"cdi.k8s.io/x": "nvidia.com/gpu=all"}}, "takes GPUs past the scheduler"),
        ({"node_selector": ["x"]}, f"{J}.node_selector: must be a mapping"),
        ({"image_pull_secrets": ["A B"]}, f"{J}.image_pull_secrets[0]: Secret 'A B' must be"),
        ({"runtime_class": "A"}, f"{J}.runtime_class: RuntimeClass 'A' must be"),
        ({"tmp": "0"}, f"{J}.tmp: '0' is no size above 0, such as 10Gi"),
        ({"shared_memory": "lots"}, f"{J}.shared_memory: 'lots' is no size"),
        ({"backoff_limit": -1}, f"{J}.backoff_limit: must be 0 to 1000"),
        ({"active_deadline_seconds": 0}, f"{J}.active_deadline_seconds: must be 1 to"),
        ({"parallelism": 0}, f"{J}.parallelism: must be 1 to"),
        ({"replicas": 1}, f"{J}: no key 'replicas' is known here"),
    ],
)
def test_what_is_wrong_with_a_job_is_said_with_its_place(change: dict[str, Any], problem: str) -> None:
    assert problem in refusal(training_jobs=[{**JOB, **change}])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"replicas": -1}, f"{S}.replicas: must be 0 to 1000"),
        ({"ports": {}}, f"{S}.ports: must not be empty, as nobody could reach the server"),
        ({"ports": {"http": 80}}, f"{S}.ports.http: must be a number of 1024 to 65535: others need rights"),
        ({"ports": {"http": 8080, "other": 8080}}, f"{S}.ports.other: 8080 is there twice"),
        ({"ports": {"HTTP": 8080}}, "'HTTP' is no name of a port"),
        ({"ports": {"web": 8080}}, f"{S}.probes.readiness: there is no port 'http'; ports has web"),
        ({"probes": {"readiness": {"port": "htp"}}}, f"{S}.probes.readiness.port: there is no port 'htp'"),
        ({"probes": {"readiness": {"http": "/", "grpc": ""}}}, "has both http and grpc; keep one"),
        ({"probes": {"liveness": {"http": "healthz"}}}, "'healthz' is no path such as /healthz"),
        ({"probes": {"liveness": {"period_seconds": 0}}}, "period_seconds: must be a number of 1 to 3600"),
        ({"probes": {"startup_seconds": 1}}, "startup_seconds: must be a number of 10 to 86400"),
        ({"probes": {"startup": {}}}, f"{S}.probes: no key 'startup' is known here"),
        ({"drain_seconds": 60}, f"{S}.termination_grace_seconds: must be more than drain_seconds, 60"),
        ({"max_surge": -1}, f"{S}.max_surge: must be 0 to"),
        ({"backoff_limit": 1}, f"{S}: no key 'backoff_limit' is known here"),
    ],
)
def test_what_is_wrong_with_a_server_is_said_with_its_place(change: dict[str, Any], problem: str) -> None:
    assert problem in refusal(model_servers=[{**SERVER, **change}])


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "WANDB_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "PGPASSWORD",
        "db_passwd",
        "CLIENT_SECRET",
        "GOOGLE_CREDENTIALS",
        "COSIGN_PRIVATE_KEY",
        "apikey",
        "SSH_PASSPHRASE",
    ],
)
def test_a_variable_that_looks_like_a_credential_is_refused_without_its_value(name: str) -> None:
    said = refusal(training_jobs=[{**JOB, "env": {name: "hunter2", "OTHER": "x"}}])
    assert f"{J}.env.{name}: looks like a credential" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "TOKENIZERS_PARALLELISM",
        "MAX_TOKENS",
        "PAD_TOKEN_ID",
        "MONKEY",
        "KEYBOARD",
        "LOG_LEVEL",
        "SECRETS_DIR",
        "AUTHOR",
    ],
)
def test_other_variables_are_not(name: str) -> None:
    (job,) = planned(training_jobs=[{**JOB, "env": {name: "x"}}])["jobs"]
    assert {"name": name, "value": "x"} in job["env"]


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        ({"DATABASE": "postgres://jane:hunter2@db/x"}, "holds an address with a password"),
        ({"A": {"valueFrom": {"secretKeyRef": {"name": "hunter2"}}}}, "must be a string; quote it. A Secret goes into"),
        ({"A": 1}, "must be a string; quote it"),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, "asks the NVIDIA runtime for GPUs past the scheduler"),
        ({"1A": "x"}, "its name must be letters, digits or _"),
    ],
)
def test_other_wrong_variables(env: dict[str, Any], problem: str) -> None:
    said = refusal(model_servers=[{**SERVER, "env": env}])
    assert problem in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"pvcs": [{"name": "data"}]}, ".pvcs[0]: path is missing"),
        ({"pvcs": [{**PVC, "path": "data"}]}, ".pvcs[0].path: 'data' is no path such as /data"),
        ({"pvcs": [{**PVC, "path": "/data/../etc"}]}, "is no path"),
        ({"pvcs": [{**PVC, "path": "/"}]}, "is no path"),
        ({"pvcs": [{**PVC, "path": "//etc/x"}]}, "is no path"),
        ({"pvcs": [{**PVC, "path": "/model/x"}], "model": MODEL}, ".pvcs[0].path mounts /model/x inside it"),
        ({"pvcs": [{**PVC, "path": "/tmp/x"}]}, ".pvcs[0].path: /tmp/x is not for mounts; choose another"),
        ({"pvcs": [{**PVC, "path": "/var/run/nvidia-container-devices/all"}]}, "is not for mounts"),
        ({"pvcs": [PVC, {**PVC, "name": "b"}]}, ".pvcs[1].path: /data is taken by"),
        ({"pvcs": [PVC, {**PVC, "path": "/b"}]}, ".pvcs: data is there more than once"),
        ({"pvcs": [{**PVC, "folder": "../x"}]}, ".pvcs[0].folder: '../x' is no folder of the volume"),
        ({"pvcs": [{**PVC, "size": "big"}]}, ".pvcs[0].size: 'big' is no size"),
        ({"pvcs": [{**PVC, "storage_class": "fast"}]}, "is only for a claim that is made here; give it a size"),
        ({"pvcs": [{**PVC, "size": "1Gi", "access_modes": ["RWO"]}]}, "'RWO' is not one of ReadWriteOnce"),
        ({"pvcs": [{**PVC, "readonly": True}]}, "(did you mean read_only?)"),
        ({"secrets": [{**SECRET, "name": "model-registry-credential"}]}, "(did you mean model-registry-credentials?)"),
        ({"secrets": [{**SECRET, "keys": ["registry-tokn"]}]}, ".secrets[0].keys[0]: Secret model-registry-crede"),
        ({"secrets": [{**SECRET, "mode": "0644"}]}, ".secrets[0]: no key 'mode' is known here"),
        ({"secrets": [SECRET, SECRET]}, "is there more than once"),
        ({"secrets": "x"}, ".secrets: must be a list"),
        ({"config_maps": [{"name": "a", "path": "/model-check"}]}, "/model-check is not for mounts"),
        ({"scratch": [{"path": "/cache"}]}, ".scratch[0]: size is missing"),
        ({"model": {"pvc": "models"}}, ".model: say what its files must be: by sums, or by sums_sha256"),
        ({"model": {**MODEL, "unpinned": True}}, ".model: say what its files must be"),
        ({"model": {**MODEL, "sums_sha256": "123"}}, ".model.sums_sha256: '123' is no SHA-256"),
        ({"model": {"pvc": "models", "sums": {}}}, ".model.sums: names no file"),
        ({"model": {"pvc": "models", "sums": {"a": "x"}}}, ".model.sums.a: 'x' is no SHA-256"),
        ({"model": {"pvc": "models", "sums": {"../a": SUM}}}, "its name must be relative"),
        ({"model": {"pvc": "m", "sums": {f"{n:0200}": SUM for n in range(4000)}}}, "is too long for a ConfigMap"),
        ({"model": {**MODEL, "allow_pickle": ["*.pkl"]}}, ".model.allow_pickle: stage serving loads no pickles"),
        ({"model": {**MODEL, "allow_pickle": ["/x"]}}, ".model.allow_pickle[0]: '/x' can match no file"),
        ({"model": {**MODEL, "folder": "/3"}}, ".model.folder: '/3' is no folder of the volume"),
        ({"model": {**MODEL, "path": "/etc/model"}}, ".model.path: /etc/model is not for mounts"),
    ],
)
def test_what_is_wrong_with_mounts(change: dict[str, Any], problem: str) -> None:
    said = refusal(model_servers=[{**SERVER, **change}])
    assert problem in said
    assert said.count(problem) == 1


def test_everything_is_said_at_once_and_once() -> None:
    said = refusal(
        training_jobs=[{**JOB, "gpus": -1, "stage": "x"}, {**JOB, "pvcs": "x", "secrets": "y"}],
        model_servers=[{**SERVER, "ports": "x"}],
        pickle_stages=["servin"],
        state="gone",
        model_check_image={"repository": "x", "tag": "latest"},
    )
    assert said.startswith("The workloads are wrong (7 problems):\n")
    assert len(said.splitlines()) == 8


@pytest.mark.parametrize(
    ("jobs", "servers", "problem"),
    [
        ([JOB, JOB], [], "workloads: train is there 2 times in ml-training"),
        ([{**JOB, "stage": "serving"}], [{**SERVER, "name": "train"}], "train is there 2 times in ml-serving"),
        (
            [
                {**JOB, "pvcs": [{**PVC, "size": "1Gi"}]},
                {**JOB, "name": "b", "pvcs": [{**PVC, "size": "2Gi"}]},
            ],
            [],
            "claim ml-training/data has two sizes, classes or modes",
        ),
    ],
)
def test_two_that_would_make_the_same_objects(
    jobs: list[dict[str, Any]], servers: list[dict[str, Any]], problem: str
) -> None:
    assert problem in refusal(training_jobs=jobs, model_servers=servers)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"requests": {"cpu": "4", "memory": "16Gi"}, "limits": {"cpu": "8", "memory": "32Gi"}}),
        (
            {"limits": {"memory": "8Gi"}},
            {"requests": {"cpu": "4", "memory": "8Gi"}, "limits": {"cpu": "8", "memory": "8Gi"}},
        ),
        (
            {"requests": {"cpu": 16}},
            {"requests": {"cpu": "16", "memory": "16Gi"}, "limits": {"cpu": "16", "memory": "32Gi"}},
        ),
    ],
)
def test_a_request_is_never_above_its_limit(given: dict[str, Any], expected: dict[str, Any]) -> None:
    (job,) = planned(training_jobs=[{**JOB, "gpus": 0, "resources": given}])["jobs"]
    assert job["resources"] == expected


def test_a_lock_pins_what_has_no_digest() -> None:
    unpinned = {**IMAGE, "digest": ""}
    lock = {"registry.internal/ml-trainer:v2.1": {"digest": DIGEST}}
    (job,) = planned(training_jobs=[{**JOB, "image": unpinned}], lock=lock)["jobs"]
    assert job["image"] == f"registry.internal/ml-trainer:v2.1@{DIGEST}"
    (job,) = planned(training_jobs=[{**JOB, "image": unpinned}], require_digests=False)["jobs"]
    assert job["image"] == "registry.internal/ml-trainer:v2.1"


def test_a_secret_that_is_made_elsewhere_is_a_choice() -> None:
    secret = {"name": "other", "path": "/secrets/other", "keys": ["any"], "of_stage": False}
    (server,) = planned(model_servers=[{**SERVER, "secrets": [secret]}])["servers"]
    assert server["secrets"] == [{"name": "other", "path": "/secrets/other", "keys": ["any"], "volume": "secret-other"}]


def test_pickles_are_for_stages_that_say_so() -> None:
    model = {**MODEL, "allow_pickle": ["*.pkl"]}
    (server,) = planned(model_servers=[{**SERVER, "model": model}], pickle_stages=["serving"])["servers"]
    assert server["model"]["arguments"] == ["/model", "/model/SHA256SUMS", SUM, "*.pkl"]


def test_what_is_absent_is_not_planned_and_needs_nothing() -> None:
    jobs, servers = [{**JOB, "pvcs": [{**PVC, "size": "1Gi"}]}], [{**SERVER, "model": MODEL}]
    result = planned(training_jobs=jobs, model_servers=servers, state="absent")
    for key in ("jobs", "servers", "checks", "claims", "requires", "kept"):
        assert result[key] == []
    result = planned(training_jobs=[{**jobs[0], "state": "absent"}, {**JOB, "name": "next"}], model_servers=servers)
    assert [job["name"] for job in result["jobs"]] == ["next"]


def test_a_claim_that_another_workload_reads_its_model_from_stays() -> None:
    publisher = {**JOB, "name": "publish", "state": "absent", "pvcs": [{"name": "base", "path": "/out", "size": "1Gi"}]}
    reader = {**JOB, "name": "tune", "model": {**MODEL, "pvc": "base"}}
    base = {"api_version": "v1", "kind": "PersistentVolumeClaim", "namespace": "ml-training", "name": "base"}
    assert base not in planned(training_jobs=[publisher])["kept"]
    assert base in planned(training_jobs=[publisher, reader])["kept"]
    assert base not in planned(training_jobs=[{**publisher, "state": "present"}, reader])["kept"]  # made here


def test_what_pods_name_and_nobody_here_makes_must_be_there() -> None:
    job = {**JOB, "pvcs": [{**PVC, "size": "1Gi"}, {"name": "theirs", "path": "/theirs"}]}
    job |= {"config_maps": [{"name": "settings", "path": "/settings"}], "image_pull_secrets": ["pull"]}
    secret = {"name": "token", "path": "/secrets/token", "of_stage": False}
    found = planned(training_jobs=[job], model_servers=[{**SERVER, "model": MODEL, "secrets": [secret]}])["requires"]
    assert {(entry["kind"], entry["namespace"], entry["name"]) for entry in found} == {
        ("ServiceAccount", "ml-training", "ml-trainer"),
        ("PersistentVolumeClaim", "ml-training", "theirs"),
        ("ConfigMap", "ml-training", "settings"),
        ("Secret", "ml-training", "pull"),
        ("ServiceAccount", "ml-serving", "model-server"),
        ("PersistentVolumeClaim", "ml-serving", MODEL["pvc"]),
        ("Secret", "ml-serving", "token"),
    }
    # An ExternalSecret of the same name will make a Secret, though perhaps after this layer.
    makers = {entry["name"]: [maker["kind"] for maker in entry.get("made_by", ())] for entry in found}
    assert {name for name, kinds in makers.items() if kinds == ["ExternalSecret"]} == {"pull", "token"}


def test_what_a_choice_opens_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(planned_settings.display, "warning", warned.append)
    filter_module.workloads(
        {
            **SETTINGS_GIVEN,
            "training_jobs": [{**JOB, "ttl_seconds_after_finished": 60}],
            "model_servers": [
                {**SERVER, "model": {"pvc": "models", "unpinned": True}},
                {**SERVER, "name": "b", "model": {"pvc": "models", "sums": {"a": SUM}}},
            ],
        }
    )
    assert len(warned) == 2
    assert "the next run of this role starts it anew" in warned[0]
    assert "whoever can write the volume of models decides what runs" in warned[1]


def test_the_filter_says_what_is_wrong() -> None:
    with pytest.raises(AnsibleFilterError, match="The stages are wrong"):
        filter_module.workloads({**SETTINGS_GIVEN, "stages": [{}]})
    with pytest.raises(AnsibleFilterError, match="name is missing"):
        filter_module.workloads({**SETTINGS_GIVEN, "training_jobs": [{"image": IMAGE}]})
