# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command line may get wrong: answered before a cluster is asked for anything. No server is needed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_runs import ansible_playbook
from sandbox_access import CHECKOUT, clean_environment

Run = Callable[..., subprocess.CompletedProcess[str]]
# A sandbox has no cluster yet, and a survey is what makes the inventory.
WITHOUT_CLUSTERS = {"sandbox", "survey_gpu_cluster"}
PLAYBOOKS = sorted({path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")} - WITHOUT_CLUSTERS)
HARDEN = "gpu_cluster.hardening.harden_gpu_cluster"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a playbook over an inventory with these groups, where nothing of the user's decides."""

    def call(playbook: str, *options: str, groups: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        inventory = tmp_path / "inventory.json"
        inventory.write_text(json.dumps(groups or {}), encoding="utf-8")
        return ansible_playbook(
            *("-i", str(inventory), playbook, *options),
            environment=clean_environment(tmp_path, {"ANSIBLE_HOME": str(tmp_path)}),
            cwd=CHECKOUT,
        )

    return call


def unreachable_cluster(name: str = "metal") -> dict[str, Any]:
    return {"gpu_clusters": {"hosts": {name: {"gpu_cluster_kubeconfig": "/nonexistent"}}}}


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The output on one line."""
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_no_playbook_ends_well_where_no_host_is_a_cluster(run: Run, playbook: str) -> None:
    done = run(f"gpu_cluster.hardening.{playbook}", groups={"gpu_cluster": {"hosts": {"metal": {}}}})
    assert done.returncode != 0
    assert "Did you mean gpu_clusters where it says gpu_cluster?" in said(done)
    assert "TASK" not in done.stdout


@pytest.mark.parametrize("playbook", ["harden_gpu_hosts", "rollback_gpu_hosts"])
@pytest.mark.parametrize(
    ("group", "options", "says"),
    [
        ("gpu_host", [], "Did you mean gpu_hosts where it says gpu_host?"),
        ("gpu_hosts", ["--limit", "metal"], "--limit metal leaves no machine of the group gpu_hosts (gpu-1)."),
    ],
)
def test_no_playbook_of_machines_ends_well_without_any(
    run: Run, playbook: str, group: str, options: list[str], says: str
) -> None:
    groups = {**unreachable_cluster(), group: {"hosts": {"gpu-1": {}}}}
    done = run(f"gpu_cluster.hardening.{playbook}", *options, groups=groups)
    assert done.returncode != 0
    assert says in said(done)
    assert "TASK" not in done.stdout


def test_the_whole_job_needs_no_machines(run: Run) -> None:
    done = run("harden-gpu-cluster.yml", groups=unreachable_cluster())
    assert done.returncode != 0
    assert "gpu_hosts" not in said(done) and "/nonexistent" in said(done)


@pytest.mark.parametrize("option", ["--tags", "--skip-tags"])
def test_a_misspelt_tag_is_refused_with_the_known_ones(run: Run, option: str) -> None:
    done = run("harden-gpu-cluster.yml", option, "rbca", groups=unreachable_cluster())
    assert done.returncode != 0
    assert "rbca (did you mean rbac?). The tags are admission_policies," in said(done)
    assert "TASK" not in done.stdout


def test_tags_of_other_playbooks_are_theirs(run: Run, tmp_path: Path) -> None:
    site = tmp_path / "site.yml"
    mine = {"hosts": "all", "gather_facts": False, "tasks": [{"debug": {"msg": "reached"}, "tags": "mine"}]}
    site.write_text(json.dumps([mine, {"import_playbook": "gpu_cluster.hardening.status_gpu_cluster"}]))
    done = run(str(site), "--tags", "mine", groups=unreachable_cluster())
    assert done.returncode == 0, said(done)
    assert "reached" in done.stdout


def test_the_syntax_is_checked_without_an_inventory(run: Run) -> None:
    assert run(HARDEN, "--syntax-check").returncode == 0


def test_a_checkout_has_no_inventory_by_default(tmp_path: Path) -> None:
    done = ansible_playbook(
        "harden-gpu-cluster.yml", environment=clean_environment(tmp_path, {"ANSIBLE_HOME": str(tmp_path)}), cwd=CHECKOUT
    )
    assert done.returncode != 0
    assert "Name an inventory that has one with -i" in said(done)


def test_the_inventory_sandbox_knows_no_other_cluster(tmp_path: Path) -> None:
    """Whatever KUBECONFIG and the user's folder say."""
    for folder in (tmp_path / ".kube", tmp_path / "other"):
        folder.mkdir()
        (folder / "config").write_text("production", encoding="utf-8")
    environment = {"ANSIBLE_HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "other" / "config")}
    show = tmp_path / "show.yml"
    show.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [{"debug": {"msg": "{{ path }}"}}]}]))
    done = ansible_playbook(
        *("-i", "inventories/sandbox", "-e", "path={{ gpu_cluster_kubeconfig }}", str(show)),
        environment={**clean_environment(tmp_path), **environment},
        cwd=CHECKOUT,
    )
    assert str(CHECKOUT / ".sandbox" / "kubeconfig") in done.stdout


def test_the_sandbox_of_a_checkout_is_in_it(run: Run) -> None:
    done = run("gpu_cluster.hardening.sandbox", "--check", "-vvv", "-e", "sandbox_state=stopped")
    assert done.returncode == 0, said(done)
    assert f"directory: {CHECKOUT}/.sandbox\n" in done.stdout
