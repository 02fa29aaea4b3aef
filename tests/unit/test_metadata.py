# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection says about itself is true of its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
ROLES = sorted(folder.name for folder in (CHECKOUT / "roles").iterdir())
# One starts a control plane on this machine, one talks to registries, the others look at files.
WITHOUT_CONNECTION = {
    *("settings", "falco_rules_info", "image_digests_info", "model_manifest", "sandbox"),
    *("host_files", "host_info", "host_modes", "host_parts"),
}
# Given by the play for all roles; without them the connection options' own defaults count.
WITHOUT_DEFAULT = {
    f"gpu_cluster_{option}"
    for option in (
        "kubeconfig",
        "context",
        "impersonate_user",
        "impersonate_groups",
        "request_timeout",
        "retry_timeout",
        "concurrency",
        "rehearse",
        "render_to",
    )
}
LICENSED_FOLDERS = ("changelogs", "extensions", "inventories", "meta", "playbooks", "plugins", "roles", "tests")
LICENSED_SUFFIXES = {".cfg", ".go", ".ini", ".j2", ".py", ".sh", ".yaml", ".yml"}
MADE_BY_TOOLS = {"changelog.yaml", ".plugin-cache.yaml"}


def load(path: str) -> dict[str, Any]:
    content = yaml.safe_load((CHECKOUT / path).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def licensed_files() -> Iterator[Path]:
    for folder in LICENSED_FOLDERS:
        for path in (CHECKOUT / folder).rglob("*"):
            if path.suffix not in LICENSED_SUFFIXES or path.name in MADE_BY_TOOLS or "output" in path.parts:
                continue
            if path.stat().st_size > 0:
                yield path


def test_action_groups_hold_every_module_that_talks_to_a_cluster_or_to_vault() -> None:
    modules = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py")}
    groups = load("meta/runtime.yml")["action_groups"]
    assert sorted(groups["cluster"] + groups["vault"]) == sorted(modules - WITHOUT_CONNECTION)


@pytest.mark.parametrize(("group", "fragment"), [("cluster", "connection"), ("vault", "vault_connection")])
def test_every_module_of_a_group_takes_its_connection_options(group: str, fragment: str) -> None:
    for module in load("meta/runtime.yml")["action_groups"][group]:
        text = (CHECKOUT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")
        assert f"  - gpu_cluster.hardening.{fragment}\n" in text, module


def test_every_file_names_its_licence() -> None:
    files = list(licensed_files())
    assert len(files) > 100
    assert [str(path) for path in files if "GPL-3.0-or-later" not in path.read_text(encoding="utf-8")[:600]] == []


def test_libraries_of_the_execution_environment_are_those_of_the_collection() -> None:
    assert load("meta/execution-environment.yml")["dependencies"]["python"] == "requirements.txt"
    runtime = {
        line.split(">=")[0] for line in (CHECKOUT / "requirements.txt").read_text().splitlines() if line[0] != "#"
    }
    pinned = {line.split("==")[0] for line in (CHECKOUT / "requirements" / "dev.txt").read_text().splitlines()}
    assert runtime <= pinned


@pytest.mark.parametrize("role", ROLES)
def test_role_documents_every_variable(role: str) -> None:
    (entry_point,) = load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"].values()
    documented = set(entry_point["options"])
    assert documented - WITHOUT_DEFAULT == set(load(f"roles/{role}/defaults/main.yml"))
    readme = (CHECKOUT / "roles" / role / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(documented) if f"`{name}`" not in readme] == []


def test_every_playbook_passes_the_same_connection_variables_to_all_modules() -> None:
    given = {}
    for path in sorted((CHECKOUT / "playbooks").glob("*.yml")):
        play, *_more = yaml.safe_load(path.read_text(encoding="utf-8"))
        of_clusters = "lookup(" in play["hosts"] and "gpu_hosts" not in play["hosts"]
        if of_clusters and path.stem != "lock_images":  # which talks to registries only
            given[path.name] = play["module_defaults"]["group/gpu_cluster.hardening.cluster"]
    assert len(given) >= 5
    assert {name: options for name, options in given.items() if options != given["harden_gpu_cluster.yml"]} == {}
