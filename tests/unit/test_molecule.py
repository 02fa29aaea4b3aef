# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role that changes a cluster has a Molecule scenario of its name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
MOLECULE = CHECKOUT / "extensions" / "molecule"
# They need a Vault and an operator: tests/integration/secrets runs both roles with real ones.
WITHOUT_SCENARIO = {"vault", "external_secrets"}
LAYERS = sorted(
    path.parents[1].name
    for path in (CHECKOUT / "roles").glob("*/meta/main.yml")
    if any(item["role"] == "gpu_cluster.hardening.cluster" for item in yaml.safe_load(path.read_text())["dependencies"])
)


@pytest.mark.parametrize("role", sorted({*LAYERS} - WITHOUT_SCENARIO))
def test_role_has_a_scenario_with_tests(role: str) -> None:
    assert (MOLECULE / role / "molecule.yml").exists()
    assert list((MOLECULE / role / "tests").glob("test_*.py"))


def test_the_absent_step_knows_every_role_of_a_scenario() -> None:
    (play,) = yaml.safe_load((MOLECULE / "playbooks" / "absent.yml").read_text())
    absent = {name.removesuffix("_state") for name, value in play["vars"].items() if value == "absent"}
    assert absent == {path.parent.name for path in MOLECULE.glob("*/molecule.yml")} - {"default"}
