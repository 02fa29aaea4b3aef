# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as users get it: built, installed in a folder of its own, and run by its full name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from module_runs import ModuleRunner
from sandbox_access import BIN, CHECKOUT, Kubectl, clean_environment

PLAYBOOK = "gpu_cluster.hardening.harden_gpu_cluster"
SHIPPED = {
    "LICENSE",
    "FILES.json",
    "MANIFEST.json",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "requirements.txt",
    "bindep.txt",
}
SHIPPED_FOLDERS = {"changelogs", "docs", "extensions", "inventories", "meta", "playbooks", "plugins", "roles"}
LARGEST = 1_000_000
MADE_BY_USERS = (
    "inventories/metal/hosts.yml",
    "inventories/edge/hosts.yml",
    "inventories/example-2/hosts.yml",
    "inventories/example/image-lock.yml",
    "inventories/example/falco-exceptions-metal-1.yml",
    "kubeconfig",
    "metal.kubeconfig",
    "site.key",
    "inventories/example/ca.pem",
    "rendered/rbac/kustomization.yaml",
)


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
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this checkout as it is now, in which a user has made files of their own."""
    folder = tmp_path_factory.mktemp("checkout")
    script = f"""
        git -C {CHECKOUT} ls-files -z --cached --others --exclude-standard --deduplicate |
          (cd {CHECKOUT} && xargs -0 ls -1d 2>/dev/null) | tar -C {CHECKOUT} -T - -cf - | tar -C {folder} -xf -
        ln -s {BIN.parent} {folder}/.venv
        cd {folder} && git init --quiet && git add .
    """
    subprocess.run(["bash", "-euc", script], check=True, timeout=60)
    for name in MADE_BY_USERS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of a user", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A user's folder with the tarball and the collection installed from it."""
    folder = tmp_path_factory.mktemp("home")
    subprocess.run([str(checkout / "tests/tools/build.sh"), str(folder)], check=True, timeout=60)
    tarball = next(folder.glob("*.tar.gz"))
    run(folder, "ansible-galaxy", "collection", "install", str(tarball), "-p", str(folder / "collections"), "--offline")
    return folder


def commands(page: Path) -> list[str]:
    """The lines of the first block of shell commands of a page."""
    block = page.read_text(encoding="utf-8").split("```sh\n", 1)[1].split("```", 1)[0]
    return block.strip().splitlines()


def packed(tarball: Path) -> list[Path]:
    with tarfile.open(tarball) as archive:
        return [Path(member.name) for member in archive.getmembers() if member.isfile()]


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
    files = packed(tarball)
    assert {path.name for path in files if len(path.parts) == 1} == SHIPPED
    assert {path.parts[0] for path in files if len(path.parts) > 1} == SHIPPED_FOLDERS
    assert {path.parts[1] for path in files if path.parts[0] == "inventories"} == {"example"}
    assert [str(path) for path in files if path.suffix == ".pyc" or str(path) in MADE_BY_USERS] == []


def test_what_users_make_in_a_checkout_is_added_neither_to_git_nor_to_a_tarball(checkout: Path, tmp_path: Path) -> None:
    """Also to one that is built without make."""
    added = subprocess.run(
        ["git", "add", "--all", "--dry-run"], cwd=checkout, capture_output=True, text=True, check=True
    )
    assert added.stdout == ""
    run(tmp_path, "ansible-galaxy", "collection", "build", str(checkout), "--output-path", str(tmp_path))
    files = {str(path) for path in packed(next(tmp_path.glob("*.tar.gz")))}
    assert files & {*MADE_BY_USERS, "Makefile", "inventories/sandbox/hosts.yml"} == set()


def test_the_sandbox_of_an_installed_collection_survives_its_upgrade(home: Path) -> None:
    said = run(
        home, "ansible-playbook", "gpu_cluster.hardening.sandbox", "--check", "-vvv", "-e", "sandbox_state=stopped"
    )
    assert f'"directory": "{home}/.local/state/gpu_cluster.hardening/sandbox"' in said


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


def test_the_three_commands_of_the_template_repository_work_in_an_empty_folder(home: Path, tmp_path: Path) -> None:
    """With the sandbox of the installed collection; what pip would install is there already."""
    shutil.copytree(CHECKOUT / "docs/examples/one-role", tmp_path / "site")
    shutil.copy(next(home.glob("*.tar.gz")), tmp_path / "site")
    environment = clean_environment(
        tmp_path,
        {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PYTHONPATH": "",
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
        },
    )
    del environment["ANSIBLE_COLLECTIONS_PATH"]
    for command in commands(tmp_path / "site/README.md"):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path / "site",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert not (tmp_path / "site/.sandbox").exists()
