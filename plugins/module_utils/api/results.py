# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened, or would happen, to each object, and how a module returns it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.object_diff import masked
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures

Action = Literal["created", "configured", "unchanged", "replaced", "deleted", "released"]


@dataclass(frozen=True)
class ObjectResult:
    """One object's outcome.

    Attributes:
        action: ``released`` means that our fields were given up and the object was left to its other owners.
        before: live state, None if it did not exist.
        after: state on the server afterwards (predicted in check mode), None if deleted.
        verified: False where the server could not be asked, because the namespace or kind does not exist yet.
        reason: why nothing, or something else than asked, was done; empty otherwise.
        warnings: what the server remarked on this object when it was rehearsed.
    """

    manifest: Manifest
    action: Action
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    verified: bool = True
    reason: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the content on the server changed."""
        return self.action != "unchanged"


@dataclass(frozen=True)
class Failure:
    """One object that could not be dealt with, and why."""

    manifest: Manifest
    message: str
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """All results of a run and the server's warnings."""

    results: tuple[ObjectResult, ...]
    warnings: tuple[str, ...] = ()


def module_result(outcome: Outcome) -> dict[str, Any]:
    """Turn an outcome into what a module returns: ``changed``, ``objects``, ``counts`` and ``diff``."""
    changed = [result for result in outcome.results if result.changed]
    return {
        "changed": bool(changed),
        "objects": [_describe(result) for result in outcome.results],
        "counts": dict(Counter(result.action for result in outcome.results)),
        "diff": [_diff(result) for result in changed],
    }


def failure_error(headline: str, failures: Sequence[Failure], outcome: Outcome | None = None) -> HardeningError:
    """One error for all failures; ``outcome`` is what was done before, if anything was."""
    return HardeningError(
        join_failures(headline, [f"{failure.manifest.title}: {failure.message}" for failure in failures]),
        failures=[
            {
                "where": failure.manifest.where,
                "api_version": failure.manifest.api_version,
                "kind": failure.manifest.kind,
                "namespace": failure.manifest.namespace,
                "name": failure.manifest.name,
                "reason": failure.reason,
                "message": failure.message,
            }
            for failure in failures
        ],
        partial=module_result(outcome) if outcome else None,
    )


def _describe(result: ObjectResult) -> dict[str, Any]:
    manifest = result.manifest
    return {
        "api_version": manifest.api_version,
        "kind": manifest.kind,
        "namespace": manifest.namespace,
        "name": manifest.name,
        "action": result.action,
        "verified": result.verified,
        "reason": result.reason,
    }


def _diff(result: ObjectResult) -> dict[str, Any]:
    before, after = masked(result.before, result.after)
    header = f"{result.manifest.title} ({result.action}{'' if result.verified else ', not verified by the server'})"
    return {
        "before_header": header,
        "after_header": header,
        "before": before if result.before is not None else {},
        "after": after if result.after is not None else {},
    }
