# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs, defaults and READMEs of the roles name the same variables, and the defaults are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stages

COLLECTION = Path(stages.__file__).parents[3]
# The sandbox is no layer: it has no README table of this form.
ROLES = sorted(path.name for path in (COLLECTION / "roles").iterdir() if path.name != "sandbox")
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


def load(path: str) -> dict[str, object]:
    return yaml.safe_load((COLLECTION / path).read_text())


def options(role: str) -> dict[str, dict[str, object]]:
    (entry_point,) = load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"].values()
    return entry_point["options"]


@pytest.mark.parametrize("role", ROLES)
def test_specs_and_defaults_have_the_same_keys(role: str) -> None:
    assert set(options(role)) - WITHOUT_DEFAULT == set(load(f"roles/{role}/defaults/main.yml"))


@pytest.mark.parametrize("role", ROLES)
def test_defaults_in_the_spec_are_the_defaults(role: str) -> None:
    defaults = load(f"roles/{role}/defaults/main.yml")
    documented = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert documented == {name: defaults[name] for name in documented}


@pytest.mark.parametrize("role", ROLES)
def test_the_readme_has_every_variable(role: str) -> None:
    readme = (COLLECTION / f"roles/{role}/README.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)) == set(options(role))


def test_the_default_model_is_valid() -> None:
    model = load("roles/cluster/defaults/main.yml")
    network = stages.Network(model["gpu_cluster_endpoints"], model["gpu_cluster_dns"])
    assert len(stages.validate(model["gpu_cluster_default_stages"], network)) == 3


def test_the_example_inventory_is_valid_with_every_comment_taken_away() -> None:
    text = (COLLECTION / "inventories/example/group_vars/gpu_clusters.yml").read_text()
    given = yaml.safe_load(text)
    uncommented = re.sub(
        r"^(\s*)# (?=(gpu_cluster|gpu_nodes|pod_security|admission_policies|my_stages|feature_store|device_plugin"
        r"|dcgm_exporter|falco|gpu_alerts|vault|external_secrets|workloads|  )[\w ]*[:-])",
        r"\1",
        text,
        flags=re.M,
    )
    everything = yaml.safe_load(uncommented)

    known = {name for role in ROLES for name in options(role)} | {"my_stages"}
    assert set(given) < set(everything) <= known
    model = load("roles/cluster/defaults/main.yml")
    network = stages.Network(
        everything["gpu_cluster_endpoints"], everything["gpu_cluster_dns"], scrape=everything["gpu_cluster_scrape"]
    )
    assert len(stages.validate([*model["gpu_cluster_default_stages"], *everything["my_stages"]], network)) == 4
