# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule files: what Falco makes of several of them, and what is wrong with their form."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import KnownNames, RuleSet

RULE = """
- rule: shell
  desc: A shell.
  condition: proc.name = sh
  output: a shell (%proc.name)
  priority: NOTICE
  tags: [process]
  exceptions:
    - name: parents
      fields: proc.pname
      values: [cron]
"""


def load(*contents: str, stock: KnownNames | None = None) -> RuleSet:
    files = [(f"{number}.yaml", content) for number, content in enumerate(contents, 1)]
    return load_rules(files, stock) if stock else load_rules(files)


def problems(*contents: str, stock: KnownNames | None = None) -> list[str]:
    """What is wrong, as ``severity code file:line: message``."""
    return [f"{found.severity} {found.code} {found}" for found in load(*contents, stock=stock).findings]


def test_loads_a_rule_with_all_that_it_says() -> None:
    rule_set = load(RULE)
    rule = rule_set.rules["shell"]
    assert rule_set.findings == ()
    assert (rule.condition.value, rule.output.value, rule.priority) == (
        "proc.name = sh",
        "a shell (%proc.name)",
        "NOTICE",
    )
    assert (rule.source, rule.tags, rule.enabled, list(rule.exceptions)) == ("syscall", ("process",), True, ["parents"])
    assert (rule.place.file, rule.place.line) == ("1.yaml", 2)


@pytest.mark.parametrize(
    ("change", "condition", "enabled", "tags", "priority"),
    [
        ("- {rule: shell, enabled: false}", "proc.name = sh", False, ("process",), "NOTICE"),
        ("- {rule: shell, enabled: no, override: {enabled: replace}}", "proc.name = sh", False, ("process",), "NOTICE"),
        (
            "- {rule: shell, condition: and container, append: true}",
            "proc.name = sh and container",
            True,
            ("process",),
            "NOTICE",
        ),
        (
            "- {rule: shell, condition: or a, tags: [b], override: {condition: append, tags: append}}",
            "proc.name = sh or a",
            True,
            ("process", "b"),
            "NOTICE",
        ),
        (
            "- {rule: shell, condition: a, priority: ERROR, override: {condition: replace, priority: replace}}",
            "a",
            True,
            ("process",),
            "ERROR",
        ),
        (
            "- {rule: shell, condition: a, desc: b, output: c, priority: DEBUG}",
            "a",
            True,
            (),
            "DEBUG",
        ),
    ],
)
def test_a_later_item_changes_a_rule(
    change: str, condition: str, enabled: bool, tags: tuple[str, ...], priority: str
) -> None:
    rule = load(RULE, change).rules["shell"]
    assert (rule.condition.value, rule.enabled, rule.tags, rule.priority) == (condition, enabled, tags, priority)


def test_an_item_appends_values_to_an_exception_and_new_exceptions() -> None:
    change = """
- rule: shell
  exceptions:
    - {name: parents, values: [at]}
    - {name: users, fields: [user.name, proc.pname], comps: [=, in], values: [[root, [a, b]]]}
  override: {exceptions: append}
"""
    rule_set = load(RULE, change)
    exceptions = rule_set.rules["shell"].exceptions
    assert rule_set.findings == ()
    assert [str(getattr(value, "value", "")) for value in exceptions["parents"].values] == ["cron", "at"]
    assert len(exceptions["users"].values) == 1


def test_lists_and_macros_are_appended_to_and_replaced() -> None:
    rule_set = load(
        "[{list: a, items: [x]}, {macro: m, condition: a}, {list: b, items: [x]}, {macro: n, condition: a}]",
        "- {list: a, items: [y], override: {items: append}}\n"
        "- {macro: m, condition: or b, override: {condition: append}}",
        "- {list: b, items: [y], override: {items: replace}}\n"
        "- {macro: n, condition: b, override: {condition: replace}}",
    )
    assert rule_set.findings == ()
    assert {name: [item.value for item in one.items] for name, one in rule_set.lists.items()} == {
        "a": ["x", "y"],
        "b": ["y"],
    }
    assert {name: macro.condition.value for name, macro in rule_set.macros.items()} == {"m": "a or b", "n": "b"}


def test_a_scalar_is_the_text_that_is_written() -> None:
    (one,) = load("- {list: a, items: [yes, 0755, 1.10, '~', 2026-01-01]}").lists.values()
    assert [item.value for item in one.items] == ["yes", "0755", "1.10", "~", "2026-01-01"]


def test_all_documents_of_a_file_and_empty_items_are_read() -> None:
    rule_set = load("---\n- {list: a, items: []}\n-\n---\n---\n- {list: b, items: []}\n", "", "# nothing\n")
    assert (list(rule_set.lists), rule_set.findings) == (["a", "b"], ())


def test_falco_s_own_rules_can_be_changed_without_being_here() -> None:
    stock = KnownNames(frozenset({"r"}), {"m": ""}, frozenset({"l"}))
    changes = """
- {rule: r, condition: and a, override: {condition: append}}
- {rule: r, exceptions: [{name: known, values: [x]}], override: {exceptions: append}}
- {macro: m, condition: or b, override: {condition: append}}
- {list: l, items: [x], override: {items: append}}
"""
    assert problems(changes, stock=stock) == []
    assert [problem.split()[1] for problem in problems(changes)] == ["nothing-to-change"] * 4


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: [", "error not-yaml 1.yaml:1: this is not YAML: expected the node content, but found '<stream end>'"),
        ("- rule: a\n   desc: b", "error not-yaml 1.yaml:2: this is not YAML: mapping values are not allowed here"),
        ("- \0", "error not-yaml 1.yaml:1: this is not YAML: unacceptable character"),
        ("[" * 600, "error not-yaml 1.yaml:1: this YAML is nested too deeply"),
        ("rule: a", "error wrong-type 1.yaml:1: rules, macros and lists must be a list, not a mapping"),
        ("just a text", "error wrong-type 1.yaml:1: rules, macros and lists must be a list, not a single value"),
        ("- a", "error wrong-type 1.yaml:1: a rule, macro or list must be a mapping, not a single value"),
        ("\n- {rules: a}", "error unknown-item 1.yaml:2: no rule, macro or list: Falco ignores an item with the keys"),
        ("- {marco: a, condition: b}", "'marco', 'condition' (did you mean macro?)"),
        ("- {list: a}", "error missing-key 1.yaml:1: items of 'a' is missing"),
        ("- {list: a, items: b}", "error wrong-type 1.yaml:1: items of list 'a' must be a list, not a single value"),
        (
            "- {list: a, items: [[b]]}",
            "error wrong-type 1.yaml:1: each of the items of list 'a' must be a text, not a list",
        ),
        ("- {list: a, items: [~]}", "error wrong-type 1.yaml:1: each of the items of list 'a' must not be empty"),
        ("- {list: 'a b', items: []}", "error invalid-name 1.yaml:1: 'a b' is no name of a list"),
        ("- {macro: a-b, condition: c}", "error invalid-name 1.yaml:1: 'a-b' is no name of a macro"),
        ("- {macro: a}", "error missing-key 1.yaml:1: condition of 'a' is missing"),
        ("- {macro: a, condition: }", "error wrong-type 1.yaml:1: the condition of macro 'a' must not be empty"),
        ("- {macro: a, macro: b, condition: c}", "error duplicate-key 1.yaml:1: the key 'macro' is there twice"),
        ("- {list: a, items: [], item: []}", "warning unknown-key 1.yaml:1: Falco ignores the key 'item' of a list"),
        ("- {list: a, items: [], append: 1}", "error wrong-type 1.yaml:1: append of 'a' must be true or false"),
        ("- {list: a, items: [], append: true}", "error nothing-to-change 1.yaml:1: there is no earlier list 'a'"),
        (
            "- {list: a, items: []}\n- {list: b, items: [], override: {items: replace}}",
            "warning nothing-to-replace 1.yaml:2: override: replace, but there is no earlier list 'b'",
        ),
        (
            "- {list: a, items: []}\n- {list: a, items: [b], append: true}",
            "warning deprecated-key 1.yaml:2: 'append: true' is deprecated; write override: {items: append}",
        ),
        (
            "- {list: a, items: [], append: true, override: {items: append}}",
            "error append-and-override 1.yaml:1: append and override exclude each other; keep override",
        ),
        (
            "- {list: a, items: [], override: {items: add}}",
            "error invalid-override 1.yaml:1: items cannot have the override 'add'; use append or replace",
        ),
        (
            "- {list: a, items: [], override: {names: append}}",
            "error invalid-override 1.yaml:1: names cannot have the override 'append'; only items can be overridden",
        ),
        (
            "- {rule: a, desc: b}",
            "error missing-key 1.yaml:1: condition of 'a' is missing\n"
            "error missing-key 1.yaml:1: output of 'a' is missing\n"
            "error missing-key 1.yaml:1: priority of 'a' is missing",
        ),
        ("- {rule: a, tags: [b]}", "error missing-key 1.yaml:1: enabled of 'a' is missing"),
        (
            "- {rule: a, desc: b, condition: c, output: d, priority: WARN}",
            "error invalid-priority 1.yaml:1: 'WARN' is no priority (did you mean warning?); use one of EMERGENCY",
        ),
        (
            "- {rule: a, desc: b, condition: c, output: d, priority: notice, tags: e}",
            "error wrong-type 1.yaml:1: tags of rule 'a' must be a list, not a single value",
        ),
        (
            "- {rule: a, desc: b, condition: c, output: d, priority: notice, exceptions: [{fields: proc.name}]}",
            "error missing-key 1.yaml:1: name of an exception of 'a' is missing",
        ),
        (
            "- {rule: a, desc: b, condition: c, output: d, priority: notice, exceptions: [{name: e, values: [f]}]}",
            "error missing-key 1.yaml:1: fields of exception 'e' of 'a' is missing",
        ),
        (
            "- required_plugin_versions: [{name: container}]",
            "error missing-key 1.yaml:1: version of a required plugin is missing",
        ),
        (
            "- required_plugin_versions: [{name: container, version: new}]",
            "error invalid-version 1.yaml:1: 'new' is no version; write it as 0.7.0",
        ),
    ],
)
def test_says_what_is_wrong_with_the_form_of_a_file(content: str, expected: str) -> None:
    found = "\n".join(problems(content))
    assert expected in found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "- {rule: shel, enabled: false}",
            "error nothing-to-change 2.yaml:1: there is no earlier rule 'shel' to change",
        ),
        ("- {rule: shel, enabled: false}", "(did you mean shell?)"),
        (
            "- {rule: shell, condition: a, output: b, override: {condition: replace}}",
            "error invalid-override 2.yaml:1: override does not name output; say append or replace for it, or drop it",
        ),
        (
            "- {rule: shell, override: {condition: replace}}",
            "error invalid-override 2.yaml:1: override names condition, but the item has no condition; add it",
        ),
        (
            "- {rule: shell, priority: ERROR, override: {priority: append}}",
            "error invalid-override 2.yaml:1: priority cannot have the override 'append'; use replace",
        ),
        (
            "- {rule: shell, condition: a, desc: b, output: c, priority: ERROR, source: k8s_audit}",
            "error other-source 2.yaml:1: rule 'shell' was for events of syscall before",
        ),
        (
            "- {rule: shell, exceptions: [{name: parents, fields: proc.name, values: [a]}], "
            "override: {exceptions: append}}",
            "error invalid-exception 2.yaml:1: rule 'shell' has an exception 'parents' already",
        ),
        (
            "- {rule: shell, exceptions: [{name: new, fields: proc.name}], override: {exceptions: append}}",
            "error invalid-exception 2.yaml:1: values of exception 'new' are missing",
        ),
        (
            "- {rule: shell, exceptions: [{name: new, values: [a]}], override: {exceptions: append}}",
            "error invalid-exception 2.yaml:1: fields of exception 'new' are missing",
        ),
    ],
)
def test_says_what_is_wrong_with_a_change(change: str, expected: str) -> None:
    assert expected in "\n".join(problems(RULE, change))


@pytest.mark.parametrize(
    ("condition", "line", "column"),
    [
        ("condition: a and b", 2, 20),
        ("condition: >\n    a and\n\n    b\n", 5, 5),
        ("condition: |\n    a and\n      b\n", 4, 7),
        ("condition: >-  # why\n    a\n    and b\n", 4, 9),
        ("condition: a\n    and\n    b", 4, 5),
        ("condition: 'a and b'", 2, 14),
    ],
)
def test_knows_where_a_part_of_a_condition_stands(condition: str, line: int, column: int) -> None:
    text = load(f"- macro: m\n  {condition}").macros["m"].condition
    place = text.locate(text.value.index("b"))
    assert (place.line, place.column) == (line, column)


def test_knows_in_which_file_a_part_of_an_appended_condition_stands() -> None:
    rule = load(RULE, "- rule: shell\n  condition: and b\n  override: {condition: append}").rules["shell"]
    places = [rule.condition.locate(rule.condition.value.index(word)) for word in ("sh", "b")]
    assert [(place.file, place.line, place.column) for place in places] == [("1.yaml", 4, 26), ("2.yaml", 2, 18)]
