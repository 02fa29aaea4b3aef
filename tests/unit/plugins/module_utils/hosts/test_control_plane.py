# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane of a machine: which files and flags its API server gets, and what is left as it is."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts import control_plane
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostPlan
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.static_pods import flag_of

KEY = base64.b64encode(b"k" * 32).decode()
MANIFEST_PATH = "/etc/kubernetes/manifests/kube-apiserver.yaml"
SETTINGS: dict[str, Any] = {
    "audit": True,
    "audit_log": {"max_age": 30, "max_backup": 10, "max_size": 100},
    "quiet_users": [],
    "pod_security": {
        "enforce": "baseline",
        "audit": "restricted",
        "warn": "restricted",
        "version": "latest",
        "exempt_namespaces": ["kube-system", "gpu-operator"],
    },
    "event_limits": [{"type": "Namespace", "qps": 50, "burst": 100, "cacheSize": 2000}],
    "anonymous_paths": [],
    "encryption_key": "",
    "encrypted_resources": ["secrets"],
    "encryption_writes": True,
}


def manifest(program: str, *flags: str) -> dict[str, str]:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": program, "namespace": "kube-system"},
        "spec": {
            "containers": [
                {
                    "name": program,
                    "command": [program, *flags],
                    "volumeMounts": [{"name": "k8s-certs", "mountPath": "/etc/kubernetes/pki", "readOnly": True}],
                }
            ],
            "volumes": [{"name": "k8s-certs", "hostPath": {"path": "/etc/kubernetes/pki"}}],
        },
    }
    path = f"/etc/kubernetes/manifests/{program}.yaml"
    return {"path": path, "text": yaml.safe_dump(pod), "mode": "0600"}


def plan(*flags: str, kind: str = "static", **settings: Any) -> HostPlan:
    api_server = manifest("kube-apiserver", *(flags or ("--enable-admission-plugins=NodeRestriction",)))
    scheduler = manifest("kube-scheduler", "--leader-elect=true")
    facts = {"kind": kind, "manifests": {"kube-apiserver": api_server, "kube-scheduler": scheduler}}
    return control_plane.plan(facts, {**SETTINGS, **settings})


def contents(made: HostPlan) -> dict[str, Any]:
    return {file.path.rsplit("/", 1)[-1]: yaml.safe_load(file.content) for file in made.files}


def flag(made: HostPlan, name: str, program: str = "kube-apiserver") -> str | None:
    return flag_of(contents(made)[f"{program}.yaml"], name)


def test_api_server_is_given_files_and_sees_their_folder() -> None:
    made = plan()
    pod = contents(made)["kube-apiserver.yaml"]
    assert flag(made, "audit-policy-file") == f"{control_plane.FOLDER}/audit-policy.yaml"
    assert flag(made, "admission-control-config-file") == f"{control_plane.FOLDER}/admission.yaml"
    assert flag(made, "authentication-config") == f"{control_plane.FOLDER}/authentication.yaml"
    assert flag(made, "enable-admission-plugins") == "NodeRestriction,EventRateLimit"
    mounts = {mount["mountPath"]: mount["readOnly"] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    assert mounts == {"/etc/kubernetes/pki": True, control_plane.FOLDER: True, control_plane.LOG_FOLDER: False}
    assert len(pod["spec"]["volumes"]) == 3


@pytest.mark.parametrize("program", ["kube-apiserver", "kube-scheduler"])
def test_profiling_is_off(program: str) -> None:
    assert flag(plan("--profiling=true"), "profiling", program) == "false"


def test_second_plan_on_what_the_first_wrote_is_the_same() -> None:
    first = {file.path: file.content for file in plan().files}
    given = {
        name: {"path": f"/etc/kubernetes/manifests/{name}.yaml", "mode": "0600"}
        for name in ("kube-apiserver", "kube-scheduler")
    }
    facts = {"kind": "static", "manifests": {n: {**one, "text": first[one["path"]]} for n, one in given.items()}}
    assert {file.path: file.content for file in control_plane.plan(facts, SETTINGS).files} == first


def test_api_server_starts_anew_where_only_a_file_changes() -> None:
    before, after = (contents(plan(quiet_users=users))["kube-apiserver.yaml"] for users in ([], ["prometheus"]))
    assert before["metadata"]["annotations"] != after["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("given", "file"),
    [
        ("--audit-policy-file=/etc/mine.yaml", "audit-policy.yaml"),
        ("--admission-control-config-file=/etc/mine.yaml", "admission.yaml"),
        ("--authentication-config=/etc/mine.yaml", "authentication.yaml"),
        ("--encryption-provider-config=/etc/mine.yaml", "encryption.yaml"),
        ("--oidc-issuer-url=https://sso", "authentication.yaml"),
        ("--anonymous-auth=true", "authentication.yaml"),
    ],
)
def test_what_somebody_else_set_is_left_and_said(given: str, file: str) -> None:
    made = plan(given, encryption_key=KEY)
    assert file not in contents(made)
    assert flag(made, given.removeprefix("--").partition("=")[0]) == given.partition("=")[2]
    assert len(made.warnings) == 1


def test_strangers_who_are_refused_already_stay_refused() -> None:
    made = plan("--anonymous-auth=false")
    assert "authentication.yaml" not in contents(made)
    assert made.warnings == ()


def test_strangers_may_ask_for_health_and_nothing_else() -> None:
    paths = [one["path"] for one in contents(plan())["authentication.yaml"]["anonymous"]["conditions"]]
    assert paths == ["/livez", "/readyz", "/healthz"]


@pytest.mark.parametrize(("writes", "order"), [(True, ["secretbox", "identity"]), (False, ["identity", "secretbox"])])
def test_key_is_read_by_all_before_one_writes_with_it(writes: bool, order: list[str]) -> None:
    made = plan(encryption_key=KEY, encryption_writes=writes)
    (resource,) = contents(made)["encryption.yaml"]["resources"]
    assert [next(iter(provider)) for provider in resource["providers"]] == order
    assert [file.sensitive for file in made.files if file.path.endswith("encryption.yaml")] == [True]


@pytest.mark.parametrize("key", ["short", base64.b64encode(b"k" * 16).decode(), "!" * 44])
def test_key_that_is_none_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(HardeningError) as caught:
        plan(encryption_key=key)
    assert "32 random bytes" in caught.value.message
    assert key not in caught.value.message


@pytest.mark.parametrize("text", ["a: [", "kind: Pod", "[]"])
def test_manifest_that_is_none_is_refused(text: str) -> None:
    facts = {"kind": "static", "manifests": {"kube-apiserver": {"path": MANIFEST_PATH, "text": text, "mode": "0600"}}}
    with pytest.raises(HardeningError, match=MANIFEST_PATH):
        control_plane.plan(facts, SETTINGS)


def test_bodies_of_secrets_are_never_written_down() -> None:
    rules = contents(plan())["audit-policy.yaml"]["rules"]
    first_by_secret = next(rule for rule in rules if "secrets" in str(rule) and rule["level"] != "None")
    assert first_by_secret["level"] == "Metadata"
    bodies = [rule for rule in rules if rule["level"] in ("Request", "RequestResponse")]
    assert all(group.get("resources") or group["group"] for rule in bodies for group in rule["resources"])
    assert not any("secrets" in (group.get("resources") or ()) for rule in bodies for group in rule["resources"])


@pytest.mark.parametrize("kind", ["rke2", "k3s"])
def test_rancher_gets_a_drop_in_that_adds(kind: str) -> None:
    options = contents(plan(kind=kind))["90-gpu-cluster-hardening.yaml"]
    assert "profiling=false" in options["kube-apiserver-arg+"]
    assert "enable-admission-plugins=NodeRestriction,EventRateLimit" in options["kube-apiserver-arg+"]
    assert ("pod-security-admission-config-file" in options) == (kind == "rke2")


def test_machine_without_control_plane_has_no_files() -> None:
    assert plan(kind="") == HostPlan()
