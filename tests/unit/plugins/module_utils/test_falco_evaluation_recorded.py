# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation says of recorded events what the real Falco said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco_evaluation import rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco_files import load_rules

DATA = Path(__file__).resolve().parents[3] / "data" / "falco"
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
