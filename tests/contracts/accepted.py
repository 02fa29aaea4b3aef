# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program accepts: its flags and environment variables, and how it reads their values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema

DATA = Path(__file__).parents[1] / "data"
SWITCH = "Bool"
RUNTIME_VARIABLES = frozenset({"NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_MIG_MONITOR_DEVICES"})
"""Read by the container toolkit of the node, not by the program."""
# As Go reads them: strconv.ParseBool, ParseInt, ParseFloat and time.ParseDuration.
_READS: Mapping[str, Callable[[str], bool]] = {
    SWITCH: {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"}.__contains__,
    "Int": lambda text: re.fullmatch(r"[-+]?[0-9]+", text) is not None,
    "Float32": lambda text: re.fullmatch(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[-+]?[0-9]+)?", text) is not None,
    "Duration": lambda text: re.fullmatch(r"[-+]?(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)", text) is not None,
    "String": lambda _text: True,
    "StringSlice": lambda text: bool(text) and "" not in text.split(","),
}


def flags_of(file: str) -> dict[str, str]:
    """Types by the name of a flag, from a file with lines such as ``--loglevel  (String, default "info")``."""
    lines = (DATA / "programs" / file).read_text().splitlines()
    found = (re.match(r"--([a-z0-9-]+)  \((\w+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def options_of(file: str) -> tuple[dict[str, str], dict[str, str]]:
    """Types by flag and by environment variable, from what urfave/cli prints with ``--help``."""
    flags: dict[str, str] = {}
    variables: dict[str, str] = {}
    kind = SWITCH
    for line in (DATA / "programs" / file).read_text().splitlines():
        if re.match(r"\s+--", line):
            names = re.split(r"\s{3,}", line)[1]
            number = re.search(r"\(default: [0-9]+\)", line)
            kind = "Int" if number else "String" if re.search(r"--[a-z0-9-]+ [\w\[]", names) else SWITCH
            flags |= dict.fromkeys(re.findall(r"--([a-z0-9-]+)", names), kind)
        for group in re.findall(r"\[(\$[^\]]*)\]", line):
            variables |= dict.fromkeys(re.findall(r"\$(\w+)", group), kind)
    return flags, variables


def wrong_arguments(arguments: Iterable[str], flags: Mapping[str, str]) -> list[str]:
    """The arguments that a program would not start with; all are of the form ``--flag=value``."""
    wrong = []
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        kind = flags.get(name)
        if not argument.startswith("--") or not equals or kind is None or not _READS[kind](value):
            wrong.append(argument)
    return wrong


def wrong_variables(container: Mapping[str, Any], variables: Mapping[str, str]) -> list[str]:
    """The environment variables that a program does not know, or whose value it does not take."""
    wrong = []
    for variable in container.get("env") or ():
        name = variable["name"]
        kind = "String" if name in RUNTIME_VARIABLES else variables.get(name)
        value = variable.get("value", "")
        if kind is None or not isinstance(value, str) or not _READS[kind](value):
            wrong.append(name)
    return wrong


def schema(file: str) -> dict[str, Any]:
    """A JSON Schema of the data of the tests."""
    found: dict[str, Any] = json.loads((DATA / file).read_text())
    return found


def _is_integer(_checker: object, item: object) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)


def violations(value: object, rules: Mapping[str, Any]) -> list[str]:
    """What a JSON Schema says against a value. An integer is one in Go, too: 4.0 is none."""
    kind = jsonschema.validators.validator_for(rules)
    checker = kind.TYPE_CHECKER.redefine(
        "integer", lambda _checker, item: isinstance(item, int) and not isinstance(item, bool)
    )
    strict = jsonschema.validators.extend(kind, type_checker=checker)
    return [f"{error.json_path}: {error.message}" for error in strict(rules).iter_errors(value)]
