# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the collection talks to the cluster that kubectl talks to, as whom, and leaves nothing behind."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from module_runs import ModuleRunner
from sample_manifests import config_map
from sandbox_access import Kubectl

ELSEWHERE = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "elsewhere",
    "contexts": [{"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "elsewhere"}}],
    "clusters": [{"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "elsewhere", "user": {"token": "t"}}],
}


class Files:
    """Kubeconfigs of a test, made from the administrator's."""

    def __init__(self, good: Path, folder: Path) -> None:
        self._good = yaml.safe_load(good.read_text(encoding="utf-8"))
        self.folder = folder

    def write(self, name: str, document: object) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    def with_user(self, name: str, **user: Any) -> Path:
        """The administrator's kubeconfig with these keys of its user; None takes one away."""
        document = copy.deepcopy(self._good)
        known = document["users"][0]["user"]
        document["users"][0]["user"] = {key: value for key, value in {**known, **user}.items() if value is not None}
        return self.write(name, document)


@pytest.fixture
def files(kubeconfig: Path, tmp_path: Path) -> Files:
    return Files(kubeconfig, tmp_path)


@pytest.mark.parametrize("order", ["ours first", "ours last"])
def test_of_several_kubeconfigs_the_first_decides_as_with_kubectl(
    run_module: ModuleRunner, kubectl: Kubectl, kubeconfig: Path, files: Files, order: str
) -> None:
    other = files.write("other", ELSEWHERE)
    empty = files.write("empty", {"apiVersion": "v1", "kind": "Config", "current-context": "", "clusters": None})
    both = [str(kubeconfig), str(other)] if order == "ours first" else [str(other), str(kubeconfig)]
    several = os.pathsep.join([str(empty), *both])
    environment = {**os.environ, "KUBECONFIG": several}
    command = [str(kubectl.binary), "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"]
    address = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    if order == "ours first":
        assert run_module("cluster_info", kubeconfig=several)["server"] == address
    else:
        failed = run_module.failing("cluster_info", kubeconfig=several, retry_timeout=0)
        assert address == "https://127.0.0.1:1"
        assert f"GET {address}/version" in failed["msg"]


def test_requests_are_made_in_the_name_of_whom_the_kubeconfig_says(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, files: Files
) -> None:
    bot = files.with_user("bot", **{"as": "read-only-bot", "as-groups": ["viewers"]})
    wanted = [config_map(namespace, "one")]
    failed = run_module.failing("manifests", kubeconfig=str(bot), manifests=wanted)
    assert 'User "read-only-bot" cannot' in failed["msg"]
    assert kubectl.get("configmap", "one", namespace) is None
    kubectl("create", "role", "write", "-n", namespace, "--verb=get,list,create,patch", "--resource=configmaps")
    kubectl("create", "rolebinding", "write", "-n", namespace, "--role=write", "--group=viewers")
    assert run_module("manifests", kubeconfig=str(bot), manifests=wanted)["counts"] == {"created": 1}


def test_the_options_are_for_whom_they_name(run_module: ModuleRunner, namespace: str) -> None:
    wanted = [config_map(namespace, "one")]
    failed = run_module.failing("manifests", manifests=wanted, impersonate_user="ann", impersonate_groups=["a", "b"])
    assert 'User "ann" cannot' in failed["msg"]
    admin = {"impersonate_user": "ann", "impersonate_groups": ["x", "system:masters"]}
    assert run_module("manifests", manifests=wanted, **admin)["counts"] == {"created": 1}


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_token_file_may_end_with_a_line_break(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, files: Files, end: str
) -> None:
    kubectl("create", "serviceaccount", "ci", "-n", namespace)
    token = kubectl("create", "token", "ci", "-n", namespace)["status"]["token"]
    (files.folder / "token").write_text(token + end, encoding="utf-8")
    no_certificate = {"client-certificate-data": None, "client-key-data": None}
    ci = files.with_user("ci", tokenFile="token", **no_certificate)
    failed = run_module.failing("manifests", kubeconfig=str(ci), manifests=[config_map(namespace, "one")])
    assert f'User "system:serviceaccount:{namespace}:ci" cannot' in failed["msg"]
    assert token not in json.dumps(failed)


def test_a_token_that_cannot_be_sent_is_not_shown(run_module: ModuleRunner, files: Files) -> None:
    (files.folder / "token").write_text("secret-token\nof two lines", encoding="utf-8")
    ci = files.with_user("ci", tokenFile="token", **{"client-certificate-data": None, "client-key-data": None})
    for params in ({"kubeconfig": str(ci)}, {"kubeconfig": None, "host": "https://127.0.0.1:1", "api_key": "a\nb"}):
        failed = run_module.failing("cluster_info", **params)
        assert "holds a line break" in failed["msg"]
        assert "secret-token" not in json.dumps(failed)


def test_no_key_is_on_the_disk_however_a_run_ends(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = files.folder / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    wanted = [config_map(namespace, f"m{number}") for number in range(500)]
    process = run_module.start("manifests", manifests=wanted, concurrency=1)
    end = time.monotonic() + 120
    while not kubectl.names("configmap", namespace) & {"m0", "m1", "m2"}:
        assert time.monotonic() < end, "the run writes nothing"
    during = [path for path in scratch.rglob("*") if path.is_file()]
    process.kill()
    process.communicate()
    after = [path for path in scratch.rglob("*") if path.is_file()]
    assert (during, after) == ([], [])


def test_the_name_of_a_list_is_not_needed(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    role = {"metadata": {"name": "reader", "namespace": namespace}, "rules": []}
    roles = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleList", "items": [role]}
    assert run_module("manifests", manifests=[roles])["counts"] == {"created": 1}
    assert kubectl.get("role", "reader", namespace) is not None
