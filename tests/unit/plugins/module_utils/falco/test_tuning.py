# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts become groups and proposals that people can read, and never a hole that nobody asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco import site
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.alerts import read_alerts, without_secrets
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import fires
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.tuning import (
    Group,
    falco_exceptions,
    group_alerts,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.tuning_text import proposals_text

CHECKOUT = Path(site.__file__).parents[3]
RULES = (CHECKOUT / "roles" / "falco" / "files" / "ml_rules.yaml").read_text(encoding="utf-8")
RULE_SET = load_rules([("ml_rules.yaml", RULES)])
STARTS = CHECKOUT / "tests" / "data" / "falco" / "second" / "container-starts.jsonl"
SERVER = "registry.internal/model-server"
SHELL = "Shell or Network Tool Started by Python Model Server"
CHANGED = "Model File Changed in Serving Container"


def alert(command: str = "curl http://10.0.0.9/a", rule: str = SHELL, minute: int = 0, **fields: Any) -> str:
    tier = [tag for tag in RULE_SET.rules[rule].tags if tag.startswith("ml_")] if rule in RULE_SET.rules else []
    output = {
        "container.image.repository": SERVER,
        "proc.name": command.split()[0],
        "proc.pname": "python3",
        "proc.cmdline": command,
        **fields,
    }
    time = f"2026-11-28T10:{minute:02}:00.000000000Z"
    return json.dumps({"rule": rule, "priority": "Notice", "tags": tier, "time": time, "output_fields": output})


def groups_of(*lines: str) -> list[Group]:
    alerts, broken = read_alerts(lines)
    assert broken == 0
    return group_alerts(alerts, RULE_SET.rules)


def test_alerts_are_found_among_what_falco_says_of_itself() -> None:
    lines = ["Sat Nov 28 10:00:00 2026: Loading rules from:\n", alert(), '{"rule": "broken', "", '{"hostname": "x"}']
    alerts, broken = read_alerts(lines)
    assert ([one.rule for one in alerts], broken) == ([SHELL], 1)


def test_alerts_are_grouped_by_rule_image_process_and_parent() -> None:
    first, second = groups_of(
        alert(minute=5), alert(minute=3), alert(minute=9), alert(minute=1, **{"proc.pname": "tritonserver"})
    )
    assert (first.count, first.process, first.parent, first.image) == (3, "curl", "python3", SERVER)
    assert (first.first[11:16], first.last[11:16]) == ("10:03", "10:09")
    assert (second.count, second.parent) == (1, "tritonserver")


def test_the_proposed_exception_holds_the_alerts_and_nothing_beside_them() -> None:
    groups = groups_of(alert("curl http://10.0.0.9/a"), alert("curl http://10.0.0.9/b"))
    (proposed,) = falco_exceptions(groups)
    assert proposed == {
        "rule": SHELL,
        "name": "image_and_command",
        "values": [[SERVER, "curl http://10.0.0.9/a"], [SERVER, "curl http://10.0.0.9/b"]],
    }
    text = yaml.safe_dump(site.site_rules({"serving_images": [SERVER], "exceptions": [proposed]}))
    tuned = load_rules([("ml_rules.yaml", RULES), ("site.yaml", text)])
    event = {
        "evt.type": "execve", "evt.failed": False, "container.id": "a", "container.image.repository": SERVER,
        "proc.name": "curl", "proc.exepath": "/usr/bin/curl", "proc.pname": "python3", "proc.pexepath": "/bin/python3",
    }  # fmt: skip
    assert not fires(tuned, SHELL, {**event, "proc.cmdline": "curl http://10.0.0.9/a"})
    assert fires(tuned, SHELL, {**event, "proc.cmdline": "curl http://10.0.0.1/a"})


def test_commands_that_begin_alike_are_one_case() -> None:
    (group,) = groups_of(*(alert(f"nvcc -O2 -o /tmp/{number}.o x.cu") for number in range(30)))
    assert group.values == ((SERVER, "nvcc -O2 -o "),)
    assert group.count == 30


def test_files_below_one_folder_are_one_case() -> None:
    written = [alert("python3 s.py", CHANGED, **{"fd.name": f"/models/cache/{number}.bin"}) for number in range(4)]
    (group,) = groups_of(*written)
    assert (group.exception, group.values) == ("image_and_file", ((SERVER, "/models/cache/"),))


def test_nothing_is_proposed_for_what_is_certain() -> None:
    certain = "Crypto Miner Started in Container"
    (group,) = groups_of(alert("xmrig -o pool", certain))
    assert (group.exception, group.values) == ("", ())
    assert "certain" in group.reason
    assert falco_exceptions([group]) == []


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([alert(rule="Terminal shell in container")], "not among those that were given"),
        ([alert(f"tool{number} a") for number in range(1)], ""),
        ([alert("env", **{"container.image.repository": None})], "no exception of the rule"),
        ([alert(f"env x{number} y", **{"proc.name": "env"}) for number in range(11)], "no exception of the rule"),
        ([alert('awk "a"')], "no exception of the rule"),
    ],
)
def test_what_cannot_be_proposed_is_said(lines: list[str], reason: str) -> None:
    (group,) = groups_of(*lines)
    assert reason in group.reason
    assert bool(group.exception) is not bool(reason)


@pytest.mark.parametrize(
    "command",
    [
        "mysql --user me --password hunter2 db",
        "curl -H x --api-key=hunter2 http://10.0.0.9",
        "git clone https://me:hunter2@git.internal/x",
        "tool AUTH_TOKEN=hunter2 run",
        "curl http://h/x?access_token=hunter2&b=1",
    ],
)
def test_no_secret_is_in_an_example_or_a_proposal(command: str) -> None:
    assert "hunter2" not in without_secrets(command)
    groups = groups_of(alert(command), alert(command, "Container Not Yet Known Connects to Internet"))
    assert "hunter2" not in proposals_text(groups)
    assert "hunter2" not in json.dumps([group.as_dict() for group in groups])


def test_the_text_is_yaml_with_the_proposals_and_says_why_there_are_none() -> None:
    groups = groups_of(
        alert("env\nx: [", minute=2), alert("ls /a", minute=1), alert("x", "Crypto Miner Started in Container")
    )
    text = proposals_text(groups)
    read = yaml.safe_load(text)["falco_exceptions"]
    assert [(one["rule"], one["name"], one["values"]) for one in read] == [
        (SHELL, "image_and_command", [[SERVER, "env\nx: ["]]),
        (SHELL, "image_and_command", [[SERVER, "ls /a"]]),
    ]
    assert "# 1 times from 2026-11-28T10:01" in text
    assert "Crypto Miner Started in Container: what this rule sees is certain" in text
    assert yaml.safe_load(proposals_text([])) == {"falco_exceptions": []}


def test_recorded_alerts_are_read() -> None:
    alerts, broken = read_alerts(STARTS.read_text(encoding="utf-8").splitlines())
    assert (len(alerts), broken) == (20, 0)
    groups = group_alerts(alerts, RULE_SET.rules)
    assert {group.process for group in groups} == {"runc:[1:CHILD]", "11"}
    assert falco_exceptions(groups) == []  # both are certain
