# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runtimes do at the start of a container is silent: alerts that a real kubelet with CDI set off once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.linter import lint
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.stock import STOCK

CHECKOUT = Path(__file__).resolve().parents[3]
FILES = CHECKOUT / "roles" / "falco" / "files"
LINES = (CHECKOUT / "tests" / "data" / "falco" / "second" / "container-starts.jsonl").read_text(encoding="utf-8")
ALERTS: list[dict[str, Any]] = [json.loads(line) for line in LINES.splitlines()]
# Falco's own rule and macro, as in its rules 5.1.0.
STOCK_RULE = """
- macro: known_memfd_execution_processes
  condition: (proc.exepath = "memfd:runc_cloned:/proc/self/exe")
- rule: Fileless execution via memfd_create
  desc: d
  condition: evt.type in (execve, execveat) and proc.is_exe_from_memfd=true and not known_memfd_execution_processes
  output: o
  priority: CRITICAL
"""


def event(alert: dict[str, Any]) -> dict[str, Any]:
    """The event behind an alert: the fields of its output, and those that its rule demanded."""
    fields = alert["output_fields"]
    demanded = {"evt.type": "execve", "evt.failed": False, "proc.is_exe_from_memfd": True}
    return fields if "evt.type" in fields else {**fields, **demanded}


@pytest.mark.parametrize("alert", ALERTS, ids=range(len(ALERTS)))
def test_a_container_starts_without_an_alert(alert: dict[str, Any]) -> None:
    names = ("stock_rules.yaml", "ml_rules.yaml")
    files = [(name, (FILES / name).read_text(encoding="utf-8")) for name in names]
    rule_set = load_rules([("falco_rules.yaml", STOCK_RULE), *files])
    assert rule_set.findings == ()
    assert rules_that_fire(rule_set, event(alert)) == ()


def test_the_stock_rule_still_sees_other_programs_in_memory() -> None:
    text = (FILES / "stock_rules.yaml").read_text(encoding="utf-8")
    rule_set = load_rules([("falco_rules.yaml", STOCK_RULE), ("stock_rules.yaml", text)])
    (hook,) = [alert for alert in ALERTS if alert["output_fields"]["proc.name"] == "11"][:1]
    for change in ({"proc.exepath": "memfd:updater"}, {"proc.pname": "python3"}):
        assert rules_that_fire(rule_set, {**event(hook), **change})


def test_the_change_of_the_stock_rules_is_one_that_falco_takes() -> None:
    text = (FILES / "stock_rules.yaml").read_text(encoding="utf-8")
    assert lint(load_rules([("stock_rules.yaml", text)], STOCK)) == ()
