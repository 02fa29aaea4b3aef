# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions on events, with Falco's semantics of operators, missing fields, lists, macros and exceptions."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import fires, rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import RuleSet
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.stock import STOCK

OPEN = {
    "evt.type": "openat",
    "evt.rawres": 3,
    "evt.failed": False,
    "evt.is_open_read": True,
    "evt.arg.flags": "O_RDWR|O_CLOEXEC",
    "fd.name": "/dev/nvidia0",
    "fd.num": 3,
    "fd.typechar": "f",
    "proc.name": "python3",
    "proc.cmdline": "python3 serve.py --Model m.PT",
    "proc.exepath": "/usr/bin/python3.11",
    "proc.pname": "sh",
    "proc.pexepath": "/usr/bin/dash",
    "proc.aname[2]": "conmon",
    "proc.aname[3]": "systemd",
    "user.uid": 0,
    "user.name": "<NA>",
    "container.id": "b6c865d2e074",
    "container.name": "<NA>",
    "k8s.pod.name": None,
}
CONNECT = {
    "evt.type": "connect",
    "evt.rawres": -115,
    "fd.sip": "10.0.50.7",
    "fd.cip": "10.1.0.9",
    "fd.sport": 443,
    "fd.cport": 51000,
    "fd.l4proto": "tcp",
    "evt.buffer": "\x03www",
    "fd.types": ["ipv4", "file"],
}


def rule_set(condition: str, exceptions: str = "[]", more: str = "") -> RuleSet:
    text = f"""
- rule: r
  desc: d
  output: o
  priority: NOTICE
  condition: {condition!r}
  exceptions: {exceptions}
{more}
"""
    loaded = load_rules([("rules.yaml", text)], STOCK)
    assert loaded.findings == ()
    return loaded


def holds(condition: str, event: dict[str, Any]) -> bool:
    return fires(rule_set(condition.replace("'", '"')), "r", event)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("proc.name = python3", True),
        ("proc.name = python", False),
        ("proc.name != python", True),
        ("proc.name in (curl, python3)", True),
        ("proc.name in (python)", False),
        ("proc.name in ()", False),
        ("not proc.name in ()", True),
        ("proc.name intersects (python3)", True),
        ("proc.cmdline contains serve.py", True),
        ("proc.cmdline contains --model", False),
        ("proc.cmdline icontains --model", True),
        ("proc.name startswith python", True),
        ("fd.name endswith 0", True),
        ("fd.name endswith nvidia", False),
        ("fd.name glob /dev/nvidia*", True),
        ("fd.name glob /dev/*", True),
        ("fd.name glob *nvidia?", True),
        ("fd.name glob nvidia*", False),
        ("fd.name glob /dev/nvidia[0-7]", True),
        ("fd.name glob /dev/nvidia[!0-7]", False),
        (r"fd.name glob /dev/nvidia\\*", False),
        ("fd.name iglob /DEV/NVIDIA*", True),
        ("fd.name regex '/dev/nvidia[0-9]+'", True),
        ("fd.name regex 'nvidia[0-9]+'", False),
        ("fd.name regex '/dev/[[:alpha:]]+[[:digit:]]'", True),
        ("fd.name regex '[[/]dev[^:]*'", True),
        ("fd.name glob '[[/]dev/[z-a]*'", False),
        ("fd.name pmatch (/etc, /dev)", True),
        ("fd.name pmatch (/dev/nvidia)", False),
        ("fd.name pmatch (/dev/nvidia*)", True),
        ("fd.name pmatch (/dev/nvidia0/x)", False),
        ("fd.name pmatch (/)", True),
        ("proc.name startswith anyof (curl, py)", True),
        ("proc.name startswith oneof (py, python)", False),
        ("proc.name startswith allof (py, python)", True),
        ("proc.name = anyof ()", False),
        ("proc.name = allof ()", False),
        ("fd.num >= 0", True),
        ("fd.num < 0x3", False),
        ("fd.num = 3", True),
        ("fd.num in (1, 3)", True),
        ("fd.num = 03", True),
        ("evt.is_open_read = true", True),
        ("evt.is_open_read != false", True),
        ("evt.is_open_read = false", False),
        ("evt.arg.flags contains O_RDWR", True),
        ("evt.arg[flags] contains O_RDWR", True),
        ("tolower(proc.cmdline) endswith .pt", True),
        ("toupper(basename(fd.name)) = NVIDIA0", True),
        ("len(proc.name) = 7", True),
        ("len(proc.name) > 7", False),
        ("b64(proc.name) exists", False),
        ("proc.name = val(proc.pname)", False),
        ("proc.exepath endswith val(proc.name)", False),
        ("proc.cmdline startswith val(proc.name)", True),
        ("proc.name = val(proc.vpgid.name)", False),
        ("evt.type in (open, openat) and not fd.num < 0 or fd.num = 7", True),
    ],
)
def test_operators(condition: str, expected: bool) -> None:
    assert holds(condition, OPEN) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # A missing field makes every check false, and so its opposite true.
        ("container.image.repository = a", False),
        ("container.image.repository != a", False),
        ("container.image.repository in (a)", False),
        ("container.image.repository exists", False),
        ("container.image.repository = <NA>", False),
        ("not container.image.repository = a", True),
        ("not container.image.repository in (a)", True),
        ("not container.image.repository exists", True),
        ("evt.arg.mode < 1", False),
        # Null and <NA> are how alerts spell a missing field ...
        ("k8s.pod.name exists", False),
        ("container.name = <NA>", False),
        # ... but of a user and of a process, Falco has this as a name.
        ("user.name = <NA>", True),
    ],
)
def test_missing_fields(condition: str, expected: bool) -> None:
    assert holds(condition, OPEN) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("proc.aname = sh", True),
        ("proc.aname = systemd", True),
        ("proc.aname = python3", False),
        ("proc.aname in (conmon, cron)", True),
        ("proc.aname startswith con", True),
        ("proc.aname != sh", True),
        ("not proc.aname = sh", False),
        ("proc.aname exists", True),
        ("proc.aname[0] = python3", True),
        ("proc.aname[1] = sh", True),
        ("proc.aname[2] = conmon", True),
        ("proc.aname[2] = sh", False),
        ("proc.aname[7] exists", False),
        ("proc.aexepath = /usr/bin/dash", True),
        ("proc.aexepath contains python", False),
        ("proc.acmdline exists", False),
    ],
)
def test_ancestors(condition: str, expected: bool) -> None:
    assert holds(condition, OPEN) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("fd.sip = 10.0.50.7", True),
        ("fd.sip != 10.0.50.7", False),
        ("fd.sip in (10.0.50.7, 10.0.50.8)", True),
        ("fd.sip = 10.0.50.70", False),
        ("fd.snet = 10.0.0.0/8", True),
        ("fd.snet in (192.168.0.0/16, 10.0.50.0/24)", True),
        ("not fd.snet in (192.168.0.0/16)", True),
        ("fd.snet = fd00::/8", False),
        ("fd.cnet = 10.0.50.0/24", False),
        ("fd.net = 10.1.0.0/16", True),
        ("fd.ip = 10.1.0.9", True),
        ("fd.ip != 10.1.0.9", False),
        ("fd.ip != 10.9.9.9", True),
        ("fd.port = 443", True),
        ("fd.port in (80, 51000)", True),
        ("fd.sport = 443 and fd.l4proto = tcp", True),
        ("evt.res = EINPROGRESS", True),
        ("evt.buffer bcontains 0377", True),
        ("evt.buffer bstartswith 77", False),
        ("evt.buffer contains www", True),
        ("fd.types intersects (file)", True),
        ("fd.types in (file)", False),
        ("fd.types in (file, ipv4, ipv6)", True),
        ("evt.type.is.connect = 1", True),
        ("evt.type.is[open] = 1", False),
    ],
)
def test_connections_and_buffers(condition: str, expected: bool) -> None:
    assert holds(condition, CONNECT) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("fd.directory = /dev", True),
        ("fd.filename = nvidia0", True),
        ("fd.type = file", True),
        ("fs.path.name = /dev/nvidia0", True),
        ("evt.res = SUCCESS", True),
        ("proc.args startswith serve.py", True),
        ("container.image exists", False),
    ],
)
def test_fields_that_follow_from_others(condition: str, expected: bool) -> None:
    assert holds(condition, OPEN) is expected


def test_macros_and_lists_are_put_in() -> None:
    more = """
- macro: by_server
  condition: proc.name in (servers, sh) or proc.name = "servers"
- list: more_servers
  items: [python3, '"a=b"']
- list: servers
  items: [triton, more_servers]
"""
    loaded = rule_set("container and by_server", more=more)
    assert fires(loaded, "r", OPEN)
    assert fires(loaded, "r", {**OPEN, "proc.name": "a=b"})
    assert fires(loaded, "r", {**OPEN, "proc.name": "servers"})  # in quotes it is a word
    assert not fires(loaded, "r", {**OPEN, "proc.name": "more_servers"})
    assert not fires(loaded, "r", {**OPEN, "container.id": "host"})


def test_a_list_in_a_list_in_a_list_stays_a_word_as_in_falco() -> None:
    lists = ["- {list: a, items: [python3]}", "- {list: b, items: [a]}", "- {list: c, items: [b]}"]
    in_order = rule_set("proc.name in (c)", more="\n".join(lists))
    assert not fires(in_order, "r", OPEN)
    assert fires(in_order, "r", {**OPEN, "proc.name": "a"})
    backwards = rule_set("proc.name in (c)", more="\n".join(reversed(lists)))
    assert fires(backwards, "r", OPEN)


def test_a_list_that_is_defined_after_its_use_is_found() -> None:
    assert fires(rule_set("proc.name in (later)", more="- {list: later, items: [python3]}"), "r", OPEN)
    assert not fires(rule_set("proc.name in (latre)", more="- {list: later, items: [python3]}"), "r", OPEN)


@pytest.mark.parametrize(
    ("exceptions", "expected"),
    [
        ("[]", True),
        ("[{name: e, fields: proc.name}]", True),
        ("[{name: e, fields: proc.name, values: [curl, python3]}]", False),
        ("[{name: e, fields: proc.name, values: [curl]}]", True),
        ("[{name: e, fields: fd.name, comps: pmatch, values: [/dev]}]", False),
        ("[{name: e, fields: fd.name, comps: startswith anyof, values: [/proc, /dev]}]", False),
        ("[{name: e, fields: proc.name, values: [pythons]}]", False),
        ("[{name: e, fields: [proc.name, fd.name], values: [[python3, /dev/nvidia0]]}]", False),
        ("[{name: e, fields: [proc.name, fd.name], values: [[python3, /dev/nvidia1]]}]", True),
        ("[{name: e, fields: [proc.name, fd.name], values: [[a, b], [python3, /dev/nvidia0]]}]", False),
        ("[{name: e, fields: [proc.name, fd.name], comps: [in, startswith], values: [[[a, python3], /dev]]}]", False),
        ("[{name: e, fields: [proc.name, fd.name], comps: [in, startswith], values: [[pythons, /dev]]}]", False),
        ("[{name: e, fields: [proc.cmdline], comps: [startswith], values: [[python3 serve.py]]}]", False),
        ("[{name: e, fields: container.image.repository, values: [a]}]", True),
        ("[{name: e, fields: proc.name, values: [a]}, {name: f, fields: fd.num, values: [3]}]", False),
    ],
)
def test_exceptions(exceptions: str, expected: bool) -> None:
    loaded = rule_set("evt.type = openat or evt.type = open", exceptions, "- {list: pythons, items: [python3]}")
    assert fires(loaded, "r", OPEN) is expected


def test_all_rules_that_fire_and_none_that_is_switched_off() -> None:
    more = """
- {rule: s, desc: d, output: o, priority: NOTICE, condition: proc.name = python3}
- {rule: t, desc: d, output: o, priority: NOTICE, condition: proc.name = python3, enabled: false}
"""
    assert rules_that_fire(rule_set("open_read", more=more), OPEN) == ("r", "s")


@pytest.mark.parametrize(
    ("condition", "more", "message"),
    [
        ("nothing", "", "rule 'r': macro 'nothing' is not in these files; give the file that defines it, too"),
        ("interactive", "", "rule 'r': macro 'interactive' is not in these files"),
        ("proc.name in (shell_binaries)", "", "rule 'r': list 'shell_binaries' is not, or not all, in these files"),
        ("a", "- {macro: a, condition: b}\n- {macro: b, condition: a}", "rule 'r': macro 'a' uses itself"),
        ("proc.name = a", "- {list: a, items: [b, c]}", "list 'a' stands for 2 values, but '=' takes one"),
        ("proc.name in (a)", "- {list: a, items: ['b=c']}", "rule 'r': expected ',' or ')', not '=c'"),
        ("proc.name = =", "", "rule 'r': expected a value after '='"),
        ("fd.num startswith 3", "", "Falco cannot use 'startswith' with fd.num"),
        ("fd.name regex '('", "", "'(' is no regular expression"),
    ],
)
def test_refuses_what_it_cannot_know(condition: str, more: str, message: str) -> None:
    loaded = rule_set(condition.replace("'", '"'), more=more)
    with pytest.raises(HardeningError) as refused:
        fires(loaded, "r", OPEN)
    assert message in refused.value.message


def test_refuses_a_rule_that_is_not_there() -> None:
    with pytest.raises(HardeningError, match="there is no rule 's'"):
        fires(rule_set("a"), "s", OPEN)


def test_an_open_that_failed_has_a_name_but_no_file() -> None:
    refused = {**OPEN, "evt.failed": True, "fd.num": -1}
    assert holds("fd.filename = nvidia0", OPEN)
    assert not holds("fd.filename exists", refused)
    assert holds("fd.name = /dev/nvidia0", refused)


def test_every_variable_of_the_environment_is_there_and_empty_if_it_is_not_set() -> None:
    assert holds("proc.env[LD_PRELOAD] exists", OPEN)
    assert holds('proc.env[LD_PRELOAD] = ""', OPEN)
    assert not holds('proc.env[LD_PRELOAD] != ""', OPEN)
    assert holds('proc.env[LD_PRELOAD] != ""', {**OPEN, "proc.env[LD_PRELOAD]": "/x.so"})


def test_the_data_of_an_event_has_dots_where_the_buffer_has_no_text() -> None:
    asked = {"evt.buffer": "\x01\x00\x0bHuggingFace\x02co\x00\x00\x01"}
    assert holds('evt.arg.data icontains ".huggingface.co.."', asked)
    assert not holds("evt.buffer bcontains 0b68756767696e67666163650263", asked)
