# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules over what a real Falco recorded: every attack is seen by the right rule, nothing harmless is a WARNING."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules

CHECKOUT = Path(__file__).resolve().parents[3]
RULES = CHECKOUT / "roles" / "falco" / "files" / "ml_rules.yaml"
DATA = CHECKOUT / "tests" / "data" / "falco"
RULE_SET = load_rules([(RULES.name, RULES.read_text(encoding="utf-8"))])
LOUD = {"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING"}
Scenario = dict[str, Any]


def read(folder: Path) -> tuple[list[Scenario], dict[str, list[dict[str, Any]]]]:
    """The scenarios of a recording, and their events by name."""
    scenarios = json.loads((folder / "scenarios.json").read_text(encoding="utf-8"))
    events: dict[str, list[dict[str, Any]]] = {scenario["name"]: [] for scenario in scenarios}
    for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        events[event["scenario"]].append(event)
    assert {name: len(of) for name, of in events.items()} == {one["name"]: one["events"] for one in scenarios}
    return scenarios, events


FIRST, FIRST_EVENTS = read(DATA)
SECOND, SECOND_EVENTS = read(DATA / "second")
EVENTS = {**FIRST_EVENTS, **SECOND_EVENTS}
# In the first recording the letter of a scenario's name says what it is about; any of its rules is right.
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


def fired(scenario: Scenario) -> Counter[str]:
    return Counter(rule for event in EVENTS[scenario["name"]] for rule in rules_that_fire(RULE_SET, event))


def loud(scenario: Scenario) -> set[str]:
    return {rule for rule in fired(scenario) if RULE_SET.rules[rule].priority in LOUD}


def of(recording: list[Scenario], verdict: str) -> list[Any]:
    return [pytest.param(one, id=one["name"]) for one in recording if one["verdict"] == verdict]


@pytest.mark.parametrize("scenario", of(FIRST, "attack"))
def test_an_attack_is_seen_by_the_right_rule(scenario: Scenario) -> None:
    assert fired(scenario).keys() & RIGHT[scenario["name"][0]]


@pytest.mark.parametrize("scenario", of(SECOND, "attack"))
def test_an_attack_of_the_second_recording_is_loud_by_the_right_rule(scenario: Scenario) -> None:
    # Where no rule was right when it was recorded, a new one is.
    right = set(scenario["right_rules"]) or loud(scenario)
    assert loud(scenario) & right


@pytest.mark.parametrize("scenario", of([*FIRST, *SECOND], "benign"))
def test_nothing_harmless_is_loud(scenario: Scenario) -> None:
    assert loud(scenario) == set()


@pytest.mark.parametrize("scenario", [*of([*FIRST, *SECOND], "benign"), *of([*FIRST, *SECOND], "attack")])
def test_what_is_worth_knowing_is_said_at_most_three_times_for_a_process(scenario: Scenario) -> None:
    started = sum(event["evt.type"] == "execve" and not event["evt.failed"] for event in EVENTS[scenario["name"]])
    said = sum(count for rule, count in fired(scenario).items() if RULE_SET.rules[rule].priority == "NOTICE")
    assert said <= 3 * max(started, 1)


SMALLEST = [json.loads(line) for line in (DATA / "second" / "smallest.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "fault", [pytest.param(one, id=one["scenario"]) for one in SMALLEST if one["fault"] == "false alarm"]
)
def test_the_smallest_false_alarm_is_silent(fault: dict[str, Any]) -> None:
    assert [rule for rule in rules_that_fire(RULE_SET, fault["event"]) if RULE_SET.rules[rule].priority in LOUD] == []


# Rules of known images, with those that say the same of one that is not known yet.
NOT_YET_KNOWN = {
    "GPU Device Access by Non-ML Container": "GPU Device Access by Container Not Yet Known",
    "Device File or GPU Link Made in Container": "Device File or GPU Link Made in Container Not Yet Known",
    "Model File Changed in Serving Container": "Model File Changed in Container Not Yet Known",
    "Training Container Connects to Internet": "Container Not Yet Known Connects to Internet",
    "Serving Container Connects to Internet": "Container Not Yet Known Connects to Internet",
}


@pytest.mark.parametrize("rule", NOT_YET_KNOWN)
def test_what_a_known_container_did_is_noted_of_one_that_is_not_known_yet(rule: str) -> None:
    events = [event for of in EVENTS.values() for event in of if rule in rules_that_fire(RULE_SET, event)]
    assert events
    for event in events:
        early = {key: value for key, value in event.items() if not key.startswith("container.image")}
        assert NOT_YET_KNOWN[rule] in rules_that_fire(RULE_SET, early)


def test_the_recordings_are_whole() -> None:
    assert (len(of(FIRST, "attack")), len(of(FIRST, "benign"))) == (25, 11)
    assert (len(of(SECOND, "attack")), len(of(SECOND, "benign"))) == (41, 23)
