# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The extensions are what their readers expect: rulebooks, patterns, and the definition of an execution environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import ansiblelint.schemas
import jsonschema
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PATTERN = CHECKOUT / "extensions/patterns/harden_gpu_cluster"
RULEBOOK = CHECKOUT / "extensions/eda/rulebooks/drift.yml"
BUILDER = Path(sys.executable).parent / "ansible-builder"
# They run nothing of their own without further variables, or are what a user deploys.
NOT_APPLIED_AGAIN = {"vault", "external_secrets", "workloads"}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_rulebook_fits_its_schema() -> None:
    schema = Path(ansiblelint.schemas.__file__).parent / "rulebook.json"
    jsonschema.validate(load(RULEBOOK), json.loads(schema.read_text(encoding="utf-8")))


def test_the_rulebook_names_layers_as_the_playbook_tags_them() -> None:
    (play,) = load(CHECKOUT / "playbooks/harden_gpu_cluster.yml")
    tags = {tag for task in play["tasks"][0]["block"] for tag in task["tags"]}
    (rule,) = load(RULEBOOK)[0]["rules"]
    named = set(json.loads(rule["condition"].split(" in ", 1)[1]))
    assert named
    assert named == {tag for tag in tags if (CHECKOUT / "roles" / tag).is_dir()} - NOT_APPLIED_AGAIN


def test_the_pattern_has_the_playbook_and_the_template_that_it_and_the_rulebook_name() -> None:
    (template,) = json.loads((PATTERN / "meta/pattern.json").read_text())["aap_resources"]["controller_job_templates"]
    assert (PATTERN / "playbooks" / template["playbook"]).exists()
    (rule,) = load(RULEBOOK)[0]["rules"]
    assert rule["action"]["run_job_template"]["name"] == template["name"]


def test_a_build_of_the_execution_environment_can_be_prepared(tmp_path: Path) -> None:
    """As far as that goes without a container engine: ansible-builder checks the definition and writes the files."""
    definition = PATTERN / "execution_environments/execution-environment.yml"
    (tarball,) = [item["name"] for item in load(definition)["dependencies"]["galaxy"]["collections"]]
    version = load(CHECKOUT / "galaxy.yml")["version"]
    assert tarball == f"gpu_cluster-hardening-{version}.tar.gz"
    (tmp_path / tarball).touch()
    (tmp_path / definition.name).write_text(definition.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run(
        [BUILDER, "create", "--output-filename", "Containerfile"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ansible-galaxy collection install" in (tmp_path / "context/Containerfile").read_text(encoding="utf-8")
    assert (tmp_path / "context/_build" / tarball).exists()


def test_the_builder_finds_libraries_and_system_packages_of_the_collection() -> None:
    done = subprocess.run(
        [BUILDER, "introspect", CHECKOUT / ".build/collections"], capture_output=True, text=True, check=True, timeout=60
    )
    found = yaml.safe_load(done.stdout)
    assert found["python"]
    assert found["system"]
