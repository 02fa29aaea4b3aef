# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of roles: their values, what is planned with them, and misspelt names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.safe_yaml import safe_loader
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import describe, did_you_mean

Spec = Mapping[str, Mapping[str, Any]]
ValueOf = Callable[[str], Any]
SHOWN = 200
"""Most characters of a message: Ansible quotes whole values in some."""
CUTOFF = 0.87
WANTED = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
}
CHOICES = re.compile(r"must be one (?:or more )?of: (?P<choices>.+?)[,.] [Gg]ot(?: no match for)?: (?P<given>\S+)")
TEXTS = frozenset({"str", "path"})
TEXT_MAPS = ("_labels", "_selector")
"""Endings of variables that are mappings of texts, as Kubernetes has them."""


def read_spec(role: Path) -> Spec:
    """The options of a role's entry point; empty for a role without a specification."""
    path = role / "meta" / "argument_specs.yml"
    if not path.is_file():
        return {}
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=safe_loader())
    (entry_point,) = document["argument_specs"].values()
    options: Spec = entry_point.get("options", {})
    return options


def wrong_values(specs: Mapping[str, Spec], variables: Mapping[str, Any], value_of: ValueOf) -> list[str]:
    """One line for each variable whose value cannot be read or does not fit.

    What only takes over the wrong value of another variable, as many defaults do, is not named once more.

    Args:
        specs: of roles, by name; what others take over comes first.
        variables: of the task, as they are written.
        value_of: works one out.
    """
    problems: list[str] = []
    wrong: set[str] = set()
    for role, spec in specs.items():
        for name, options in spec.items():
            found = _problems_of(name, options, variables, value_of)
            if found and not _takes_over(variables.get(name), wrong):
                problems += [f"{problem} (role {role})" if problem.startswith(name) else problem for problem in found]
            if found:
                wrong.add(name)
    return list(dict.fromkeys(problems))


def misread(name: str, value: Any, options: Mapping[str, Any]) -> Iterator[str]:
    """One line for each text that YAML has read as something else: 1.40 is 1.4, on is true, 2026-11-28 is a date."""
    kind = options.get("type", "str")
    if kind in TEXTS or (kind == "raw" and isinstance(value, date)):
        if isinstance(value, bool | float | date):
            yield f"{name}: YAML reads this as {_as_read(value)}, and it may have been written otherwise; quote it"
    elif kind == "int" and isinstance(value, bool):
        yield f"{name}: YAML reads this as {_as_read(value)}, and a number is wanted"
    elif kind == "list" and isinstance(value, list | tuple):
        inner = {**options, "type": options.get("elements", "raw")}
        for index, item in enumerate(value):
            yield from misread(f"{name}[{index}]", item, inner)
    elif kind == "dict" and isinstance(value, Mapping):
        known = options.get("options", {})
        texts = {"type": "str" if name.endswith(TEXT_MAPS) else "raw"}
        for key, item in value.items():
            yield from misread(f"{name}.{key}", item, known.get(key, texts))


def failed_plans(names: Iterable[str], variables: Mapping[str, Any], value_of: ValueOf) -> list[str]:
    """What is wrong with variables that hold what a role makes of its settings.

    Args:
        names: of the variables; a role that the play does not have has none.
        variables: of the task, as they are written.
        value_of: works one out.
    """
    problems: list[str] = []
    for name in names:
        if name not in variables:
            continue
        try:
            value_of(name)
        except Exception as error:  # as above
            problems += _reasons(error)
    return problems


def misspelt(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """One line for each variable that no role has and that looks like one of theirs."""
    words = sorted(set(known))
    problems: list[str] = []
    for name in sorted(set(names) - set(words)):
        if name.startswith("_"):
            continue
        close = difflib.get_close_matches(name, words, n=1, cutoff=CUTOFF)
        if close:
            problems.append(f"{name} is no variable of any role; did you mean {close[0]}?")
        elif name.startswith("gpu_cluster_"):
            problems.append(f"{name} is no variable of any role.")
    return problems


def _problems_of(name: str, options: Mapping[str, Any], variables: Mapping[str, Any], value_of: ValueOf) -> list[str]:
    if name not in variables:
        return [f"{name} is not set"] if options.get("required") else []
    try:
        value = value_of(name)
    except Exception as error:  # Ansible has many types of its own for this, and other ones in each version
        reasons = _reasons(error)
        ours = any(isinstance(link, HardeningError) for link in _chain(error))
        return reasons if ours else [f"{name}: cannot be read: {' '.join(reasons)}"]
    if unquoted := list(misread(name, value, options)):
        return unquoted
    result = ArgumentSpecValidator({name: dict(options)}).validate({name: value}, validate_role_argument_spec=True)
    messages: list[str] = result.error_messages
    if any(message.startswith(f"argument '{name}' is of type") for message in messages):
        # Ansible quotes types of its own, and goes on to look for keys in what is no mapping.
        return [f"{name}: must be {WANTED.get(options['type'], options['type'])}, not {_short(describe(value))}"]
    return [f"{name}: {_short(message.removeprefix(f'value of {name} '))}{_meant(message)}" for message in messages]


def _meant(message: str) -> str:
    """Which of the choices that Ansible names is closest to what it got."""
    found = CHOICES.search(message)
    return did_you_mean(found["given"], found["choices"].split(", ")) if found else ""


def _takes_over(raw: object, names: Set[str]) -> bool:
    """Whether a value is a template that reads one of these variables."""
    return isinstance(raw, str) and "{{" in raw and not names.isdisjoint(re.findall(r"\w+", raw))


def _reasons(error: BaseException) -> list[str]:
    """What an error in a template says first: without what Ansible says of the way it took."""
    chain = _chain(error)
    for link in chain:
        if isinstance(link, HardeningError):
            _headline, *lines = link.message.splitlines()
            listed = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
            return listed if listed and len(listed) == len(lines) else [link.message]
    said = next((link for link in reversed(chain) if isinstance(link, AnsibleError)), error)
    return [" ".join(str(getattr(said, "message", "") or said).split())]


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    return chain


def _as_read(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."
