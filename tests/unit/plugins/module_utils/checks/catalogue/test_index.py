# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check passes on the good cluster, and fails alone on one of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import broken_pods
import broken_rest
import broken_rights
import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.proof import (
    ACCOUNTS,
    LIVE,
    OBJECTS,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import Verdict, judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import BY_NAME, LAYERS, SERVER_VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import SEVERITIES
from checks_table import PAGE, with_table
from cluster_objects import Given, Objects
from good_cluster import cluster, good

CHECKOUT = Path(__file__).resolve().parents[6]
BREAKS: dict[str, Callable[[Objects], Any]] = {**broken_pods.BREAKS, **broken_rights.BREAKS, **broken_rest.BREAKS}
BY_ID = {check.id: check for check in CHECKS}
# Numbers that were read: of CIS 1.12 in kube-bench's controls, of AISVS 1.0 and ATT&CK in notes on the field.
KNOWN = {
    "cis": {
        *(f"5.1.{number}" for number in range(1, 14)),
        *(f"5.2.{number}" for number in range(1, 13)),
        *("5.3.1", "5.3.2", "5.4.1", "5.4.2", "5.5.1", "5.6.1", "5.6.2", "5.6.3", "5.6.4"),
    },
    "aisvs": {
        *("4.1.1", "4.1.2", "4.1.3", "4.1.4", "4.3.1", "4.3.2", "4.3.5", "4.4.1", "4.4.3", "4.4.5", "4.5.2", "4.6.1"),
        *("4.7.2", "4.7.3", "4.7.4", "4.7.5", "4.7.7", "4.7.8"),
    },
    "attack": {"T1496", "T1610", "T1611", "T1204.003"},
}


def verdicts(objects: Objects, checks: Sequence[Check] = CHECKS, **changes: Any) -> dict[str, Verdict]:
    return {verdict.check.id: verdict for verdict in judge(cluster(objects, **changes), checks)}


def subject(name: str) -> str:
    return name.split("-")[1]


def role_names() -> set[str]:
    return {folder.name for folder in (CHECKOUT / "roles").iterdir()}


def options(role: str) -> set[str]:
    spec = yaml.safe_load((CHECKOUT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    (entry_point,) = spec["argument_specs"].values()
    return set(entry_point["options"])


def test_the_good_cluster_passes_every_check() -> None:
    others = {name: verdict for name, verdict in verdicts(good()).items() if verdict.status != "pass"}
    assert {name: verdict.findings or verdict.detail for name, verdict in others.items()} == {}


def test_every_check_has_a_cluster_in_which_it_fails() -> None:
    assert sorted(BREAKS) == sorted(BY_ID)


@pytest.mark.parametrize("name", BREAKS)
def test_it_fails_alone_of_its_subject(name: str) -> None:
    objects = good()
    changes = BREAKS[name](objects)
    same = [check for check in CHECKS if subject(check.id) == subject(name)]
    found = verdicts(objects, same, **(changes if isinstance(changes, Given) else {}))
    assert [other for other, verdict in found.items() if verdict.status == "fail"] == [name]


@pytest.mark.parametrize("name", [name for name, check in BY_ID.items() if check.needs and subject(name) != "PROOF"])
def test_it_never_passes_without_a_kind_that_it_needs(name: str) -> None:
    for kind in BY_ID[name].needs:
        objects = good()
        objects.unread[kind] = "the user may not list it"
        assert verdicts(objects, [BY_ID[name]])[name].status == "unknown", kind


@pytest.mark.parametrize(("name", "sort"), [("GPU-PROOF-001", OBJECTS), ("GPU-PROOF-002", ACCOUNTS)])
def test_it_never_passes_where_nothing_could_be_tried(name: str, sort: str) -> None:
    assert verdicts(good(), [BY_ID[name]], unproven={sort: "the user may not"})[name].status == "unknown"


def test_there_are_at_least_eighty_with_ids_of_one_form() -> None:
    assert len(CHECKS) >= 80
    assert len(BY_ID) == len(CHECKS)
    assert [name for name in BY_ID if not re.fullmatch(r"GPU-[A-Z]+-\d{3}", name)] == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_it_says_what_why_and_what_to_do(check: Check) -> None:
    assert check.severity in SEVERITIES
    assert check.why.endswith(".") and check.remedy.text.endswith(".")
    assert not check.title.endswith(".")
    assert set(check.needs) <= {*BY_NAME, LAYERS, SERVER_VERSION, OBJECTS, ACCOUNTS, LIVE}
    for name, numbers in check.references.items():
        assert set(numbers) <= KNOWN[name]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_its_remedy_is_a_role_and_a_variable_that_there_are(check: Check) -> None:
    variable = check.remedy.variable or ""
    owners = [name for name in role_names() if variable.startswith(f"{name}_")]
    owner = "cluster" if variable.startswith("gpu_cluster_") else max(owners, key=len, default="")
    assert not variable or variable in options(owner)
    assert check.remedy.role is None or check.remedy.role in role_names()


def test_the_table_in_the_docs_is_made_of_them() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_table(text) == text, "run tests/rendering/checks_table.py"
