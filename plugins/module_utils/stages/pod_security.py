# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces with Pod Security levels, and what would break if a level were enforced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.apply import ApplyOptions, apply_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest, parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import ObjectResult, Outcome
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_label_problem,
    label_problems,
)

PREFIX = "pod-security.kubernetes.io/"
MODES = ("enforce", "audit", "warn")
LEVELS = ("privileged", "baseline", "restricted")
VERSION = re.compile(r"latest|v1\.\d+")
# Texts of the server's warnings: k8s.io/pod-security-admission, admission.go
HEADLINE = re.compile(r'existing pods in namespace "(?P<namespace>[^"]+)" violate the new PodSecurity enforce level')
POD = re.compile(r"(?P<pod>[a-z0-9][-.a-z0-9]*)(?: \(and (?P<others>\d+) other pods?\))?: (?P<reasons>.+)")
INCOMPLETE = re.compile(r"new PodSecurity enforce level only checked against the first (?P<some>\d+) of (?P<all>\d+)")


@dataclass(frozen=True)
class Violation:
    """A running pod that an enforced level would not admit again.

    Attributes:
        level: the level and its version, as ``restricted:latest``.
        others: further pods of the same namespace with the same reasons, which the server only counts.
        reasons: what the pod does that the level forbids.
    """

    namespace: str
    level: str
    pod: str
    others: int
    reasons: tuple[str, ...]


def namespace_manifests(namespaces: Sequence[Mapping[str, Any]]) -> list[Manifest]:
    """Namespace manifests from the module's option; levels and versions that are left out are not set.

    Raises:
        HardeningError: a name, level, version or label is invalid; all are named.
    """
    problems = [f"{entry.get('name')}: {problem}" for entry in namespaces for problem in _problems(entry)]
    if problems:
        raise HardeningError(join_failures("Invalid namespaces, nothing was changed", problems))
    return parse_manifests([_manifest(entry) for entry in namespaces])


def violations(results: Sequence[ObjectResult]) -> list[Violation]:
    """Read the server's warnings about running pods that a new level would refuse."""
    found: list[Violation] = []
    for result in results:
        labels = (result.after or {}).get("metadata", {}).get("labels", {})
        level = f"{labels.get(f'{PREFIX}enforce')}:{labels.get(f'{PREFIX}enforce-version', 'latest')}"
        if not any(HEADLINE.match(text) for text in result.warnings):
            continue
        for match in filter(None, map(POD.fullmatch, result.warnings)):
            reasons = tuple(reason.strip() for reason in match["reasons"].split(", "))
            found.append(Violation(result.manifest.name, level, match["pod"], int(match["others"] or 0), reasons))
    return found


def enforce(
    client: Client, manifests: Sequence[Manifest], options: ApplyOptions, on_violation: str
) -> tuple[Outcome, list[Violation]]:
    """Apply the namespaces, unless running pods violate a level and ``on_violation`` is ``fail``.

    Raises:
        HardeningError: pods violate a level, or the server refuses something. Nothing was changed.
    """
    found: list[Violation] = []

    def review(predicted: Outcome) -> None:
        found.extend(violations(predicted.results))
        if found and on_violation == "fail":
            raise HardeningError(
                join_failures("Running pods violate the level to be enforced, nothing was changed", _lines(found))
                + "\nThey would keep running, but would not be admitted again. Fix their workloads, choose a lower "
                "level, or set on_violation: warn.",
                failures=[describe(violation) for violation in found],
            )

    outcome = apply_manifests(client, manifests, options, review)
    remarks = [text for text in outcome.warnings if not HEADLINE.match(text) and not _is_pod_line(text, found)]
    remarks = [_explain_incomplete(text) for text in remarks]
    if on_violation == "warn":
        remarks += [f"Running pod violates the enforced level: {line}" for line in _lines(found)]
    return replace(outcome, warnings=tuple(remarks)), found


def describe(violation: Violation) -> dict[str, Any]:
    """A violation as the module returns it."""
    return {**asdict(violation), "reasons": list(violation.reasons)}


def _manifest(entry: Mapping[str, Any]) -> dict[str, Any]:
    labels = dict(entry.get("labels") or {})
    for mode in MODES:
        if entry.get(mode):
            labels[PREFIX + mode] = entry[mode]
            labels[f"{PREFIX}{mode}-version"] = entry.get(f"{mode}_version") or "latest"
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": entry["name"], "labels": labels}}


def _problems(entry: Mapping[str, Any]) -> list[str]:
    found = [dns_label_problem(entry.get("name"), "namespace"), *label_problems(entry.get("labels") or {})]
    for mode in MODES:
        level, version = entry.get(mode), entry.get(f"{mode}_version")
        if level and level not in LEVELS:
            found.append(f"{mode}: {level!r} is not one of {', '.join(LEVELS)}")
        if version and not VERSION.fullmatch(version):
            found.append(f"{mode}_version: {version!r} is neither latest nor of the form v1.37")
    found += [
        f"label {key} is set by its own option" for key in entry.get("labels") or {} if str(key).startswith(PREFIX)
    ]
    return [problem for problem in found if problem]


def _lines(found: Sequence[Violation]) -> list[str]:
    return [
        f"{v.namespace}/{v.pod}{f' and {v.others} more' if v.others else ''} ({v.level}): {', '.join(v.reasons)}"
        for v in found
    ]


def _is_pod_line(text: str, found: Sequence[Violation]) -> bool:
    match = POD.fullmatch(text)
    return match is not None and any(violation.pod == match["pod"] for violation in found)


def _explain_incomplete(text: str) -> str:
    match = INCOMPLETE.match(text)
    if match is None:
        return text
    return f"The server looked at {match['some']} of {match['all']} pods only; others may violate the level too."
