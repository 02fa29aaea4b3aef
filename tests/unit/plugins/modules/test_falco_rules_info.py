# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module, run the way Ansible runs it: in a process of its own, arguments as JSON on stdin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[4]
DATA = CHECKOUT / "tests" / "data" / "falco"
MODULE = "ansible_collections.gpu_cluster.hardening.plugins.modules.falco_rules_info"
EVENTS = [json.loads(line) for line in (DATA / "events.jsonl").read_text(encoding="utf-8").splitlines()]
SITE_RULES = """
- required_engine_version: 0.50.0
- rule: Shell of a model server
  desc: A shell.
  condition: spawned_process and proc.name in (shels) and proc.pnam = python3
  output: A shell (%proc.cmdline)
  priority: WARNING
- rule: Shell of a model server
  enabled: false
"""


def run(home: Path, **params: Any) -> tuple[int, dict[str, Any]]:
    """Exit code and result; whatever happens, there is no traceback."""
    process = subprocess.run(
        [sys.executable, "-m", MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {**params, "_ansible_remote_tmp": str(home)}}),
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / ".build" / "collections"), "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stderr == ""
    return process.returncode, json.loads(process.stdout)


def the_article_s_rules() -> list[dict[str, str]]:
    return [{"name": "article.yaml", "content": (DATA / "article_rules.yaml").read_text(encoding="utf-8")}]


def test_says_which_rules_fire_on_recorded_events(tmp_path: Path) -> None:
    events = [event for event in EVENTS if event["scenario"] == "b11-bindmount-null"]
    code, result = run(tmp_path, rules=the_article_s_rules(), events=events)
    assert code == 0
    assert result["changed"] is False
    assert [match["event"]["evt.type"] for match in result["matches"]] == ["execve", "openat"]
    assert [match["rules"] for match in result["matches"]] == [[], ["GPU Device Access by Non-ML Container"]]


def test_shows_warnings(tmp_path: Path) -> None:
    code, result = run(tmp_path, rules=the_article_s_rules())
    expected = (
        "article.yaml:1: the file does not say which engine its rules need; add 'required_engine_version: 0.62.0'"
    )
    assert code == 0
    assert expected in json.dumps(result["warnings"])
    assert [finding["code"] for finding in result["findings"]] == ["missing-version"]
    assert len(result["rules"]) == 3


def test_fails_with_all_errors_and_their_places(tmp_path: Path) -> None:
    code, result = run(tmp_path, rules=[{"name": "site.yaml", "content": SITE_RULES + "- {marco: a, condition: b}"}])
    assert code == 1
    assert result["msg"].splitlines() == [
        "Falco rules are wrong (2 problems):",
        "- site.yaml:5: Falco (engine 0.62.0) has no field proc.pnam (did you mean proc.pname?)",
        "- site.yaml:10: no rule, macro or list: Falco ignores an item with the keys 'marco', 'condition'"
        " (did you mean macro?)",
    ]
    assert [(finding["severity"], finding["line"]) for finding in result["findings"]] == [
        ("error", 5),
        ("warning", 9),
        ("error", 10),
    ]


def test_knows_falco_s_own_rules_only_if_falco_loads_them(tmp_path: Path) -> None:
    code, result = run(tmp_path, rules=the_article_s_rules(), stock_rules=False)
    assert code == 1
    assert result["msg"].startswith("Falco rules are wrong (4 problems):\n- article.yaml:9: rule 'Model File Download")


def test_refuses_an_engine_without_a_version(tmp_path: Path) -> None:
    code, result = run(tmp_path, rules=[], engine_version="latest")
    assert (code, result["msg"]) == (1, "'latest' is no version of Falco's engine; write it as 0.62.0")


def test_says_why_a_rule_cannot_be_tried(tmp_path: Path) -> None:
    rules = [{"name": "site.yaml", "content": SITE_RULES.replace("proc.pnam =", "interactive and proc.pname =")}]
    rules[0]["content"] = rules[0]["content"].replace("\n- rule: Shell of a model server\n  enabled: false", "")
    code, result = run(tmp_path, rules=rules, events=EVENTS[:1])
    assert (code, result["msg"]) == (
        1,
        "rule 'Shell of a model server': macro 'interactive' is not in these files; give the file that defines it, too",
    )
