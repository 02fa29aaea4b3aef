# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Initial values of secrets: what is written, with nothing lost, and what is missing. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import describe, did_you_mean
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.secret_keys import path_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.grants import mount_problems

Values = Mapping[str, Mapping[str, str]]
_MORE_THAN_A_NAME = re.compile(r"[#*?|@{}\[\]()\\]")
"""What makes a property a query (gjson) for the operator, not a name."""


@dataclass(frozen=True)
class Stored:
    """What is at one path now.

    Attributes:
        version: the latest, also if it was deleted; 0 if there never was one.
        properties: of the latest version; None if there is none, or it was deleted. The values are None, and those of
            a mapping mappings, where only names were read.
    """

    version: int = 0
    properties: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ValueStep:
    """What happens at one path.

    Attributes:
        data: the properties that are written.
        version: that must still be the latest when it is written.
        adds: ``data`` is added to what is there; otherwise it is all there is.
        names: of all properties there are before.
        verified: False if Vault could not be asked, as the mount is not there yet.
    """

    path: str
    action: Literal["created", "configured", "unchanged"]
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: int = 0
    adds: bool = False
    names: tuple[str, ...] = ()
    verified: bool = True


@dataclass(frozen=True)
class Missing:
    """A property that a stage needs and Vault does not have."""

    path: str
    property: str
    message: str


def check_values(mount: str, values: Mapping[str, Any], expected: Sequence[Mapping[str, Any]]) -> None:
    """Refuse values that cannot be written; their text is in no message.

    Raises:
        HardeningError: with everything that is wrong.
    """
    problems = mount_problems("kv_mount", mount)
    for path, properties in values.items():
        where = f"values[{str(path)!r}]"
        if problem := path_problem(str(path)):
            problems.append(f"values: {problem}")
        if not isinstance(properties, Mapping):
            problems.append(f"{where} must be a mapping of properties to their values")
            continue
        if not properties:
            problems.append(f"{where} names no property")
        for name, value in properties.items():
            if not isinstance(value, str):
                kind = (
                    describe(value)
                    if isinstance(value, Mapping | list) or value is None
                    else f"of type {type(value).__name__}"
                )
                problems.append(f"{where}: property {name} must be a string, and is {kind}; quote it")
            elif not value:
                problems.append(f"{where}: property {name} is empty")
    problems += [f"expected: {problem}" for item in expected if (problem := path_problem(item["path"]))]
    if problems:
        raise HardeningError(join_failures("The values are wrong", problems))


def plan_value(path: str, wanted: Mapping[str, str], stored: Stored, overwrite: bool) -> ValueStep:
    """What to write at a path: what is not there and, with ``overwrite``, what has another value."""
    if stored.properties is None:
        return ValueStep(path, "created", wanted, stored.version)
    there = stored.properties
    names = tuple(there)
    data = {name: value for name, value in wanted.items() if name not in there or (overwrite and there[name] != value)}
    return ValueStep(path, "configured" if data else "unchanged", data, stored.version, True, names)


def find_missing(
    expected: Sequence[Mapping[str, Any]], stored: Mapping[str, Stored], steps: Sequence[ValueStep]
) -> list[Missing]:
    """Of what is expected (``{path, property, key}``), what is not there once the steps are taken.

    Paths that are not in ``stored`` could not be looked at, and are left out.
    """
    written = {step.path: step.data for step in steps}
    missing: dict[tuple[str, str], Missing] = {}
    for item in expected:
        path, name = str(item["path"]), str(item.get("property") or "")
        if path not in stored:
            continue
        known = {**(stored[path].properties or {}), **written.get(path, {})}
        if not known:
            message = f"nothing is at {path}"
        elif name and not _MORE_THAN_A_NAME.search(name) and not _is_there(name, known):
            message = f"{path} has no property {name}{did_you_mean(name, known)}"
        else:
            continue
        key = f", which key {item['key']} of a stage's Secret needs" if item.get("key") else ""
        missing.setdefault((path, name), Missing(path, name, message + key))
    return list(missing.values())


def values_result(steps: Sequence[ValueStep], missing: Sequence[Missing]) -> dict[str, Any]:
    """What a module returns; no value is in it."""
    changed = [step for step in steps if step.action != "unchanged"]
    return {
        "changed": bool(changed),
        "objects": [
            {
                "path": step.path,
                "action": step.action,
                "properties": sorted(step.data),
                "verified": step.verified,
            }
            for step in steps
        ],
        "counts": dict(Counter(step.action for step in steps)),
        "missing": [{"path": item.path, "property": item.property} for item in missing],
        "diff": [_diff(step) for step in changed],
    }


def _diff(step: ValueStep) -> dict[str, Any]:
    before = dict.fromkeys(step.names, "<masked>")
    after = {**before, **{name: "<masked, changed>" if name in before else "<masked, new>" for name in step.data}}
    header = f"{step.path} ({step.action}{'' if step.verified else ', not verified by Vault'})"
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _is_there(name: str, known: Mapping[str, Any]) -> bool:
    """Whether a property is there; for the operator, ``a.b`` is also b of a mapping a."""
    if name in known:
        return True
    first, dot, rest = name.partition(".")
    inner = known.get(first)
    return bool(dot) and isinstance(inner, Mapping) and _is_there(rest, inner)
