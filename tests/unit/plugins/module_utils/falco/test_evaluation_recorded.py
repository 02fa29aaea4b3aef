# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation says of recorded events what the real Falco said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import fires, rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.stock import STOCK

DATA = Path(__file__).resolve().parents[4] / "data" / "falco"
SCENARIOS: list[dict[str, Any]] = json.loads((DATA / "scenarios.json").read_text(encoding="utf-8"))
EVENTS: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "events.jsonl").read_text(encoding="utf-8").splitlines()
]
# The recording had shorter names for the article's rules.
RECORDED_AS = {
    "Model File Download from Untrusted Source": "Model download from untrusted source",
    "Pickle Deserialization in ML Container": "Unsafe deserialization",
    "GPU Device Access by Non-ML Container": "GPU access by unapproved container",
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario["name"] for scenario in SCENARIOS])
def test_the_article_s_rules_fire_as_they_did_in_falco(scenario: dict[str, Any]) -> None:
    names = ("stock_macros.yaml", "article_rules.yaml")
    rule_set = load_rules([(name, (DATA / name).read_text(encoding="utf-8")) for name in names])
    assert rule_set.findings == ()

    events = [event for event in EVENTS if event["scenario"] == scenario["name"]]
    assert len(events) == scenario["events"]
    fired = {RECORDED_AS[rule] for event in events for rule in rules_that_fire(rule_set, event)}
    assert fired == set(scenario["article_rules_fired"])


# What was read off the real engine with conditions of this kind; a scenario is named by its letter and number.
@pytest.mark.parametrize(
    ("condition", "scenarios"),
    [
        ('spawned_process and proc.aexepath contains "/python"', "a1 a2 a3 a4 a7 a8 "),
        ("spawned_process and proc.aname startswith python", "a1 a2 a3 a7 a8"),  # a4 runs Python through a #! line
        ('proc.cmdline contains "pickle.load"', "a2 a6 a9"),
        (
            "evt.type in (open, openat, openat2) and fd.name startswith /dev/nvidia",
            "b1 b2 b3 b4 b5 b6 b7 b8 b9 b11 b12 b13",
        ),
        ("open_read and fd.name startswith /dev/nvidia", "b1 b2 b6 b9 b11 b12 b13"),
        ("fd.num < 0 and fd.name contains /dev/nvidia", "b3 b4 b5 b8"),
        (
            'evt.type in (sendto, sendmsg, sendmmsg) and fd.sport=53 and evt.buffer contains "huggingface"',
            "c1 c2 c3 c4 c6 c9",
        ),
        ("open_write and fd.name endswith .safetensors", "c2"),
    ],
)
def test_conditions_hold_where_they_did_in_falco(condition: str, scenarios: str) -> None:
    rule = {"rule": "r", "desc": "d", "output": "o", "priority": "NOTICE", "condition": condition}
    rule_set = load_rules([("rules.json", json.dumps([rule]))], STOCK)
    held = {event["scenario"].partition("-")[0] for event in EVENTS if fires(rule_set, "r", event)}
    assert held == set(scenarios.split())
