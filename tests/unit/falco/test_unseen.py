# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules over two sets of scenarios whose writers had not read them. docs/falco-rules.md has the first figures.

Since then the rules were mended by them, so that this only holds what was reached, and says what was not.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import RuleSet

CHECKOUT = Path(__file__).resolve().parents[3]
RULES = CHECKOUT / "roles" / "falco" / "files" / "ml_rules.yaml"
DATA = CHECKOUT / "tests" / "data" / "falco"
LOUD = {"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING"}
Scenario = dict[str, Any]
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
    "gets a shell or a program below a server": BELOW_SERVER,
    "program below a server": BELOW_SERVER,
    "reads credentials that are another's": {
        "Registry Credentials Read by Another Process",
        "Credentials of Others Read in ML Container",
        "Cloud Metadata Asked from ML Container",
    },
    "replaces what a server loads": {"Model File Changed in Serving Container"},
    "touches a GPU that it was not given": GPU,
    "makes a block device": GPU,
    "sends to the internet from training": {"Training Container Connects to Internet"},
    "sends to the internet from training **and serving**": {
        "Training Container Connects to Internet",
        "Serving Container Connects to Internet",
    },
    "sends to the internet from serving": {"Serving Container Connects to Internet"},
    "listens where nobody asked": {"Port Opened in ML Container That Nobody Asked for"},
    "environment asks for more": {"All GPUs Requested through Environment"},
    "is given an environment that asks for more": {"All GPUs Requested through Environment"},
}
"""For each invariant that an attack may break, the rules that ask for it."""
NOT_REACHED = {
    "y01-vllm-elf-on-cache-volume": "a program of a volume is seen as one below a server only",
    "y12-kubectl-exec-bash-in-serving": "a terminal by exec looks as a person's who may; seen by what it read",
    "y18-sa-token-by-run-and-data": "its own token, in a container that was given one",
    "y28-ollama-ld-so-preload": "seen as a file that runs later, not as a change of what is served",
    "y33-dns-tunnel-from-training": "by the cluster's resolver: only the texts of the names tell",
}
"""Attacks of the second set that no rule sees as what its writer took them for, and why."""
UNSEEN = {"y18-sa-token-by-run-and-data", "y33-dns-tunnel-from-training"}
"""Those of them that no rule is loud about."""
STILL_LOUD = {"z07-ray-head-runtime-env-pip": "the index is in a file of requirements"}
"""Honest work of the second set that a rule is loud about, and why."""


@dataclass(frozen=True)
class Case:
    """A scenario with its events and the rules as its site has them."""

    scenario: Scenario
    events: tuple[dict[str, Any], ...]
    rules: RuleSet

    @property
    def name(self) -> str:
        return str(self.scenario["name"])

    def fired(self) -> Counter[str]:
        return Counter(rule for event in self.events for rule in rules_that_fire(self.rules, event))

    def loud(self) -> set[str]:
        return {rule for rule in self.fired() if self.rules.rules[rule].priority in LOUD}

    def right(self) -> set[str]:
        """The rules that ask for any of the invariants that the writer of an attack named."""
        named = [part.strip() for part in self.scenario["invariant"].split(";")]
        return {rule for part in named for words, rules in RIGHT.items() if part.startswith(words) for rule in rules}


def cases(folder: str, site: dict[str, list[Any]]) -> list[Case]:
    """A set, at a site that approves these items beside the defaults."""
    scenarios = json.loads((DATA / folder / "scenarios.json").read_text(encoding="utf-8"))
    events: dict[str, list[dict[str, Any]]] = {scenario["name"]: [] for scenario in scenarios}
    with gzip.open(DATA / folder / "events.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            events[event["scenario"]].append(event)
    assert {name: len(of) for name, of in events.items()} == {one["name"]: one["events"] for one in scenarios}
    appended = [{"list": name, "items": items, "override": {"items": "append"}} for name, items in site.items()]
    rules = load_rules([(RULES.name, RULES.read_text(encoding="utf-8")), ("site.yaml", json.dumps(appended))])
    return [Case(one, tuple(events[one["name"]]), rules) for one in scenarios]


def second_site() -> dict[str, list[Any]]:
    """What the writer of the second set said of his site, as the rules' lists."""
    site = json.loads((DATA / "unseen-2" / "site.json").read_text(encoding="utf-8"))
    return {
        "ml_approved_images": site["serving_images"] + site["training_images"] + site["notebook_images"],
        "ml_training_images": site["training_images"],
        "ml_serving_images": site["serving_images"],
        "ml_model_fetcher_images": ["registry.internal/kserve-agent"],
        "ml_listening_ports": [*site["serving_ports"], 29500, 10001],
    }


FIRST = cases(
    "unseen", {"ml_approved_images": [f"registry.internal/{x}" for x in ("ml-notebook", "llm-gateway", "mlflow")]}
)
SECOND = cases("unseen-2", second_site())


def of(verdict: str, *sets: list[Case]) -> list[Case]:
    return [case for cases in sets for case in cases if case.scenario["verdict"] == verdict]


def params(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.mark.parametrize("case", params(of("attack", FIRST)))
def test_an_attack_is_loud_by_a_rule_that_asks_for_its_invariant(case: Case) -> None:
    assert case.loud() & case.right()


@pytest.mark.parametrize("case", params(of("benign", FIRST)))
def test_honest_work_is_not_loud(case: Case) -> None:
    assert case.loud() == set()


def test_of_the_second_set_exactly_the_attacks_said_are_not_reached() -> None:
    attacks = of("attack", SECOND)

    assert {case.name for case in attacks if not case.loud() & case.right()} == set(NOT_REACHED)
    assert {case.name for case in attacks if not case.loud()} == UNSEEN


def test_of_the_second_set_exactly_the_honest_work_said_is_loud() -> None:
    assert {case.name for case in of("benign", SECOND) if case.loud()} == set(STILL_LOUD)


@pytest.mark.parametrize("case", params([*FIRST, *SECOND]))
def test_what_is_worth_knowing_is_said_at_most_once_for_a_process(case: Case) -> None:
    started = sum(event["evt.type"] == "execve" and not event["evt.failed"] for event in case.events)
    said = sum(count for rule, count in case.fired().items() if case.rules.rules[rule].priority == "NOTICE")
    assert said <= started


def test_the_scenarios_are_whole() -> None:
    sizes = [len(of(verdict, cases)) for cases in (FIRST, SECOND) for verdict in ("attack", "benign")]
    assert sizes == [30, 30, 40, 40]
