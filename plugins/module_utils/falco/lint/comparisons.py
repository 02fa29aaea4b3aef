# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds comparisons that Falco would refuse, or that are never what they look like."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import did_you_mean
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.comparison import (
    compile_regex,
    is_number,
    read_number,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.conditions import (
    EQUALITY_OPERATORS,
    LIST_OPERATORS,
    NUMBER_OPERATORS,
    STRING_OPERATORS,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.event_types import EVENT_TYPES, NOT_CAPTURED
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.events import KEPT_NAMES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.fields import (
    ANCESTORS,
    LISTS,
    NO_RIGHT_SIDE,
    TYPES,
    field_type,
    table_name,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.passages import Passage
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.resolution import (
    lists_in_order,
    replace_list_names,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import RuleSet
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (
    Check,
    ConditionError,
    Value,
    checks,
)

_BRACKETS = re.compile(r"\[\^?\]?(?:\[:\w+:\]|[^\]])*\]")
_PERL_ESCAPE = re.compile(r"\\[dDwWsSbBAzQE]")
_PERL_REPEAT = re.compile(r"\(\?|[*+?}][?+]")
_LONGEST_NAME = 15
_PROCESS_NAMES = ("proc.name", "proc.pname", "proc.aname", "proc.sname", "proc.vpgid.name", "proc.pgid.name")
_MAY_BE_MISSING = ("container.image", "k8s.")
_WITH_PATTERNS = (
    "fd.",
    "fs.path",
    "container.",
    "k8s.",
    "proc.name",
    "proc.pname",
    "proc.aname",
    "proc.exe",
    "proc.pexe",
)
_WHOLE_OR_BEGINNING = ("=", "in", "intersects", "startswith", "contains", "icontains", "endswith")
_ON_NUMBERS = (*EQUALITY_OPERATORS, *NUMBER_OPERATORS, "in", "intersects", "exists")
_ON_EQUALS = (*EQUALITY_OPERATORS, "in", "intersects", "exists")
_ON_BUFFERS = (*_ON_EQUALS, "contains", "startswith", "endswith", "bcontains", "bstartswith")
_ON_TEXTS = tuple(
    operator
    for operator in (*EQUALITY_OPERATORS, *NUMBER_OPERATORS, *STRING_OPERATORS, *LIST_OPERATORS, "exists")
    if operator not in ("bcontains", "bstartswith")
)


def check_comparisons(passage: Passage, rule_set: RuleSet, findings: Findings) -> None:
    """Note comparisons that Falco would refuse, or that are never true, or always."""
    for check in checks(passage.condition):
        if table_name(check.field) is None:
            continue  # noted as unknown
        place = passage.locate(check.offset)
        problem = _operator_problem(check) or _right_side_problem(check)
        if problem:
            findings.error("wrong-comparison", place, problem, passage.owner)
            continue
        for value, item in _values(check, rule_set):
            problem = _value_problem(check, item)
            if problem:
                where = "" if value == item else f" (from list {value.text!r})"
                note = findings.warning if _is_skipped(passage, check) else findings.error
                note("wrong-value", passage.locate(value.offset), problem + where, passage.owner)
            elif doubt := _doubt(check, item):
                findings.warning("doubtful-comparison", passage.locate(value.offset), doubt, passage.owner)
        doubt = _doubt_of_whole(check)
        if doubt:
            findings.warning("doubtful-comparison", place, doubt, passage.owner)


def _is_skipped(passage: Passage, check: Check) -> bool:
    """Whether Falco leaves a rule out for what it does not know here, as the rule asks."""
    return bool(passage.rule and passage.rule.skip_if_unknown_filter) and check.field.name == "evt.type"


def _values(check: Check, rule_set: RuleSet) -> Iterator[tuple[Value, Value]]:
    """Each value as written, with each item of the list that it names, or itself."""
    for value in check.values:
        try:
            items = replace_list_names([value], lists_in_order(rule_set), rule_set)
        except ConditionError:
            continue  # noted with the list
        if value.text not in rule_set.stock.lists or value.quoted:
            yield from ((value, item) for item in items)


def _operator_problem(check: Check) -> str | None:
    kind, name = field_type(check.field), check.field.key
    if check.field.name in LISTS and "len" not in check.field.transformers:
        allowed: tuple[str, ...] = ("in", "intersects", "exists")
    elif is_number(kind):
        allowed = _ON_NUMBERS
    elif kind in ("BOOL", "IPADDR", "IPNET"):
        allowed = _ON_EQUALS
    else:
        allowed = {"BYTEBUF": _ON_BUFFERS, "CHARBUF": _ON_TEXTS}.get(kind, (check.operator,))
    if check.operator in allowed:
        return None
    return f"Falco cannot use {check.operator!r} with {name}, but {' '.join(allowed)}"


def _right_side_problem(check: Check) -> str | None:
    if not check.other:
        return None
    for field in (check.field, check.other):
        if table_name(field) in NO_RIGHT_SIDE:
            return f"Falco cannot compare {field.key} with another field"
    if check.operator in ("pmatch", "regex"):
        return f"{check.operator!r} compares with values, not with the field {check.other.key}"
    left, right = field_type(check.field), field_type(check.other)
    if left != right:
        return f"{check.field.key} and {check.other.key} have values of different types ({left} and {right})"
    return None


def _value_problem(check: Check, value: Value) -> str | None:
    kind, name = field_type(check.field), check.field.key
    if check.operator == "regex":
        return _regex_problem(value.text)
    if check.operator in ("bcontains", "bstartswith") and not re.fullmatch("([0-9a-fA-F]{2})+", value.text):
        return f"{check.operator!r} wants bytes as hexadecimal digits, such as cafe, not {value.text!r}"
    if check.field.name == "evt.type" and check.operator in _ON_EQUALS and value.text not in EVENT_TYPES:
        return f"Falco knows no type of events {value.text!r}{did_you_mean(value.text, EVENT_TYPES, 0.7)}"
    wanted, is_right = _TYPES.get(kind, ("", _anything))
    if kind == "PORT" and value.text.isalpha():
        return None  # the name of a service
    if is_number(kind):
        wanted, is_right = "a number", _is_number
    return None if is_right(value.text) else f"{name} is {wanted}, so it cannot be {value.text!r}"


def _doubt(check: Check, value: Value) -> str | None:
    """Why a comparison is probably not what it looks like."""
    text, name = value.text, check.field.key
    if not value.quoted and text in TYPES:
        return f"this compares with the word {text!r}; write val({text}) if you mean the field"
    if text == "<NA>" and check.field.name not in KEPT_NAMES:
        return f"a missing {name} is never equal to <NA>; write 'not {name} exists', or 'not' before the comparison"
    if check.field.name == "evt.type" and text in NOT_CAPTURED and check.operator in ("=", "in"):
        return f"Falco does not capture {text} unless base_syscalls.all is set, so this is never true"
    if check.field.name in _PROCESS_NAMES and len(text) > _LONGEST_NAME and check.operator in _WHOLE_OR_BEGINNING:
        return f"{name} has only the first {_LONGEST_NAME} characters of a name, so it is never {text!r}"
    has_pattern = "*" in text and check.field.name.startswith(_WITH_PATTERNS)
    if has_pattern and check.operator not in ("glob", "iglob", "regex", "pmatch"):
        return f"'*' is a character like any other for {check.operator!r}; use glob or, for paths, pmatch"
    return None


def _doubt_of_whole(check: Check) -> str | None:
    if check.operator == "exists" and check.field.name == "proc.env" and check.field.argument is not None:
        return (
            f"{check.field.key} exists for every process, and is an empty text where the variable is not set; write"
            f" '{check.field.key} != \"\"'"
        )
    if check.operator != "!=" or check.modifier:
        return None
    name = check.field.key
    if check.field.name in ANCESTORS and check.field.argument is None:
        return f"this is true if any ancestor is another one, so nearly always; write 'not {name} = ...'"
    if check.field.name.startswith(_MAY_BE_MISSING):
        return f"this is false while {name} is not known yet; write 'not {name} = ...' if it is to be true then"
    return None


def _regex_problem(pattern: str) -> str | None:
    perl = _PERL_ESCAPE.search(pattern) or _PERL_REPEAT.search(_BRACKETS.sub("[]", pattern))
    if perl:
        return f"Falco's regular expressions are POSIX's, without {perl.group()!r}; use classes such as [[:digit:]]"
    try:
        compile_regex(pattern)
    except re.error as error:
        return f"{pattern!r} is no regular expression: {error}"
    return None


def _anything(_text: str) -> bool:
    return True


def _is_number(text: str) -> bool:
    return read_number(text) is not None


def _is_boolean(text: str) -> bool:
    return text in ("true", "false")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


_TYPES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "BOOL": ("true or false", _is_boolean),
    "IPADDR": ("an IP address", _is_address),
    "IPNET": ("in an IP network", _is_network),
}
