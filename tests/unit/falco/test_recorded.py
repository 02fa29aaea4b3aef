# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules over what a real Falco recorded: every attack is seen by the right rule, nothing harmless is a WARNING."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules

CHECKOUT = Path(__file__).resolve().parents[3]
RULES = CHECKOUT / "roles" / "falco" / "files" / "ml_rules.yaml"
DATA = CHECKOUT / "tests" / "data" / "falco"
RULE_SET = load_rules([(RULES.name, RULES.read_text(encoding="utf-8"))])
SCENARIOS: list[dict[str, Any]] = json.loads((DATA / "scenarios.json").read_text(encoding="utf-8"))
EVENTS: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "events.jsonl").read_text(encoding="utf-8").splitlines()
]
LOUD = {"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING"}
# The letter of a scenario's name says what it is about; any of its rules is right.
RIGHT = {
    "a": {"Shell or Network Tool Started by Python Model Server"},
    "b": {
        "GPU Device Access by Non-ML Container",
        "GPU Device Access by Container Not Yet Known",
        "Device File or GPU Link Made in Container",
        "Device File or GPU Link Made in Container Not Yet Known",
    },
    "c": {"Model File Download from Untrusted Source", "Model Hub Looked Up in Container"},
}


def fired(scenario: dict[str, Any]) -> set[str]:
    events = [event for event in EVENTS if event["scenario"] == scenario["name"]]
    assert len(events) == scenario["events"]
    return {rule for event in events for rule in rules_that_fire(RULE_SET, event)}


def of(verdict: str) -> list[Any]:
    return [pytest.param(one, id=one["name"]) for one in SCENARIOS if one["verdict"] == verdict]


@pytest.mark.parametrize("scenario", of("attack"))
def test_an_attack_is_seen_by_the_right_rule(scenario: dict[str, Any]) -> None:
    assert fired(scenario) & RIGHT[scenario["name"][0]]


@pytest.mark.parametrize("scenario", of("benign"))
def test_nothing_harmless_is_loud(scenario: dict[str, Any]) -> None:
    assert [rule for rule in fired(scenario) if RULE_SET.rules[rule].priority in LOUD] == []


def test_the_recording_is_whole() -> None:
    assert (len(of("attack")), len(of("benign"))) == (25, 11)
