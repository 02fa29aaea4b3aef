# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a live object is not what was applied, and who wrote that. Pure.

Works on the object alone, so that files tell the same as the API. What the server or a controller fills in by itself
does not count; the module ``layer_info`` asks the server itself where there is a doubt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import quantity

Json = Mapping[str, Any]
_OF_PODS = (
    "restartPolicy terminationGracePeriodSeconds dnsPolicy schedulerName serviceAccount terminationMessagePath "
    "terminationMessagePolicy imagePullPolicy defaultMode type protocol scheme timeoutSeconds periodSeconds "
    "successThreshold failureThreshold revisionHistoryLimit progressDeadlineSeconds strategy updateStrategy "
    "podManagementPolicy persistentVolumeClaimRetentionPolicy maxSurge maxUnavailable resources securityContext "
    "expirationSeconds apiVersion priority preemptionPolicy initialDelaySeconds recursiveReadOnly"
)
_OF_JOBS = (
    "completionMode completions backoffLimit manualSelector podReplacementPolicy suspend selector parallelism "
    "concurrencyPolicy failedJobsHistoryLimit successfulJobsHistoryLimit"
)
_OF_THE_REST = (
    "clusterIP clusterIPs ipFamilies ipFamilyPolicy internalTrafficPolicy sessionAffinity targetPort apiGroup "
    "policyTypes matchPolicy objectSelector namespaceSelector scope parameterNotFoundAction unhealthyPodEvictionPolicy "
    "labels creationTimestamp"
)
FILLED = frozenset((*_OF_PODS.split(), *_OF_JOBS.split(), *_OF_THE_REST.split()))
"""Keys that may be there without being applied."""
KEYS = ("name", "mountPath", "containerPort", "port", "key", "ip")
"""What items of a list are told apart by, the first that all of them have."""
BUILT_IN = (
    "",
    "apps",
    "batch",
    "policy",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "admissionregistration.k8s.io",
)


@dataclass(frozen=True)
class Difference:
    """The first field that is not as applied: its path in words of managedFields, and as a user reads it."""

    path: tuple[str, ...]
    field: str


def difference(wanted: Json, live: Json) -> Difference | None:
    """Compare an object with what was applied; None if it holds. Labels and annotations may be more."""
    group = str(wanted.get("apiVersion", "")).rpartition("/")[0]
    for part in ("labels", "annotations"):
        have = live["metadata"].get(part) or {}
        for key, text in (wanted["metadata"].get(part) or {}).items():
            if have.get(key) != text:
                return Difference(("f:metadata", f"f:{part}", f"f:{key}"), f"metadata.{part}[{key}]")
    for key, value in wanted.items():
        if key not in ("apiVersion", "kind", "metadata", "status"):
            found = _compare(value, live.get(key), (f"f:{key}",), key, group in BUILT_IN)
            if found:
                return found
    return None


def writer(live: Json, path: Sequence[str], applied_by: str) -> tuple[str | None, str | None]:
    """Field manager and time of whoever wrote a field, or what is nearest above it; None where nobody is known.

    Args:
        live: the object with its ``managedFields``.
        path: of the field, as a :class:`Difference` has it.
        applied_by: our own field manager, which is not meant.
    """
    best: tuple[int, str, str | None] | None = None
    for entry in live["metadata"].get("managedFields") or ():
        manager = str(entry.get("manager") or "")
        if manager == applied_by or entry.get("subresource"):
            continue
        depth = _depth(entry.get("fieldsV1") or {}, path)
        time = str(entry.get("time") or "")
        if depth and (best is None or (depth, time) > (best[0], best[2] or "")):
            best = (depth, manager, time or None)
    return (best[1], best[2]) if best else (None, None)


def _compare(wanted: Any, live: Any, path: tuple[str, ...], field: str, strict: bool) -> Difference | None:
    if isinstance(wanted, Mapping):
        if not isinstance(live, Mapping):
            return None if not wanted and live is None else Difference(path, field)
        for key, value in wanted.items():
            found = _compare(value, live.get(key), (*path, f"f:{key}"), f"{field}.{key}", strict)
            if found:
                return found
        more = sorted(key for key in live.keys() - wanted.keys() if strict and key not in FILLED)
        return Difference((*path, f"f:{more[0]}"), f"{field}.{more[0]}") if more else None
    if isinstance(wanted, list):
        return _compare_lists(wanted, live if live is not None else [], path, field, strict)
    return None if _same(wanted, live) else Difference(path, field)


def _compare_lists(wanted: list[Any], live: Any, path: tuple[str, ...], field: str, strict: bool) -> Difference | None:
    if not isinstance(live, list):
        return Difference(path, field)
    key = _key(wanted, live)
    if key is None:
        if len(wanted) != len(live):
            return Difference(path, field)
        for index, (one, other) in enumerate(zip(wanted, live, strict=True)):
            found = _compare(one, other, path, f"{field}[{index}]", strict)
            if found:
                return found
        return None
    there = {json.dumps(item[key]): item for item in live}
    for item in wanted:
        name = json.dumps(item[key])
        step, where = _step(key, item), f"{field}[{item[key]}]"
        found = (
            _compare(item, there.pop(name), (*path, step), where, strict) if name in there else Difference(path, where)
        )
        if found:
            return found
    for item in there.values():
        return Difference((*path, _step(key, item)), f"{field}[{item[key]}]")
    return None


def _key(wanted: list[Any], live: list[Any]) -> str | None:
    items = [*wanted, *live]
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    for key in KEYS:
        if all(key in item for item in items) and all(
            len({json.dumps(item[key]) for item in group}) == len(group) for group in (wanted, live)
        ):
            return key
    return None


def _step(key: str, item: Mapping[str, Any]) -> str:
    return "k:" + json.dumps({key: item[key]}, separators=(",", ":"))


def _same(wanted: Any, live: Any) -> bool:
    if wanted == live and isinstance(wanted, bool) == isinstance(live, bool):
        return True
    if wanted in ("", 0, False, None) and live is None:
        return True  # the server leaves out what is empty
    if isinstance(wanted, bool) or isinstance(live, bool) or wanted is None or live is None:
        return False
    one, other = quantity(wanted), quantity(live)
    return one is not None and one == other


def _depth(fields: Mapping[str, Any], path: Sequence[str]) -> int:
    """How many steps of a path are among fields; 0 if not even two, as everybody owns ``spec``."""
    depth = 0
    here: Any = fields
    for step in path:
        here = _child(here, step)
        if here is None:
            break
        depth += 1
    return depth if depth >= min(2, len(path)) else 0


def _child(here: Any, step: str) -> Any:
    if not isinstance(here, Mapping):
        return None
    if step in here or not step.startswith("k:"):
        return here.get(step)
    wanted = json.loads(step[2:])
    for key, value in here.items():
        if key.startswith("k:") and wanted.items() <= json.loads(key[2:]).items():
            return value
    return None
