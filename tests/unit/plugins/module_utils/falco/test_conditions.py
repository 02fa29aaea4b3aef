# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of Falco's conditions: what is read how, and what is refused where."""

from __future__ import annotations

import random

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.conditions import (
    LIST_OPERATORS,
    NUMBER_OPERATORS,
    OPERATORS,
    parse_condition,
    parse_values,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (
    And,
    Check,
    Condition,
    ConditionError,
    MacroReference,
    Not,
    Or,
    checks,
)


def spelled(condition: Condition) -> str:
    """A condition with every parenthesis that its meaning has."""
    if isinstance(condition, And | Or):
        word = " and " if isinstance(condition, And) else " or "
        return f"({word.join(map(spelled, condition.operands))})"
    if isinstance(condition, Not):
        inner = spelled(condition.operand)
        return f"not ({inner})" if isinstance(condition.operand, Not) else f"not {inner}"
    if isinstance(condition, MacroReference):
        return condition.name
    return check_spelled(condition)


def check_spelled(check: Check) -> str:
    field = check.field.key
    for transformer in check.field.transformers:
        field = f"{transformer}({field})"
    right = ", ".join(f"<{value.text}>" for value in check.values)
    if check.listed:
        right = f"({right})"
    if check.other:
        right = check.other.key
        for transformer in check.other.transformers:
            right = f"{transformer}({right})"
    return " ".join(part for part in (field, check.operator, check.modifier, right) if part)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a or b and c", "(a or (b and c))"),
        ("(a or b) and c", "((a or b) and c)"),
        ("not a and b", "(not a and b)"),
        ("not (a and b) or c", "(not (a and b) or c)"),
        ("not(a and b)", "not (a and b)"),
        ("not not a", "a"),
        ("not not not a", "not a"),
        ("a and not b and not (c or d)", "(a and not b and not (c or d))"),
        ("a and(b or c)", "(a and (b or c))"),
        ("a or(b)", "(a or b)"),
        ("((a))", "a"),
        ("\n a\tand\r\n b ", "(a and b)"),
        ("notable and order and android", "(notable and order and android)"),
        ("not proc.name=a and b", "(not proc.name = <a> and b)"),
    ],
)
def test_not_binds_more_than_and_and_and_more_than_or(text: str, meaning: str) -> None:
    assert spelled(parse_condition(text)) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("proc.name = python3.11", "proc.name = <python3.11>"),
        ("proc.name==python3", "proc.name = <python3>"),
        ("proc.name!=sh", "proc.name != <sh>"),
        ("proc.name exists", "proc.name exists"),
        ("fd.num<0", "fd.num < <0>"),
        ("fd.num >= -1", "fd.num >= <-1>"),
        ("evt.rawres <= 0x1F", "evt.rawres <= <0x1F>"),
        ("proc.fdusage > 1.5e+3", "proc.fdusage > <1.5e+3>"),
        ("fd.name glob /dev/nvidia*", "fd.name glob </dev/nvidia*>"),
        ("fd.name iglob '*.PT'", "fd.name iglob <*.PT>"),
        ("fd.name regex '/dev/nvidia[0-9]+'", "fd.name regex </dev/nvidia[0-9]+>"),
        ("fd.name startswith /dev/nvidia", "fd.name startswith </dev/nvidia>"),
        ("fd.name endswith .pkl", "fd.name endswith <.pkl>"),
        ('proc.cmdline contains "--model m.onnx"', "proc.cmdline contains <--model m.onnx>"),
        ("proc.cmdline icontains a|b;c", "proc.cmdline icontains <a|b;c>"),
        ("evt.buffer bcontains cafe", "evt.buffer bcontains <cafe>"),
        ("evt.buffer bstartswith cafe", "evt.buffer bstartswith <cafe>"),
        ("proc.name in (curl, 'wget', \"a b\")", "proc.name in (<curl>, <wget>, <a b>)"),
        ("proc.name in(sh,bash)", "proc.name in (<sh>, <bash>)"),
        ("proc.name in ()", "proc.name in ()"),
        ("proc.name in shell_binaries", "proc.name in <shell_binaries>"),
        ("fd.name pmatch (/etc, /usr/lib)", "fd.name pmatch (</etc>, </usr/lib>)"),
        ("fd.types intersects (file)", "fd.types intersects (<file>)"),
        ("proc.name startswith anyof (py, perl)", "proc.name startswith anyof (<py>, <perl>)"),
        ("proc.cmdline contains allof(a,b)", "proc.cmdline contains allof (<a>, <b>)"),
        ("proc.name = oneof (a, b)", "proc.name = oneof (<a>, <b>)"),
        ("proc.name = anyof", "proc.name = <anyof>"),
        ("container.image.repository = <NA>", "container.image.repository = <<NA>>"),
        ("proc.aname[2] = conmon", "proc.aname[2] = <conmon>"),
        ("evt.arg.flags contains O_WRONLY", "evt.arg.flags contains <O_WRONLY>"),
        ("evt.arg[flags] contains O_WRONLY", "evt.arg[flags] contains <O_WRONLY>"),
        ("proc.env[LD_PRELOAD] exists", "proc.env[LD_PRELOAD] exists"),
        ("proc.env['A B'] = x", "proc.env[A B] = <x>"),
        ("k8s.pod.label[app.kubernetes.io/name] = falco", "k8s.pod.label[app.kubernetes.io/name] = <falco>"),
        ("tolower(proc.name) = python", "tolower(proc.name) = <python>"),
        ("toupper( basename(fd.name) ) = M.PT", "toupper(basename(fd.name)) = <M.PT>"),
        ("len(proc.cmdline) > 100", "len(proc.cmdline) > <100>"),
        ("proc.name = val(proc.pname)", "proc.name = proc.pname"),
        ("proc.name = tolower(proc.pname)", "proc.name = tolower(proc.pname)"),
        ("proc.name in val(proc.pname)", "proc.name in proc.pname"),
    ],
)
def test_reads_checks(text: str, meaning: str) -> None:
    assert spelled(parse_condition(text)) == meaning


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        ('""', ""),
        (r'"a \"b\""', 'a "b"'),
        (r"'it\'s'", "it's"),
        ("'say \"a\"'", 'say "a"'),
        (r'"a\tb\n"', "a\tb\n"),
        (r'"c:\\x"', r"c:\x"),
        (r'"\/dev"', "/dev"),
        ('"(a=b, c)"', "(a=b, c)"),
    ],
)
def test_reads_quoted_strings(quoted: str, text: str) -> None:
    (value,) = parse_values(quoted)
    assert (value.text, value.quoted) == (text, True)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "the condition is empty"),
        ("  ", 1, "the condition is empty"),
        ("a and", 3, "expected 'and', 'or' or the end of the condition, not 'and'"),
        ("a and ", 7, "expected '(', a field or a macro, but the condition ends"),
        ("a and or b", 7, "expected '(', a field or a macro, not 'or'"),
        ("a b", 3, "expected 'and', 'or' or the end of the condition, not 'b'"),
        ("(a", 3, "expected ')', but the condition ends"),
        ("a)", 2, "expected 'and', 'or' or the end of the condition, not ')'"),
        ("a or(b) and c", 9, "expected 'and', 'or' or the end of the condition, not 'and'"),
        ("proc.name", 10, "expected an operator (exists"),
        ("evt.is_open_write and a", 19, "expected an operator (exists"),
        ("proc.name like a", 11, "expected an operator (exists"),
        ("proc.name startswith\t/dev", 21, "expected a space after 'startswith'"),
        ("proc.name =", 12, "expected a value after '=', but the condition ends"),
        ("proc.name = (a, b)", 13, "expected a value after '=', not '(a,'"),
        ("proc.cmdline contains --a=b", 26, "expected 'and', 'or' or the end of the condition, not '=b'"),
        ("fd.num < many", 10, "expected a number after '<', not 'many'"),
        ("proc.name in (a, )", 18, "expected a value after ','"),
        ("proc.name in (a b)", 17, "expected ')', not 'b)'"),
        ("proc.name in [a]", 14, "expected '(' and a list of values"),
        ('proc.name = "a', 13, 'expected a closing "'),
        (r'proc.name = "a\d"', 15, r"Falco knows no escape '\d'"),
        (r'''proc.name = "a\'b"''', 15, r"Falco knows no escape '\''"),
        (r'proc.name = "a\\"', 13, 'expected a closing "'),
        ("proc.aname[2 = a", 13, "expected ']', not '='"),
        ("proc.aname[] = a", 12, "expected an argument between '[' and ']'"),
        ("tolower(a) = b", 9, "expected a field or another transformer"),
        ("proc.name = val(x)", 17, "expected a field in val()"),
        ("-a", 1, "expected '(', a field or a macro, not '-a'"),
        ("(" * 200 + "a" + ")" * 200, 102, "expected at most 100 parentheses"),
        ("tolower(" * 200 + "proc.name" + ")" * 200 + " = a", 809, "expected at most 100 transformers"),
    ],
)
def test_refuses_what_falco_refuses_and_says_where(text: str, column: int, message: str) -> None:
    with pytest.raises(ConditionError) as refused:
        parse_condition(text)
    assert refused.value.message.startswith(message)
    assert refused.value.offset == column - 1


def test_remembers_where_every_part_begins() -> None:
    text = "a and not proc.name in (curl, 'wget') or tolower(fd.name) = val(proc.name)"
    first, second = checks(parse_condition(text))
    assert [text[value.offset :][:5] for value in first.values] == ["curl,", "'wget"]
    assert text[first.offset :].startswith("proc.name in")
    assert text[second.field.offset :].startswith("tolower(")
    assert second.other is not None
    assert text[second.other.offset :].startswith("val(")


def test_a_random_text_is_a_condition_or_a_condition_error() -> None:
    pieces = [
        *OPERATORS,
        *"()[]=,'\"\\ \n\t",
        *("and", "or", "not", "a", "proc.name", "fd.num", "tolower(", "val(", "in (", "é", "\0", "1", "anyof", " "),
    ]
    chance = random.Random(20260101)
    read, beyond = 0, []
    for _attempt in range(20_000):
        text = "".join(chance.choice(pieces) + chance.choice(("", " ")) for _piece in range(chance.randrange(1, 12)))
        try:
            parse_condition(text)
            read += 1
        except ConditionError as error:
            if not 0 <= error.offset <= len(text):
                beyond.append(text)
    assert beyond == []
    assert read > 100  # or the texts are too wild to test anything


def test_what_is_read_means_the_same_when_it_is_written_with_all_parentheses() -> None:
    chance = random.Random(7)

    def grown(depth: int) -> str:
        if depth == 0:
            operator = chance.choice(OPERATORS)
            if operator == "exists":
                return "proc.name exists"
            if operator in LIST_OPERATORS:
                return f"proc.name {operator} (a, 'b c')"
            return f"proc.name {operator} 1" if operator in NUMBER_OPERATORS else f'proc.name {operator} "x"'
        return chance.choice(
            (
                f"not {grown(depth - 1)}",
                f"({grown(depth - 1)})",
                f"{grown(depth - 1)} and {grown(depth - 1)}",
                f"{grown(depth - 1)} or {grown(depth - 1)}",
            )
        )

    for _attempt in range(300):
        text = grown(chance.randrange(6))
        meaning = spelled(parse_condition(text))
        assert spelled(parse_condition(_as_input(meaning))) == meaning


def _as_input(meaning: str) -> str:
    return meaning.replace("<b c>", "'b c'").replace("<a>", "a").replace("<x>", "x").replace("<1>", "1")
