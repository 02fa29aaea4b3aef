# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running pods that the Pod Security level of their namespace would not admit again, as the server warns of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import ObjectResult, Outcome
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures

PREFIX = "pod-security.kubernetes.io/"
# Texts of the server's warnings: k8s.io/pod-security-admission, admission.go
HEADLINE = re.compile(r'existing pods in namespace "(?P<namespace>[^"]+)" violate the new PodSecurity enforce level')
POD = re.compile(r"(?P<pod>[a-z0-9][-.a-z0-9]*)(?: \(and (?P<others>\d+) other pods?\))?: (?P<reasons>.+)")
BEYOND_WARN = 'would violate PodSecurity "'
WITH_PODS = frozenset({"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet"})
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


def violations(results: Sequence[ObjectResult]) -> list[Violation]:
    """Read the server's warnings about running pods that a new level would refuse."""
    found: list[Violation] = []
    for result in results:
        labels = (result.after or {}).get("metadata", {}).get("labels", {})
        level = f"{labels.get(f'{PREFIX}enforce')}:{labels.get(f'{PREFIX}enforce-version', 'latest')}"
        found += in_warnings(result.manifest.name, level, result.warnings)
    return found


def in_warnings(namespace: str, level: str, warnings: Sequence[str]) -> list[Violation]:
    """The same of one namespace: what the server warns of when its level is set, or would be."""
    if not any(HEADLINE.match(text) for text in warnings):
        return []
    return [
        Violation(
            namespace,
            level,
            match["pod"],
            int(match["others"] or 0),
            tuple(reason.strip() for reason in match["reasons"].split(", ")),
        )
        for match in filter(None, map(POD.fullmatch, warnings))
    ]


def reviewer(on_violation: str, found: list[Violation]) -> Callable[[Outcome], None]:
    """A review of what is going to be applied, which notes violations in ``found``.

    It raises :class:`HardeningError` if there are any and ``on_violation`` is ``fail``.
    """

    def review(predicted: Outcome) -> None:
        found.extend(violations(predicted.results))
        if found and on_violation == "fail":
            raise HardeningError(
                join_failures("Running pods violate the level to be enforced, nothing was changed", _lines(found))
                + "\nThey would keep running, but would not be admitted again. Fix their workloads, choose a lower "
                "level, or set on_violation: warn.",
                failures=[describe(violation) for violation in found],
            )

    return review


def remarks(outcome: Outcome, found: Sequence[Violation], on_violation: str) -> list[str]:
    """The server's warnings as a user should read them: those on violations as ``on_violation`` says.

    Whoever makes a namespace privileged for its own workloads need not be told that they are more than ``warn`` allows:
    that level is there for everybody else who comes into the namespace.
    """
    texts = [text for text in outcome.warnings if not HEADLINE.match(text) and not _is_pod_line(text, found)]
    if _only_where_meant(outcome.results):
        texts = [text for text in texts if not text.startswith(BEYOND_WARN)]
    texts = [_explain_incomplete(text) for text in texts]
    if on_violation == "warn":
        texts += [f"Running pod violates the enforced level: {line}" for line in _lines(found)]
    return texts


def describe(violation: Violation) -> dict[str, Any]:
    """A violation as the module returns it."""
    return {**asdict(violation), "reasons": list(violation.reasons)}


def _only_where_meant(results: Sequence[ObjectResult]) -> bool:
    """Whether all that has pods is in namespaces that are privileged by these very results."""
    privileged = {
        result.manifest.name
        for result in results
        if result.manifest.kind == "Namespace"
        and result.manifest.body.get("metadata", {}).get("labels", {}).get(f"{PREFIX}enforce") == "privileged"
    }
    return all(result.manifest.namespace in privileged for result in results if result.manifest.kind in WITH_PODS)


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
