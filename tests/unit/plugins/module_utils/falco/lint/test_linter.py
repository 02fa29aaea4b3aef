# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the linter finds in Falco rules, and what it leaves alone."""

from __future__ import annotations

import random
import re
import textwrap
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco import stock_stable
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.linter import lint
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import NOTHING_KNOWN
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.stock import STOCK, stock_names

DATA = Path(__file__).resolve().parents[5] / "data" / "falco"
VERSION = "- required_engine_version: 0.50.0\n"


def problems(*contents: str, stock: bool = True, engine: str = "0.62.0") -> list[str]:
    """What is wrong, as ``severity code file:line: message``."""
    files = [(f"{number}.yaml", content) for number, content in enumerate(contents, 1)]
    found = lint(load_rules(files, STOCK if stock else NOTHING_KNOWN), engine)
    return [f"{finding.severity} {finding.code} {finding}" for finding in found]


def rule(condition: str, name: str = "r", output: str = "o", more: str = "") -> str:
    return f"""
- rule: {name}
  desc: d
  output: {output!r}
  priority: NOTICE
  condition: >
    {condition}
{more}
"""


def of_condition(condition: str, more: str = "") -> list[str]:
    """What is wrong with a condition on an open; ``more`` is more items."""
    return problems(VERSION + rule(f"evt.type = openat and ({condition})") + more)


# What a real Falco (falco -V, engine 0.62.0) said of the same cases.
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            [rule("evt.type=open and proc.name in (tools)") + "- {list: tools, items: [a]}"],
            [],
            id="list used before its definition in the same file: accepted",
        ),
        pytest.param(
            [rule("evt.type=open and proc.name in (tools)"), "- {list: tools, items: [a]}"],
            [],
            id="list defined in a later file: accepted",
        ),
        pytest.param(
            [rule("evt.type=open and proc.name in (my_toolz)") + "- {list: my_tools, items: [a]}"],
            [
                "error undefined-list 1.yaml:7: nothing defines a list 'my_toolz' (did you mean my_tools?), so Falco"
                " compares with the word 'my_toolz'; define the list, or put the word in quotes if you mean it",
                "warning unused-list 1.yaml:9: no condition or list uses list 'my_tools'; drop it, or look for a"
                " misspelt name",
            ],
            id="misspelt name of a list: accepted as a word, with LOAD_UNUSED_LIST on the right one",
        ),
        pytest.param(
            [rule("evt.type=open and not proc.name in (my_tools)")],
            [
                "error undefined-list 1.yaml:7: nothing defines a list 'my_tools', so Falco compares with the word"
                " 'my_tools'; define the list, or put the word in quotes if you mean it"
            ],
            id="list deleted altogether: accepted without a word",
        ),
        pytest.param(
            [rule("opens") + "- {macro: opens, condition: evt.type=open}"],
            [],
            id="macro used before its definition in the same file: accepted",
        ),
        pytest.param(
            [rule("opens"), "- {macro: opens, condition: evt.type=open}"],
            [
                "error macro-defined-later 1.yaml:7: rule 'r' uses macro 'opens', which only a later file defines"
                " (2.yaml); load that file first, or define the macro here"
            ],
            id="macro defined in a later file: refused",
        ),
        pytest.param(
            [rule("evt.type=open and opens")],
            [
                "error undefined-macro 1.yaml:7: rule 'r' uses macro 'opens', which nothing defines; define it here or"
                " in an earlier file"
            ],
            id="macro defined nowhere: refused",
        ),
        pytest.param(
            [rule("evt.type=open and proc.nam=a", output="%proc.nam")],
            [
                "error unknown-field 1.yaml:4: output: Falco (engine 0.62.0) has no field proc.nam (did you mean"
                " proc.name?)",
                "error unknown-field 1.yaml:7: Falco (engine 0.62.0) has no field proc.nam (did you mean proc.name?)",
            ],
            id="unknown field in condition or output: refused",
        ),
        pytest.param(
            [rule("proc.name=a")],
            [
                "warning no-event-type 1.yaml:7: rule 'r' looks at events of every type, which costs much time; begin"
                " it with evt.type or a macro such as spawned_process"
            ],
            id="condition without an event type: accepted with LOAD_NO_EVTTYPE",
        ),
    ],
)
def test_falco_s_own_verdicts_and_what_it_does_not_tell(files: list[str], expected: list[str]) -> None:
    found = problems(*files, stock=False)
    assert [line for line in found if "missing-version" not in line] == expected


def test_the_article_s_file_needs_falco_s_own_rules_before_it() -> None:
    article = (DATA / "article_rules.yaml").read_text(encoding="utf-8")
    alone = problems(article, stock=False)
    undefined = [line.split(", which nothing defines")[0] for line in alone if line.startswith("error")]
    assert undefined == [
        "error undefined-macro 1.yaml:9: rule 'Model File Download from Untrusted Source' uses macro 'spawned_process'",
        "error undefined-macro 1.yaml:24: rule 'Pickle Deserialization in ML Container' uses macro 'spawned_process'",
        "error undefined-macro 1.yaml:25: rule 'Pickle Deserialization in ML Container' uses macro 'container'",
        "error undefined-macro 1.yaml:38: rule 'GPU Device Access by Non-ML Container' uses macro 'open_read'",
    ]
    assert [line.split()[1] for line in problems(article)] == ["missing-version"]


@pytest.mark.parametrize(
    "condition",
    [
        "proc.name in (curl, wget, python3, python3.11, sh)",
        "proc.name in (curl)",
        "proc.name in (nvidia-smi)",
        "proc.name in (tritonserver, text_generation)",
        'proc.name in ("nv_hostengine")',
        "proc.name in (shell_binaries)",
        "proc.name in (mine, shell_binaries)",
        "not proc.name in (shell_binaries, sshd)",
        "evt.type in (openat, openat2, open_by_handle_at)",
        "fd.name pmatch (/dev/nvidia*, /host/dev)",
        "fd.name glob /dev/nvidia*",
        "fd.typechar = 4 and fd.sport = 53 and fd.sport in (53, domain)",
        "fd.snet in (rfc_1918_addresses)",
        "fd.snet in ('10.0.0.0/8', fd00::/8)",
        "fd.sip != ::1",
        "evt.buffer contains huggingface and evt.buffer bcontains cafe",
        "evt.arg.flags contains O_WRONLY or evt.arg[0] exists",
        "evt.arg.some_rare_argument = 1",
        "proc.aname[2] = a and proc.aexepath contains /python",
        'proc.env[LD_PRELOAD] != "" or proc.aenv[LD_PRELOAD] exists',
        "k8s.pod.label.app = a and k8s.pod.label[app.kubernetes.io/name] = a and container.label.x = a",
        "not container.image.repository in (mine)",
        "not container.image.repository exists",
        "user.name = <NA>",
        "proc.cmdline contains '*' or proc.args = '*'",
        "fd.name regex '/dev/nvidia[0-9]+(ctl|-uvm)?'",
        "fd.name regex '[*+?]{2}[^]*+][[:digit:]*+]+[/?# ]?'",
        "proc.name = nvidia-containe and proc.exe endswith /nvidia-container-runtime",
        "tolower(proc.name) = python and len(proc.cmdline) > 100",
        "proc.name = val(proc.pname)",
        "fd.types intersects (file)",
        "evt.is_open_write = true and evt.failed = false",
        "thread.cap_effective contains CAP_SYS_ADMIN and proc.is_exe_upper_layer=true",
    ],
)
def test_leaves_right_conditions_alone(condition: str) -> None:
    more = "- {list: mine, items: [mine]}" if "mine" in condition else ""
    assert of_condition(condition, more) == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("proc.name = a and", "error invalid-condition 1.yaml:8: rule 'r': expected"),
        (
            "contaner",
            "error undefined-macro 1.yaml:8: rule 'r' uses macro 'contaner', which nothing defines (did you mean con",
        ),
        ("shell_binaries", "(there is a list shell_binaries: use it as in (shell_binaries), behind a field)"),
        (
            "proc.name in (shell_binary)",
            "error undefined-list 1.yaml:8: nothing defines a list 'shell_binary' (did you mean s",
        ),
        ("proc.name in (sh, shell_binarys)", "error undefined-list 1.yaml:8: nothing defines a list 'shell_binarys'"),
        (
            "proc.name in (sh, gpu_tools)",
            "warning undefined-list 1.yaml:8: nothing defines a list 'gpu_tools', so Falco",
        ),
        (
            "not proc.aname in (unicorn_launche)",
            "warning undefined-list 1.yaml:8: nothing defines a list 'unicorn_launche'",
        ),
        (
            "not k8s.ns.name in (ml_serving)",
            "error undefined-list 1.yaml:8: nothing defines a list 'ml_serving', so Falco",
        ),
        ("proc.name in gpu_tools", "error undefined-list 1.yaml:8: nothing defines a list 'gpu_tools', so Falco"),
        (
            "fd.name pmatch (gpu_devices)",
            "error undefined-list 1.yaml:8: nothing defines a list 'gpu_devices', so Falco",
        ),
        ("fd.name contains anyof (gpu_devices)", "error undefined-list 1.yaml:8: nothing defines a list 'gpu_devices'"),
        ("evt.argg.flags = a", "error unknown-field 1.yaml:8: Falco (engine 0.62.0) has no field evt.argg.flags"),
        ("evt.arg = a", "error wrong-field 1.yaml:8: evt.arg needs an argument, as in evt.arg[...]"),
        ("proc.name[1] = a", "error wrong-field 1.yaml:8: proc.name takes no argument in brackets"),
        ("evt.arg.flags[1] = a", "error wrong-field 1.yaml:8: evt.arg.flags takes no argument in brackets"),
        ("proc.aname[x] = a", "error wrong-field 1.yaml:8: the argument of proc.aname must be a number, not 'x'"),
        ("evt.arg.flagz = a", "error wrong-field 1.yaml:8: no event has an argument 'flagz' (did you mean flags?)"),
        ("evt.outputtime = a", "error wrong-field 1.yaml:8: evt.outputtime is for outputs, not for conditions"),
        ("tolower(proc.aname) = a", "error wrong-field 1.yaml:8: tolower() does not take proc.aname"),
        ("evt.dir = <", "warning deprecated-field 1.yaml:8: evt.dir is deprecated: rules see only the ends"),
        ("k8s.ns.label.a = a", "warning deprecated-field 1.yaml:8: k8s.ns.label.a is deprecated"),
        (
            "k8s.deployment.name = a",
            "warning deprecated-field 1.yaml:8: k8s.deployment.name is deprecated: the container",
        ),
        (
            "fd.num contains 3",
            "error wrong-comparison 1.yaml:8: Falco cannot use 'contains' with fd.num, but = == != <= <",
        ),
        ("evt.failed startswith t", "error wrong-comparison 1.yaml:8: Falco cannot use 'startswith' with evt.failed"),
        ("fd.sip contains 10", "error wrong-comparison 1.yaml:8: Falco cannot use 'contains' with fd.sip"),
        (
            "fd.types = file",
            "error wrong-comparison 1.yaml:8: Falco cannot use '=' with fd.types, but in intersects exists",
        ),
        ("proc.name bcontains 00", "error wrong-comparison 1.yaml:8: Falco cannot use 'bcontains' with proc.name"),
        (
            "proc.name = val(proc.pid)",
            "error wrong-comparison 1.yaml:8: proc.name and proc.pid have values of different types",
        ),
        (
            "proc.aname = val(proc.name)",
            "error wrong-comparison 1.yaml:8: Falco cannot compare proc.aname with another field",
        ),
        (
            "proc.name regex val(proc.name)",
            "error wrong-comparison 1.yaml:8: 'regex' compares with values, not with the field",
        ),
        ("fd.num = three", "error wrong-value 1.yaml:8: fd.num is a number, so it cannot be 'three'"),
        ("evt.failed = yes", "error wrong-value 1.yaml:8: evt.failed is true or false, so it cannot be 'yes'"),
        ("fd.sip = localhost", "error wrong-value 1.yaml:8: fd.sip is an IP address, so it cannot be 'localhost'"),
        ("fd.sip in (10.0.0.0/8)", "error wrong-value 1.yaml:8: fd.sip is an IP address, so it cannot be '10.0.0.0/8'"),
        (
            "fd.snet = 10.0.0.0/33",
            "error wrong-value 1.yaml:8: fd.snet is in an IP network, so it cannot be '10.0.0.0/33'",
        ),
        ("evt.buffer bcontains xyz", "error wrong-value 1.yaml:8: 'bcontains' wants bytes as hexadecimal digits"),
        (
            "evt.type = opennat",
            "error wrong-value 1.yaml:8: Falco knows no type of events 'opennat' (did you mean openat?)",
        ),
        (
            r"fd.name regex 'nvidia\\d+'",
            r"error wrong-value 1.yaml:8: Falco's regular expressions are POSIX's, without '\\d'",
        ),
        ("fd.name regex 'a+?'", "error wrong-value 1.yaml:8: Falco's regular expressions are POSIX's, without '+?'"),
        ("fd.name regex '(?i)a'", "error wrong-value 1.yaml:8: Falco's regular expressions are POSIX's, without '(?'"),
        (
            "proc.name in (sh, nvidia-container)",
            "warning doubtful-comparison 1.yaml:8: proc.name has only the first 15",
        ),
        ("fd.name regex '('", "error wrong-value 1.yaml:8: '(' is no regular expression"),
        (
            "proc.name = proc.pname",
            "warning doubtful-comparison 1.yaml:8: this compares with the word 'proc.pname'; write val(",
        ),
        ("container.id = <NA>", "warning doubtful-comparison 1.yaml:8: a missing container.id is never equal to <NA>"),
        (
            "fd.name in (/dev/nvidia*)",
            "warning doubtful-comparison 1.yaml:8: '*' is a character like any other for 'in'",
        ),
        (
            "fd.name startswith /dev/*",
            "warning doubtful-comparison 1.yaml:8: '*' is a character like any other for 'startswith'",
        ),
        ("proc.aname != a", "warning doubtful-comparison 1.yaml:8: this is true if any ancestor is another one"),
        (
            "container.image.repository != a",
            "warning doubtful-comparison 1.yaml:8: this is false while container.image.repos",
        ),
        (
            "proc.name = a and proc.name = b",
            "error never-fires 1.yaml:8: rule 'r' never fires: proc.name cannot be 'a' and 'b' at",
        ),
        (
            "proc.name in (a, b) and (proc.name = c or proc.name = d)",
            "error never-fires 1.yaml:8: rule 'r' never fires",
        ),
        (
            "evt.type = open",
            "error never-fires 1.yaml:8: rule 'r' never fires: evt.type cannot be 'openat' and 'open' at once",
        ),
        (
            "spawned_process",
            "error never-fires 1.yaml:8: rule 'r' never fires: evt.type cannot be 'openat' and 'execve' or",
        ),
        ("not evt.type startswith open", "error never-fires 1.yaml:8: rule 'r' never fires: it asks for several types"),
    ],
)
def test_finds_wrong_conditions(condition: str, expected: str) -> None:
    assert expected in "\n".join(of_condition(condition))


def test_events_that_falco_does_not_capture() -> None:
    assert problems(VERSION + rule("evt.type in (open, write)")) == [
        "warning doubtful-comparison 1.yaml:8: Falco does not capture write unless base_syscalls.all is set, so this is"
        " never true"
    ]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (
            "[a, b]",
            "error list-without-parentheses 1.yaml:8: list 'tools' has 2 items, which Falco cannot put here without",
        ),
        (
            "[a]",
            "warning list-replaces-word 1.yaml:8: 'tools' is the name of a list, so Falco puts its items here",
        ),
        ("[]", "error list-without-parentheses 1.yaml:8: list 'tools' has 0 items"),
    ],
)
def test_a_name_of_a_list_where_one_value_belongs(items: str, expected: str) -> None:
    (found,) = of_condition("proc.name = tools", f"- {{list: tools, items: {items}}}")
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("- {list: tools, items: [a=b]}", """give it quotes of its own: '"a=b"'"""),
        ("- {list: tools, items: ['a, b']}", None),  # Falco itself puts quotes around a blank
        ("- {list: tools, items: ['a,b']}", """it is not one value; give it quotes of its own: '"a,b"'"""),
        ("""- {list: tools, items: ['"a=b"', 'c d', "'e(f)'"]}""", None),
        (
            "- {list: tools, items: [shell_binarys]}",
            "warning undefined-list 1.yaml:10: item 'shell_binarys' of list 'tools'",
        ),
        ("- {list: tools, items: [shell_binaries]}", None),
        (
            "- {list: x, items: [a]}\n- {list: y, items: [x]}\n- {list: tools, items: [y]}",
            "error list-not-replaced 1.yaml:12: 'r' uses list 'tools', but Falco does not look into list 'x' then",
        ),
        ("- {list: tools, items: [y]}\n- {list: y, items: [x]}\n- {list: x, items: [a]}", None),
        (
            "- {list: tools, items: [a]}\n- {list: other, items: [b]}",
            "warning unused-list 1.yaml:11: no condition or list uses",
        ),
    ],
)
def test_finds_wrong_lists(more: str, expected: str | None) -> None:
    found = of_condition("proc.name in (tools)", more)
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert expected in found[0]


def test_a_name_of_a_list_in_a_quoted_text_is_replaced_by_falco() -> None:
    (found,) = of_condition("proc.cmdline contains 'run (tools) now'", "- {list: tools, items: [a]}")[:1]
    assert found.startswith("warning list-replaces-word 1.yaml:8: Falco puts the items of list 'tools' into the text")
    assert "warning unused-list" in of_condition("proc.cmdline contains 'tools'", "- {list: tools, items: [a]}")[0]


@pytest.mark.parametrize(
    ("macros", "expected"),
    [
        (
            "- {macro: a, condition: b}\n- {macro: b, condition: evt.num = 1}",
            "error macro-defined-later 1.yaml:10: macro 'a' u",
        ),
        ("- {macro: b, condition: evt.num = 1}\n- {macro: a, condition: b}", None),
        ("- {macro: a, condition: a}", "error macro-loop 1.yaml:10: macro 'a' uses itself; break the loop"),
        (
            "- {macro: b, condition: evt.num = 1}\n- {macro: a, condition: b}\n"
            "- {macro: b, condition: a, override: {condition: replace}}",
            "macro 'b' uses itself through 'a'; break the loop",
        ),
        (
            "- {macro: a, condition: evt.num = 1}\n- {macro: b, condition: evt.num = 1}",
            "warning unused-macro 1.yaml:11: no rule or macro uses macro 'b'; drop it",
        ),
        (
            "- {macro: a, condition: evt.num in (a)}\n- {list: a, items: ['1']}",
            "error list-replaces-word 1.yaml:8: 'a' is a list and a macro",
        ),
    ],
)
def test_finds_wrong_macros(macros: str, expected: str | None) -> None:
    found = of_condition("a", macros)
    assert (found == []) if expected is None else (expected in "\n".join(found))


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (
            rule("evt.type = open"),
            "error duplicate-rule 2.yaml:2: rule 'r' is defined in 1.yaml:2 already, and this one takes",
        ),
        (
            "- {macro: m, condition: evt.num = 2}",
            "error duplicate-macro 2.yaml:1: macro 'm' is defined in 1.yaml:9 already",
        ),
        ("- {list: l, items: [b]}", "error duplicate-list 2.yaml:1: list 'l' is defined in 1.yaml:10 already"),
        (
            rule("evt.type = open", "Run shell untrusted"),
            "error redefines-stock 2.yaml:2: rule 'Run shell untrusted' takes the",
        ),
        (
            "- {macro: container, condition: evt.num = 2}",
            "error redefines-stock 2.yaml:1: macro 'container' takes the place",
        ),
        (
            "- {list: shell_binaries, items: [b]}",
            "error redefines-stock 2.yaml:1: list 'shell_binaries' takes the place",
        ),
        ("- {macro: container, condition: or m, override: {condition: append}}", None),
        ("- {macro: container, condition: m, override: {condition: replace}}", None),
        ("- {list: shell_binaries, items: [b], override: {items: append}}", None),
        ("- {list: l, items: [b], override: {items: append}}", None),
        ("- {rule: Run shell untrusted, condition: and m, override: {condition: append}}", None),
        (
            "- {rule: Run shell untrusted, output: '%proc.nam', override: {output: append}}",
            "unknown-field 2.yaml:1: output",
        ),
        ("- {rule: Run shell untrusted, enabled: false, override: {enabled: replace}}", None),
        (
            "- {rule: Run shel untrusted, enabled: false, override: {enabled: replace}}",
            "(did you mean Run shell untrusted?)",
        ),
    ],
)
def test_names_that_are_there_already(second: str, expected: str | None) -> None:
    first = rule("evt.type = open and m and proc.name in (l)")
    first += "- {macro: m, condition: evt.num = 1}\n- {list: l, items: [a]}"
    found = [line for line in problems(first, second) if "missing-version" not in line]
    assert (found == []) if expected is None else (expected in "\n".join(found))


@pytest.mark.parametrize(
    ("version", "engine", "expected"),
    [
        ("0.62.0", "0.62.0", None),
        ("0.50.1", "0.62.0", None),
        ("26", "0.62.0", None),
        (
            "0.63.0",
            "0.62.0",
            "error engine-too-old 1.yaml:1: the file needs engine 0.63.0, but Falco has 0.62.0; take a newer",
        ),
        ("99", "0.62.0", "error engine-too-old 1.yaml:1: the file needs engine 99, but Falco has 0.62.0"),
        ("1.0.0", "0.62.0", "error engine-too-old"),
        (
            "0.62",
            "0.62.0",
            "error invalid-version 1.yaml:1: required_engine_version '0.62' is no version; write it as 0.62.0",
        ),
        ("new", "0.62.0", "error invalid-version"),
        ("9" * 5000, "0.62.0", "error invalid-version"),
        ("[1]", "0.62.0", "error wrong-type 1.yaml:1: required_engine_version must be a text, not a list"),
    ],
)
def test_engine_versions(version: str, engine: str, expected: str | None) -> None:
    found = problems(f"- required_engine_version: {version}", engine=engine)
    assert (found == []) if expected is None else found[0].startswith(expected)


def test_refuses_an_engine_that_has_no_version() -> None:
    with pytest.raises(HardeningError, match=r"'0\.62' is no version of Falco's engine; write it as 0\.62\.0"):
        problems("", engine="0.62")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("a (%proc.name, %evt.arg.flags %proc.aname[2]) %toupper(proc.name) %container.image.repository.", None),
        ("user=%user.name%proc.name", None),
        ("%proc.name.txt", None),
        ("%container.info", "warning deprecated-field 1.yaml:5: %container.info is deprecated"),
        ("%evt.dir", "warning deprecated-field 1.yaml:5: evt.dir is deprecated"),
        (
            "%proc.nane",
            "error unknown-field 1.yaml:5: output: Falco (engine 0.62.0) has no field proc.nane (did you mean",
        ),
        ("100% sure", "error wrong-field 1.yaml:5: a '%' in an output begins a field; write it otherwise"),
        ("%evt.arg", "error wrong-field 1.yaml:5: output: evt.arg needs an argument"),
        ("%proc.aname", "error wrong-field 1.yaml:5: proc.aname is for conditions, not for outputs"),
        ("%fd.net", "error wrong-field 1.yaml:5: fd.net is for conditions, not for outputs"),
    ],
)
def test_outputs(output: str, expected: str | None) -> None:
    found = problems(VERSION + rule("evt.type = open", output=output))
    assert (found == []) if expected is None else [line.startswith(expected) for line in found] == [True]


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        ("{name: e, fields: proc.name}", None),
        ("{name: e, fields: proc.name, values: [a, shell_binaries]}", None),
        ("{name: e, fields: [proc.name, fd.name], comps: [in, startswith], values: [[[a, b], /dev], [a, /x]]}", None),
        ("{name: e, fields: [proc.name, fd.num], values: [[a, 3]]}", None),
        (
            "{name: e, fields: proc.nam, values: [a]}",
            "error unknown-field 1.yaml:9: Falco (engine 0.62.0) has no field proc.nam",
        ),
        (
            "{name: e, fields: [fd.name, proc.nam]}",
            "error unknown-field 1.yaml:9: Falco (engine 0.62.0) has no field proc.nam",
        ),
        ("{name: e, fields: 'not a field'}", "error invalid-exception 1.yaml:9: 'not a field' is no field"),
        (
            "{name: e, fields: proc.name, comps: startswith, values: [a]}",
            "with one field comps must be one of intersects, in, pma",
        ),
        (
            "{name: e, fields: proc.name, comps: [in], values: [a]}",
            "fields is one field, so comps must be one operator",
        ),
        ("{name: e, fields: proc.name, values: [[a]]}", "values must be a list of single values, not of lists"),
        (
            "{name: e, fields: [proc.name], comps: in, values: [[a]]}",
            "fields is a list, so comps must be a list of 1 operators",
        ),
        ("{name: e, fields: [proc.name], comps: [in, in], values: [[a]]}", "there are 1 fields but 2 comps"),
        ("{name: e, fields: [proc.name], comps: [like], values: [[a]]}", "'like' is no operator of Falco; use one of"),
        ("{name: e, fields: [proc.name, fd.name], values: [[a]]}", "one for each field; entry 1 has 1"),
        (
            "{name: e, fields: [proc.name, fd.name], values: [[a, b], c]}",
            "one for each field; entry 2 is a single value",
        ),
        (
            "{name: e, fields: [proc.name], values: [[[a, b]]]}",
            "entry 1 of values has a list where '=' compares with a single",
        ),
        ("{name: e, fields: [[proc.name]], values: [[a]]}", "fields must be a field or a list of fields"),
        (
            "{name: e, fields: proc.name, values: ['a=b']}",
            "error invalid-condition 1.yaml:9: exception 'e' of rule 'r': expected",
        ),
        (
            "{name: e, fields: proc.name, values: [my_tools]}",
            "error undefined-list 1.yaml:9: nothing defines a list 'my_tools'",
        ),
        (
            "{name: e, fields: fd.num, values: [three]}",
            "error wrong-value 1.yaml:9: fd.num is a number, so it cannot be 'three'",
        ),
        (
            "{name: e, fields: fd.name, values: [/dev/*]}",
            "warning doubtful-comparison 1.yaml:9: '*' is a character like any other",
        ),
        (
            "{name: e, fields: [user.name, proc.name], values: [[root, c]]}",
            "warning unreachable-exception 1.yaml:9: exception 'e' of rule 'r' never applies: proc.name cannot be 'a'",
        ),
        (
            "{name: e, fields: evt.type, values: [close]}",
            "warning unreachable-exception 1.yaml:9: exception 'e' of rule 'r' never",
        ),
        (
            "{name: e, fields: proc.name, values: [a]}, {name: e, fields: proc.name, values: [b]}",
            "warning duplicate-exception 1.yaml:9: rule 'r' has two exceptions 'e'; rename one",
        ),
        (
            "{name: e, field: proc.name}",
            "warning unknown-key 1.yaml:9: Falco ignores the key 'field' of an exception (did you",
        ),
    ],
)
def test_exceptions(exception: str, expected: str | None) -> None:
    more = f"  exceptions: [{exception}]"
    found = problems(VERSION + rule("evt.type = open and proc.name in (a, b)", more=more))
    assert (found == []) if expected is None else (expected in "\n".join(found))


def test_fields_of_other_sources_and_plugins_are_left_alone() -> None:
    audit = rule("audited and ka.verb = create", more="  source: k8s_audit")
    audited = "- required_plugin_versions: [{name: k8saudit, version: 0.1.0}]\n"
    assert problems(VERSION + audited + audit + "- {macro: audited, condition: jevt.rawtime exists}") == []

    foreign = rule("evt.type = open and k8smeta.pod.name = a")
    assert [line.split()[:2] for line in problems(VERSION + foreign)] == [["error", "unknown-field"]]
    plugins = "- required_plugin_versions: [{name: k8smeta, version: 0.1.0}]\n"
    assert problems(VERSION + plugins + foreign) == []
    other = plugins.replace("k8smeta", "somebody-s")
    assert [line.split()[:2] for line in problems(VERSION + other + foreign)] == [["warning", "unknown-field"]]
    skipped = rule("evt.type = open and k8smeta.pod.name = a", more="  skip-if-unknown-filter: true")
    assert [line.split()[:2] for line in problems(VERSION + skipped)] == [["warning", "unknown-field"]]


def test_a_rule_for_events_of_a_plugin_that_nothing_asks_for_is_skipped() -> None:
    (found,) = problems(VERSION + rule("ka.verb = create", more="  source: k8s_audit"))
    assert "warning unknown-source 1.yaml:3: rule 'r' is for events of 'k8s_audit'" in found


@pytest.mark.parametrize(
    ("skip", "found"),
    [("false", "error wrong-value 1.yaml:8"), ("true", "warning wrong-value 1.yaml:8")],
)
def test_a_rule_may_be_skipped_for_an_event_that_falco_does_not_know(skip: str, found: str) -> None:
    (line,) = problems(VERSION + rule("evt.type in (open, opennew)", more=f"  skip-if-unknown-filter: {skip}"))
    assert line.startswith(f"{found}: Falco knows no type of events 'opennew'")


def test_a_rule_that_may_be_skipped_is_refused_for_an_unknown_field_of_an_exception() -> None:
    more = "  skip-if-unknown-filter: true\n  exceptions: [{name: e, fields: not.there}]"
    (line,) = problems(VERSION + rule("evt.type = open", more=more))
    assert line.startswith("error unknown-field 1.yaml:10")


def test_a_rule_can_say_that_it_means_every_type_of_event() -> None:
    assert problems(VERSION + rule("proc.name = a", more="  warn_evttypes: false")) == []
    assert problems(VERSION + rule("evt.type != open")) != []
    assert problems(VERSION + rule("interactive and proc.name = a")) == []  # nobody here knows this macro's condition


def test_findings_stand_in_the_order_of_the_files() -> None:
    second = rule("proc.nam = a and evt.type = open", name="s") + "- {list: b, items: [c]}"
    found = problems(rule("evt.type = open and a"), second)
    assert [line.split()[2] for line in found] == ["1.yaml:1:", "1.yaml:7:", "2.yaml:1:", "2.yaml:7:", "2.yaml:9:"]


def test_a_finding_tells_a_machine_where_it_is() -> None:
    (finding,) = lint(load_rules([("a.yaml", VERSION + rule("evt.type = open and b"))]))
    assert finding.as_dict() == {
        "severity": "error",
        "code": "undefined-macro",
        "file": "a.yaml",
        "line": 8,
        "column": 25,
        "rule": "r",
        "message": "rule 'r' uses macro 'b', which nothing defines; define it here or in an earlier file",
    }


def test_a_damaged_file_is_a_finding_or_can_be_evaluated() -> None:
    stock, article = ((DATA / name).read_text(encoding="utf-8") for name in ("stock_macros.yaml", "article_rules.yaml"))
    pieces = [
        "",
        "[",
        "]",
        "{",
        "- ",
        ": ",
        "'",
        '"',
        "~",
        "\n",
        "  ",
        "not ",
        "(",
        ")",
        "%",
        "list: ",
        "append: true\n",
    ]
    event = {"evt.type": "execve", "container.id": "a", "proc.name": "curl", "proc.cmdline": "curl m.onnx"}
    chance, accepted = random.Random(3), 0
    for _attempt in range(200):
        start = chance.randrange(len(article))
        end = start + chance.randrange(4)
        damaged = article[:start] + chance.choice(pieces) + article[end:]
        rule_set = load_rules([("stock.yaml", stock), ("damaged.yaml", damaged)])
        if not any(finding.severity == "error" for finding in lint(rule_set)):
            rules_that_fire(rule_set, event)
            accepted += 1
    assert 20 < accepted < 180  # or the damage is too great or too small to test anything


@pytest.mark.parametrize("more", ["", "tags: [gpu]", "exceptions: []", "output: more"])
def test_an_append_that_appends_nothing_is_an_error(more: str) -> None:
    found = problems(VERSION + rule("evt.type = open") + f"- rule: r\n  append: true\n  {more}\n")
    assert any(one.startswith("error nothing-to-append") for one in found)


@pytest.mark.parametrize(
    "more", ["condition: and evt.num > 1", "exceptions: [{name: e, fields: [evt.num], values: [[1]]}]"]
)
def test_an_append_of_a_condition_or_exceptions_is_none(more: str) -> None:
    found = problems(VERSION + rule("evt.type = open") + f"- rule: r\n  append: true\n  {more}\n")
    assert not any(one.startswith("error") for one in found)


@pytest.mark.parametrize(
    "copy",
    [
        rule("evt.type  =  open and m and proc.name in (l)"),
        "- {macro: m, condition: 'evt.num =  1'}",
        "- {list: l, items: [a, b]}",
    ],
)
def test_the_same_definition_twice_is_no_finding(copy: str) -> None:
    first = VERSION + rule("evt.type = open and m and proc.name in (l)")
    first += "- {macro: m, condition: evt.num = 1}\n- {list: l, items: [a, b]}\n"
    assert problems(first, VERSION + copy) == []


def test_a_copy_of_a_stock_definition_is_no_finding_and_another_is() -> None:
    used = VERSION + rule("spawned_process and proc.name in (shell_binaries)")
    same = "- macro: spawned_process\n  condition: (evt.type in (execve, execveat))\n"
    copies = [line.split(":")[0] for line in stock_stable.MACROS.split() if line.startswith("spawned_process:")]
    assert copies == ["spawned_process"]
    assert problems(used + same) == []
    assert "redefines-stock" in "\n".join(problems(used + same.replace("execveat", "clone")))


def test_names_of_other_sets_are_known_if_they_are_chosen() -> None:
    content = VERSION + rule("evt.type = open and package_mgmt_procs")
    files = [("1.yaml", content)]
    assert [one.code for one in lint(load_rules(files, STOCK))] == ["undefined-macro"]
    assert lint(load_rules(files, stock_names(["stable", "incubating"]))) == ()


K8SMETA = "evt.type = execve and k8smeta.pod.name startswith train"


def test_fields_of_a_plugin_that_is_asked_for_are_left_alone() -> None:
    asked = VERSION + "- required_plugin_versions: [{name: k8smeta, version: 0.2.0}]\n"
    assert problems(asked + rule(K8SMETA, output="x (%k8smeta.ns.name)")) == []


def test_fields_of_a_plugin_that_nothing_asks_for_are_an_error_that_names_the_plugin() -> None:
    (found,) = problems(VERSION + rule(K8SMETA))
    assert found.startswith("error unknown-field")
    assert "field of the plugin k8smeta" in found
    assert "did you mean" not in found


def test_the_hint_for_a_redefined_rule_works_when_it_is_followed() -> None:
    written = VERSION + rule("evt.type = open and container", "Run shell untrusted", more="  tags: [a]")
    (found,) = problems(written)
    hint = re.search(r"override: \{[^}]*\}", found)
    assert hint
    assert problems(written.rstrip() + f"\n  {hint.group()}\n") == []


def test_a_variable_of_the_environment_always_exists() -> None:
    (found,) = of_condition("proc.env[LD_PRELOAD] exists")
    assert "exists for every process" in found
    assert of_condition('proc.env[LD_PRELOAD] != ""') == []


def test_the_rules_in_helm_values_are_read_one_by_one() -> None:
    text = textwrap.indent(VERSION + rule("evt.type = open and mm"), "    ")
    values = (
        f"replicas: 1\ncustomRules:\n  b.yaml: |-\n{text}\n  a.yaml: |-\n    - {{macro: m, condition: evt.num = 1}}\n"
    )
    files = [("values.yaml", values)]
    found = [str(one) for one in lint(load_rules(files, STOCK))]
    assert any(one.startswith("values.yaml:b.yaml:8: rule 'r' uses macro 'mm'") for one in found)
    assert [file.name for file in load_rules(files, STOCK).files] == ["values.yaml:a.yaml", "values.yaml:b.yaml"]
