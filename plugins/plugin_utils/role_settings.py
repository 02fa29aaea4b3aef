# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of roles: values that do not fit their specifications, and misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

# Of thirteen files the one in C reads in a tenth of the time; PyYAML may be built without.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Spec = Mapping[str, Mapping[str, Any]]
SHOWN = 200
"""Most characters of a message: Ansible quotes whole values in some."""
CUTOFF = 0.87


def read_spec(role: Path) -> Spec:
    """The options of a role's main entry point; empty for a role without a specification."""
    path = role / "meta" / "argument_specs.yml"
    if not path.is_file():
        return {}
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=SafeLoader)
    options: Spec = document["argument_specs"]["main"].get("options", {})
    return options


def wrong_values(role: str, spec: Spec, variables: Mapping[str, Any], template: Callable[[Any], Any]) -> list[str]:
    """One line for each variable whose value cannot be read or does not fit."""
    problems: list[str] = []
    for name, options in spec.items():
        if name not in variables:
            if options.get("required"):
                problems.append(f"{name} is not set (role {role})")
            continue
        try:
            value = template(variables[name])
        except Exception as error:  # Ansible has many types of its own for this, and other ones in each version
            problems.append(f"{name} cannot be read: {' '.join(str(error).split())} (role {role})")
            continue
        result = ArgumentSpecValidator({name: dict(options)}).validate({name: value}, validate_role_argument_spec=True)
        problems += [f"{name}: {_short(message)} (role {role})" for message in result.error_messages]
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


def _short(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."
