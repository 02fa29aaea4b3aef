# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules over 60 scenarios whose writer had not read them. docs/falco-rules.md has the figures of the first time.

Since then the rules were mended by them, so that this only holds what was reached.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules

CHECKOUT = Path(__file__).resolve().parents[3]
RULES = CHECKOUT / "roles" / "falco" / "files" / "ml_rules.yaml"
DATA = CHECKOUT / "tests" / "data" / "falco" / "unseen"
# What the site of the scenarios approves beside the defaults.
SITE = """
- list: ml_approved_images
  items: [registry.internal/ml-notebook, registry.internal/llm-gateway, registry.internal/mlflow]
  override: {items: append}
"""
RULE_SET = load_rules([(RULES.name, RULES.read_text(encoding="utf-8")), ("site.yaml", SITE)])
LOUD = {"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING"}
NOT_IN_IMAGE = {"Program Run from Shared Memory in Container", "Program Run from Temporary Directory in Container"}
SOCKET_SHELL = {"Shell Tied to Network Connection in Container"}
BELOW_SERVER = {"Shell or Network Tool Started by Python Model Server"}
GPU = {"GPU Device Access by Non-ML Container", "Device File or GPU Link Made in Container"}
RIGHT = {
    "runs a program that was not in its image": NOT_IN_IMAGE,
    "becomes a shell whose input and output are a socket": SOCKET_SHELL,
    "shell with socket": SOCKET_SHELL,
    "gets a shell below a server": BELOW_SERVER,
    "gets a program below a server": BELOW_SERVER,
    "program below a server": BELOW_SERVER,
    "reads credentials that are another's": {"Registry Credentials Read by Another Process"},
    "replaces what a server loads": {"Model File Changed in Serving Container"},
    "touches a GPU that it was not given": GPU,
    "makes a block device": GPU,
    "sends to the internet from training": {"Training Container Connects to Internet"},
    "sends to the internet from serving": {"Serving Container Connects to Internet"},
    "listens where nobody asked": {"Port Opened in ML Container That Nobody Asked for"},
    "environment asks for more": {"All GPUs Requested through Environment"},
}
"""For each invariant that an attack may break, the rules that ask for it."""
Scenario = dict[str, Any]


def read() -> tuple[list[Scenario], dict[str, list[dict[str, Any]]]]:
    """The scenarios, and their events by name."""
    scenarios = json.loads((DATA / "scenarios.json").read_text(encoding="utf-8"))
    events: dict[str, list[dict[str, Any]]] = {scenario["name"]: [] for scenario in scenarios}
    with gzip.open(DATA / "events.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            events[event["scenario"]].append(event)
    assert {name: len(of) for name, of in events.items()} == {one["name"]: one["events"] for one in scenarios}
    return scenarios, events


SCENARIOS, EVENTS = read()
ATTACKS = [pytest.param(one, id=one["name"]) for one in SCENARIOS if one["verdict"] == "attack"]
HONEST = [pytest.param(one, id=one["name"]) for one in SCENARIOS if one["verdict"] == "benign"]


def fired(scenario: Scenario) -> Counter[str]:
    return Counter(rule for event in EVENTS[scenario["name"]] for rule in rules_that_fire(RULE_SET, event))


def loud(scenario: Scenario) -> set[str]:
    return {rule for rule in fired(scenario) if RULE_SET.rules[rule].priority in LOUD}


def right(scenario: Scenario) -> set[str]:
    """The rules that ask for any of the invariants that the writer of an attack named."""
    named = [part.strip() for part in scenario["invariant"].split(";")]
    return {rule for part in named for words, rules in RIGHT.items() if part.startswith(words) for rule in rules}


@pytest.mark.parametrize("scenario", ATTACKS)
def test_an_attack_is_loud_by_a_rule_that_asks_for_its_invariant(scenario: Scenario) -> None:
    assert loud(scenario) & right(scenario)


@pytest.mark.parametrize("scenario", HONEST)
def test_honest_work_is_not_loud(scenario: Scenario) -> None:
    assert loud(scenario) == set()


@pytest.mark.parametrize("scenario", [*ATTACKS, *HONEST])
def test_what_is_worth_knowing_is_said_at_most_once_for_a_process(scenario: Scenario) -> None:
    started = sum(event["evt.type"] == "execve" and not event["evt.failed"] for event in EVENTS[scenario["name"]])
    said = sum(count for rule, count in fired(scenario).items() if RULE_SET.rules[rule].priority == "NOTICE")
    assert said <= started


def test_the_scenarios_are_whole() -> None:
    assert (len(ATTACKS), len(HONEST)) == (30, 30)
