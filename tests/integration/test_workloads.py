# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that training jobs and model servers run where every other layer holds, and what of them changes and goes.

All layers of the default stages are applied first, and every admission policy denies.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from audit_log import AuditLog
from gpu_stack import all_gpu_nodes, gpu_nodes
from role_runs import RoleRun, RoleRunner
from sample_manifests import secret
from sandbox_access import Kubectl

sys.path.insert(0, str(Path(__file__).parent / "admission"))

from pod_objects import IMAGE, container, pod
from policy_canaries import refusal
from waiting import wait_for

DIGEST = "sha256:" + "0a" * 32
TRAINER = {"repository": "registry.internal/ml-trainer", "tag": "v2.1", "digest": DIGEST}
MODEL_SERVER = {"repository": "registry.internal/model-server", "tag": "v1.4", "digest": DIGEST}
BUSYBOX = {"repository": "registry.internal/busybox", "tag": "1.37.0", "digest": DIGEST}
WEIGHTS = b"weights"
JOB: dict[str, Any] = {
    "name": "fraud-3",
    "image": TRAINER,
    "args": ["--epochs", "10"],
    "env": {"LOG_LEVEL": "info"},
    "pvcs": [
        {"name": "training-dataset", "path": "/data"},
        {"name": "model-artifacts", "path": "/output", "read_only": False},
    ],
}
SERVER: dict[str, Any] = {
    "name": "fraud",
    "image": MODEL_SERVER,
    "replicas": 2,
    "model": {"pvc": "models", "folder": "3", "sums": {"model.safetensors": hashlib.sha256(WEIGHTS).hexdigest()}},
    "secrets": [{"name": "model-registry-credentials", "path": "/secrets/registry", "keys": ["registry-token"]}],
}
GIVEN: dict[str, Any] = {
    "workloads_training_jobs": [JOB],
    "workloads_model_servers": [SERVER],
    "workloads_model_check_image": BUSYBOX,
    "workloads_wait_timeout": 120,
}
POLICIES = (
    *(
        "image_digests",
        "image_registries",
        "secrets",
        "gpu_use",
        "pods",
        "placement",
        "host_access",
        "rbac",
        "namespaces",
    ),
    *("tampering", "network", "tokens", "nodes"),
)
DENYING: dict[str, Any] = {
    **{f"admission_policies_{policy}_actions": ["Deny", "Audit"] for policy in POLICIES},
    "admission_policies_trial_stages": [],
    "admission_policies_cluster_wide": {},
    "admission_policies_registries": ["registry.internal"],
}
CLAIMS = (("ml-training", "training-dataset"), ("ml-training", "model-artifacts"), ("ml-serving", "models"))
MADE = {
    "Job ml-training/fraud-3",
    "Deployment ml-serving/fraud",
    "Service ml-serving/fraud",
    "PodDisruptionBudget ml-serving/fraud",
    "ConfigMap ml-serving/fraud-model-check",
}


@pytest.fixture(scope="module")
def run(kubeconfig: Path, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleRunner]:
    """Runs the role where all other layers are in force; the volumes are there, too."""
    home = tmp_path_factory.mktemp("workloads")
    roles = RoleRunner(home, kubeconfig)
    for role in ("pod_security", "rbac", "network_policies"):
        roles(role)
    roles("admission_policies", **DENYING)
    wait_until_denied(kubectl)
    volumes = [volume for namespace, name in CLAIMS for volume in volume_and_claim(namespace, name)]
    for item in (*volumes, spare_volume()):
        kubectl("create", stdin=item)
    kubectl("create", stdin=secret("ml-serving", "model-registry-credentials", **{"registry-token": "a"}))
    with gpu_nodes(home, kubeconfig):
        yield roles
        roles("workloads", **GIVEN, workloads_state="absent")
    roles("admission_policies", **DENYING, admission_policies_state="absent")
    kubectl("delete", "namespace", "ml-training", "ml-serving", "ml-monitoring")
    names = [item["metadata"]["name"] for item in volumes if item["kind"] == "PersistentVolume"]
    kubectl("delete", "persistentvolume", *names, "workloads-spare", "--wait=false")


@pytest.fixture
def deployed(run: RoleRunner, kubectl: Kubectl) -> RoleRunner:
    """The job and the server are there, perhaps from another test, and stay."""
    if made(kubectl) != MADE:
        run("workloads", **GIVEN)
    return run


@pytest.fixture
def changing(deployed: RoleRunner) -> Iterator[RoleRunner]:
    """The job and the server are there, and taken away at the end, as nobody knows what they are then."""
    yield deployed
    deployed("workloads", **GIVEN, workloads_state="absent")


@pytest.fixture
def empty(run: RoleRunner, kubectl: Kubectl) -> RoleRunner:
    """Nothing of this role is there."""
    if made(kubectl):
        run("workloads", **GIVEN, workloads_state="absent")
    wait_for(lambda: made(kubectl) == set() and pods(kubectl) == [], "nothing is left")
    return run


def counts(done: RoleRun) -> Counter[str]:
    """Number of objects by action in the tasks that change something; others only ask what they would do."""
    return sum((Counter(result["counts"]) for result in done.results if result["changed"]), Counter())


def wait_until_denied(kubectl: Kubectl) -> None:
    """The API server takes a moment to act on policies: wait until each refuses what breaks only that one."""
    good = partial(pod, "canary", namespace="ml-training", serviceAccountName="ml-trainer")
    gpu = container(resources={"limits": {"nvidia.com/gpu": 1}})
    canaries = {
        "image-digests": good(container(image="registry.internal/ml-trainer:v2.1")),
        "image-registries": good(container(image=IMAGE.replace("registry.internal", "registry.evil"))),
        "secrets": good(container(envFrom=[{"secretRef": {"name": "credentials"}}])),
        "gpu-use": good(gpu),
        "pods": good(volumes=[{"name": "tmp", "emptyDir": {}}]),
    }
    for policy, canary in canaries.items():
        wait_for(partial(_denies, kubectl, policy, canary), f"{policy} denies")


def _denies(kubectl: Kubectl, policy: str, canary: dict[str, Any]) -> bool:
    return f"'{policy}.gpu-cluster.hardening'" in refusal(kubectl, canary)


def volume_and_claim(namespace: str, name: str) -> list[dict[str, Any]]:
    amount = {"storage": "1Gi"}
    volume = {
        "accessModes": ["ReadWriteMany"],
        "capacity": amount,
        "claimRef": {"namespace": namespace, "name": name},
        "storageClassName": "",
        "hostPath": {"path": f"/tmp/{name}"},
    }
    claim = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": amount},
        "storageClassName": "",
        "volumeName": f"workloads-{name}",
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"workloads-{name}"},
            "spec": volume,
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"namespace": namespace, "name": name},
            "spec": claim,
        },
    ]


def spare_volume() -> dict[str, Any]:
    """A volume for a claim that the role makes."""
    volume: dict[str, Any] = volume_and_claim("ml-training", "spare")[0]
    del volume["spec"]["claimRef"]
    volume["spec"]["storageClassName"] = "workloads-test"
    return volume


def pods(kubectl: Kubectl) -> list[dict[str, Any]]:
    """All pods in the namespaces of both stages."""
    found: list[dict[str, Any]] = []
    for namespace in ("ml-training", "ml-serving"):
        found += kubectl("get", "pods", "-n", namespace)["items"]
    return found


def made(kubectl: Kubectl) -> set[str]:
    """All that this role applied, in the whole cluster, of every kind it knows."""
    kinds = "job,deployment,service,poddisruptionbudget,configmap,persistentvolumeclaim"
    selector = "app.kubernetes.io/part-of=gpu-cluster-hardening,gpu-cluster.hardening/stage"
    return {
        f"{item['kind']} {item['metadata']['namespace']}/{item['metadata']['name']}"
        for item in kubectl("get", kinds, "-A", "-l", selector)["items"]
    }


def test_both_run_on_gpu_nodes_where_every_policy_denies(deployed: RoleRunner, kubectl: Kubectl) -> None:
    kubectl("wait", "job/fraud-3", "-n", "ml-training", "--for=condition=complete", "--timeout=60s")
    assert kubectl.get("deployment", "fraud", "ml-serving")["status"]["availableReplicas"] == 2
    found = pods(kubectl)
    assert sorted(item["status"]["phase"] for item in found) == ["Running", "Running", "Succeeded"]
    assert {item["spec"]["nodeName"] for item in found} <= set(all_gpu_nodes(kubectl))
    # Both meet restricted, though ml-serving only enforces baseline: a dry run of the label lists what would not.
    for namespace in ("ml-training", "ml-serving"):
        label = "pod-security.kubernetes.io/enforce=restricted"
        said = kubectl.run("label", "--dry-run=server", "--overwrite", "namespace", namespace, label)
        assert (said.returncode, said.stderr) == (0, "")
    assert made(kubectl) == MADE


def test_nothing_is_warned_of_and_a_second_run_sends_no_write(deployed: RoleRunner, audit: AuditLog) -> None:
    audit.mark()
    again = deployed("workloads", **GIVEN)
    assert not again.changed
    assert audit.requests().writes == []
    assert "WARNING" not in again.output


@pytest.mark.parametrize(
    ("change", "policies"),
    [
        (lambda spec: spec["containers"][0].update(image="registry.internal/model-server:v1.4"), {"image-digests"}),
        (lambda spec: spec["initContainers"][0].update(image=f"docker.io/busybox@{DIGEST}"), {"image-registries"}),
        (lambda spec: secret_of(spec).update(defaultMode=0o444), {"secrets"}),
        (lambda spec: spec.update(serviceAccountName="default"), {"placement", "gpu-use"}),
        (lambda spec: spec["containers"][0]["resources"]["limits"].pop("memory"), {"gpu-use"}),
    ],
)
def test_with_one_thing_less_the_same_server_is_refused(
    deployed: RoleRunner, kubectl: Kubectl, change: Callable[[Any], Any], policies: set[str]
) -> None:
    live = kubectl.get("deployment", "fraud", "ml-serving")
    copy = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {"name": "copy", "namespace": "ml-serving"},
        "spec": live["spec"],
    }
    assert refusal(kubectl, copy) == ""
    change(copy["spec"]["template"]["spec"])
    said = refusal(kubectl, copy)  # by one policy: the server stops at any that denies
    assert any(f"'{policy}.gpu-cluster.hardening'" in said for policy in policies), said


def secret_of(spec: dict[str, Any]) -> dict[str, Any]:
    (found,) = [volume["secret"] for volume in spec["volumes"] if "secret" in volume]
    return found


def test_the_files_of_a_secret_are_for_the_user_of_the_container_alone(deployed: RoleRunner, kubectl: Kubectl) -> None:
    servers = kubectl("get", "pods", "-n", "ml-serving")["items"]
    assert len(servers) == 2
    for item in servers:
        spec = item["spec"]
        assert secret_of(spec) == {
            "secretName": "model-registry-credentials",
            "defaultMode": 0o400,
            "items": [{"key": "registry-token", "path": "registry-token"}],
        }
        # The kubelet makes files of root, and for fsGroup adds 0440 (roMask in pkg/volume/volume_linux.go).
        user = spec["securityContext"]
        assert user["fsGroup"] == user["runAsGroup"] == user["runAsUser"] == 65532
        assert [volume for volume in spec["volumes"] if "projected" in volume] == []
        for one in [*spec["initContainers"], *spec["containers"]]:
            assert "envFrom" not in one
            assert all(variable.keys() == {"name", "value"} for variable in one.get("env", ()))


def test_traffic_finds_the_pods_and_the_policies_of_the_stages_hold_them(
    deployed: RoleRunner, kubectl: Kubectl
) -> None:
    for stage in ("training", "serving"):
        policy = kubectl.get("networkpolicy", f"allow-{stage}", f"ml-{stage}")
        selected = policy["spec"]["podSelector"]["matchLabels"]
        labels = [item["metadata"]["labels"] for item in kubectl("get", "pods", "-n", f"ml-{stage}")["items"]]
        assert selected
        assert labels
        assert all(selected.items() <= one.items() for one in labels)
    (ports,) = [
        {port["port"] for port in rule["ports"]}
        for rule in kubectl.get("networkpolicy", "allow-serving", "ml-serving")["spec"]["ingress"]
    ]
    slices = partial(kubectl, "get", "endpointslices", "-n", "ml-serving", "-l", "kubernetes.io/service-name=fraud")
    wait_for(lambda: len(ready(slices())) == 2, "both pods are endpoints")
    assert {port["port"] for item in slices()["items"] for port in item["ports"]} == ports == {8080, 8081}
    budget = partial(kubectl.get, "poddisruptionbudget", "fraud", "ml-serving")
    wait_for(lambda: budget()["status"]["disruptionsAllowed"] == 1, "one pod may go at a time")


def ready(slices: dict[str, Any]) -> list[str]:
    return [
        address
        for item in slices["items"]
        for endpoint in item["endpoints"] or ()
        if endpoint["conditions"]["ready"]
        for address in endpoint["addresses"]
    ]


def test_what_the_server_holds_refuses_a_model_that_was_changed(
    deployed: RoleRunner, kubectl: Kubectl, tmp_path: Path
) -> None:
    held = kubectl.get("configmap", "fraud-model-check", "ml-serving")["data"]
    for name, text in held.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (init,) = kubectl.get("deployment", "fraud", "ml-serving")["spec"]["template"]["spec"]["initContainers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in init["volumeMounts"]}
    assert mounts == {"/model": "model", "/model-check": "model-check"}
    model = tmp_path / "model"
    model.mkdir()
    places = {"/model-check": str(tmp_path), "/model": str(model)}

    def check() -> subprocess.CompletedProcess[str]:
        command = init["command"] + init["args"]
        for inside, outside in places.items():
            command = [part.replace(inside, outside) if part.startswith(f"{inside}") else part for part in command]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    (model / "model.safetensors").write_bytes(WEIGHTS)
    assert check().returncode == 0
    (model / "model.safetensors").write_bytes(b"others")
    assert (check().returncode, "'model.safetensors' is not what it was" in check().stderr) == (1, True)


def test_check_mode_says_what_the_run_then_does(empty: RoleRunner, kubectl: Kubectl, audit: AuditLog) -> None:
    audit.mark()
    foretold = empty("workloads", "--check", "--diff", **GIVEN)
    assert audit.requests().writes == []
    assert made(kubectl) == set()
    done = empty("workloads", **GIVEN)
    assert counts(done) == counts(foretold) == Counter(created=len(MADE))
    audit.mark()
    foretold = empty("workloads", "--check", **GIVEN, workloads_state="absent")
    assert audit.requests().writes == []
    done = empty("workloads", **GIVEN, workloads_state="absent")
    assert counts(done)["deleted"] == counts(foretold)["deleted"] == len(MADE)


def test_a_job_that_was_changed_is_refused_and_nothing_else_is_changed_either(
    deployed: RoleRunner, kubectl: Kubectl, audit: AuditLog
) -> None:
    changed = {**GIVEN, "workloads_training_jobs": [{**JOB, "args": ["--epochs", "20"]}]}
    changed["workloads_model_servers"] = [{**SERVER, "replicas": 1}]
    for options in ([], ["--check"]):
        audit.mark()
        failed = deployed.attempt("workloads", *options, **changed)
        assert failed.returncode != 0
        assert "Job ml-training/fraud-3: spec.template was changed, and that cannot be changed in place" in failed.text
        assert "Give it another name, or let it be replaced (replace)" in failed.text
        # What the server says of it is the whole template, twice.
        shown = [line for line in failed.output.splitlines() if not line.startswith("ok: ")]
        assert "Invalid value" not in "".join(shown)
        assert audit.requests().writes == []
    assert kubectl.get("deployment", "fraud", "ml-serving")["spec"]["replicas"] == 2


def test_a_job_is_replaced_only_where_its_successor_is_admitted(changing: RoleRunner, kubectl: Kubectl) -> None:
    def live() -> dict[str, Any]:
        found: dict[str, Any] = kubectl.get("job", "fraud-3", "ml-training")
        return found

    before = live()["metadata"]["uid"]
    foreign = {**TRAINER, "repository": "docker.io/evil/trainer"}
    job = {**JOB, "replace": True, "image": foreign}
    refused = changing.attempt("workloads", **{**GIVEN, "workloads_training_jobs": [job]})
    assert refused.returncode != 0
    assert "is not approved here" in refused.text
    assert live()["metadata"]["uid"] == before

    job = {**JOB, "replace": True, "args": ["--epochs", "20"]}
    namesake = {"name": JOB["name"], "stage": "serving", "image": TRAINER}
    changing("workloads", **{**GIVEN, "workloads_training_jobs": [JOB, namesake]})
    neighbour = kubectl.get("job", "fraud-3", "ml-serving")["metadata"]["uid"]
    given = {**GIVEN, "workloads_training_jobs": [job, namesake]}
    foretold = changing("workloads", "--check", **given)
    assert live()["metadata"]["uid"] == before
    done = changing("workloads", **given)
    assert counts(done) == counts(foretold)
    assert counts(done)["replaced"] == 1
    assert live()["metadata"]["uid"] != before
    assert live()["spec"]["template"]["spec"]["containers"][0]["args"] == ["--epochs", "20"]
    assert kubectl.get("job", "fraud-3", "ml-serving")["metadata"]["uid"] == neighbour
    assert not changing("workloads", **given).changed
    kubectl("delete", "job", "fraud-3", "-n", "ml-serving")


def test_a_claim_with_a_size_is_made_and_kept_until_its_data_may_go(
    empty: RoleRunner, kubectl: Kubectl, audit: AuditLog
) -> None:
    claim = {"name": "spare", "path": "/spare", "size": "1Gi", "storage_class": "workloads-test"}
    job = {**JOB, "pvcs": [{**claim, "access_modes": ["ReadWriteMany"], "read_only": False}]}
    given = {"workloads_training_jobs": [job], "workloads_wait_timeout": 120}
    empty("workloads", **given)
    kubectl("wait", "job/fraud-3", "-n", "ml-training", "--for=condition=complete", "--timeout=60s")
    assert kubectl.get("persistentvolumeclaim", "spare", "ml-training")["status"]["phase"] == "Bound"
    audit.mark()
    assert not empty("workloads", **given).changed
    assert audit.requests().writes == []
    empty("workloads", **given, workloads_state="absent")
    assert made(kubectl) == {"PersistentVolumeClaim ml-training/spare"}
    empty("workloads", **given, workloads_state="absent", workloads_delete_claims=True)
    assert made(kubectl) == set()


def test_single_entries_and_what_they_no_longer_ask_for_go_away(changing: RoleRunner, kubectl: Kubectl) -> None:
    server = {key: value for key, value in SERVER.items() if key != "model"}
    given = {
        **GIVEN,
        "workloads_training_jobs": [{**JOB, "state": "absent"}],
        "workloads_model_servers": [server],
    }
    changing("workloads", **given)
    assert made(kubectl) == MADE - {"Job ml-training/fraud-3", "ConfigMap ml-serving/fraud-model-check"}
    assert "initContainers" not in kubectl.get("deployment", "fraud", "ml-serving")["spec"]["template"]["spec"]


def test_the_number_of_pods_is_left_to_an_autoscaler(changing: RoleRunner, kubectl: Kubectl, audit: AuditLog) -> None:
    given = {**GIVEN, "workloads_model_servers": [{**SERVER, "autoscaled": True}]}
    changing("workloads", **given)
    kubectl("scale", "deployment", "fraud", "-n", "ml-serving", "--replicas=3")
    audit.mark()
    assert not changing("workloads", **given).changed
    assert audit.requests().writes == []
    assert kubectl.get("deployment", "fraud", "ml-serving")["spec"]["replicas"] == 3


def test_absent_leaves_no_trace_and_is_done_once(empty: RoleRunner, kubectl: Kubectl, audit: AuditLog) -> None:
    empty("workloads", **GIVEN)
    empty("workloads", **GIVEN, workloads_state="absent")
    assert made(kubectl) == set()
    assert kubectl.get("persistentvolumeclaim", "models", "ml-serving") is not None
    audit.mark()
    assert not empty("workloads", **GIVEN, workloads_state="absent").changed
    assert audit.requests().writes == []


def test_by_default_nothing_is_asked_of_the_server(run: RoleRunner, audit: AuditLog) -> None:
    audit.mark()
    assert not run("workloads").changed
    assert {request.resource for request in audit.requests().all} == {"", "configmaps"}


NOWHERE = {
    "name": "nowhere",
    "namespace": "ml-nowhere",
    "gpu": True,
    "service_account": {"name": "nobody"},
    "pods": {"app": "nowhere"},
    "egress": ["dns"],
}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"workloads_training_jobs": [{**JOB, "gpu": 1}]}, "workloads_training_jobs[0]: no key 'gpu' is known here"),
        (
            {"workloads_training_jobs": [{**JOB, "env": {"HF_TOKEN": "hunter2"}}]},
            "workloads_training_jobs[0].env.HF_TOKEN: looks like a credential",
        ),
        (
            {"workloads_training_jobs": [{**JOB, "image": {**TRAINER, "digest": ""}}]},
            "it has no digest, and registry.internal/ml-trainer:v2.1 is not in the lock",
        ),
        ({"workloads_model_servers": [{**SERVER, "stage": "monitoring"}]}, "stage monitoring has gpu: false"),
        (
            {"workloads_model_servers": [{**SERVER, "secrets": [{"name": "none", "path": "/secrets"}]}]},
            "stage serving has no Secret none",
        ),
        (
            {"workloads_model_servers": [{**SERVER, "model": {**SERVER["model"], "allow_pickle": ["*.pkl"]}}]},
            "stage serving loads no pickles",
        ),
        ({"workloads_model_check_image": {**BUSYBOX, "tag": "latest"}}, "latest is another image tomorrow"),
        (
            {
                "gpu_cluster_stages": [NOWHERE],
                "workloads_training_jobs": [{**JOB, "stage": "nowhere"}],
                "workloads_model_servers": [],
            },
            "there is no ServiceAccount ml-nowhere/nobody. Run the roles pod_security, rbac and network_pol",
        ),
        (
            {"workloads_training_jobs": [{**JOB, "image": {**TRAINER, "repository": "docker.io/evil/trainer"}}]},
            'repository \\"docker.io/evil/trainer\\" is not approved here',
        ),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(
    empty: RoleRunner, kubectl: Kubectl, audit: AuditLog, variables: dict[str, Any], message: str
) -> None:
    audit.mark()
    failed = empty.attempt("workloads", **{**GIVEN, **variables})
    assert failed.returncode != 0
    assert message in failed.text, json.dumps(failed.text)
    assert "hunter2" not in failed.text
    assert audit.requests().writes == []
    assert made(kubectl) == set()
