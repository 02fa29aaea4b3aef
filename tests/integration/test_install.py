# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as users get it: built, installed in a folder of its own, and run by its full name."""

from __future__ import annotations

import json
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from module_runs import ModuleRunner
from sandbox_access import BIN, CHECKOUT, Kubectl, clean_environment

PLAYBOOK = "gpu_cluster.hardening.harden_gpu_cluster"
SHIPPED = {"LICENSE", "FILES.json", "MANIFEST.json", "README.md", "CHANGELOG.md", "requirements.txt"}
SHIPPED_FOLDERS = {"changelogs", "docs", "inventories", "meta", "playbooks", "plugins", "roles"}
LARGEST = 1_000_000


def run(home: Path, *command: str) -> str:
    """Run a command of Ansible outside the checkout, where only the installed collection can be found."""
    environment = clean_environment(home, {"ANSIBLE_COLLECTIONS_PATH": str(home / "collections"), "PYTHONPATH": ""})
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with the tarball and the collection installed from it."""
    folder = tmp_path_factory.mktemp("home")
    run(folder, "ansible-galaxy", "collection", "build", str(CHECKOUT), "--output-path", str(folder))
    tarball = next(folder.glob("*.tar.gz"))
    run(folder, "ansible-galaxy", "collection", "install", str(tarball), "-p", str(folder / "collections"), "--offline")
    return folder


@pytest.fixture
def namespace_of_stage(kubectl: Kubectl, run_module: ModuleRunner) -> Iterator[str]:
    """The namespace of a stage that only this test has; nodes are left as they were."""
    name = f"installed-{uuid.uuid4().hex[:10]}"
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
    run_module("gpu_nodes", state="absent")


def test_tarball_holds_what_users_need_and_no_more(home: Path) -> None:
    tarball = next(home.glob("*.tar.gz"))
    assert tarball.stat().st_size < LARGEST
    with tarfile.open(tarball) as archive:
        files = [Path(member.name) for member in archive.getmembers() if member.isfile()]
    assert {path.name for path in files if len(path.parts) == 1} == SHIPPED
    assert {path.parts[0] for path in files if len(path.parts) > 1} == SHIPPED_FOLDERS
    assert [path for path in files if path.suffix == ".pyc" or path.parts[:2] == ("inventories", "sandbox")] == []


def test_installed_playbook_hardens_a_cluster(
    home: Path, kubeconfig: Path, kubectl: Kubectl, namespace_of_stage: str
) -> None:
    stage = {
        "name": "installed",
        "namespace": namespace_of_stage,
        "service_account": {"name": "installed"},
        "pods": {"app": "installed"},
        "egress": ["dns"],
    }
    variables = {
        "gpu_cluster_kubeconfig": str(kubeconfig),
        "gpu_cluster_stages": [stage],
        "gpu_cluster_prometheus": {"namespace": namespace_of_stage, "pods": {"app": "prometheus"}},
    }
    inventory = home / "inventory.yml"  # JSON is YAML
    inventory.write_text(json.dumps({"gpu_clusters": {"hosts": {"metal": variables}}}), encoding="utf-8")

    first = run(home, "ansible-playbook", "-i", str(inventory), PLAYBOOK)
    assert "failed=0" in first
    assert "changed=0" not in first
    labels = kubectl.get("namespace", namespace_of_stage)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert kubectl.get("serviceaccount", "installed", namespace_of_stage)["automountServiceAccountToken"] is False
    assert kubectl.names("networkpolicies", namespace_of_stage)

    assert "changed=0" in run(home, "ansible-playbook", "-i", str(inventory), PLAYBOOK)

    absent = {f"{role}_state": "absent" for role in ("device_plugin", "dcgm_exporter", "falco", "gpu_alerts")}
    assert "failed=0" in run(home, "ansible-playbook", "-i", str(inventory), PLAYBOOK, "-e", json.dumps(absent))
    for namespace in ("nvidia-device-plugin", "dcgm-exporter", "falco"):
        assert kubectl.get("namespace", namespace) is None
