# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A revision of a layer: what it was to be, kept in a ConfigMap of its own. Pure.

The content is the members as they were applied, gzipped JSON. A Secret is remembered by the names of its keys only.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.version import VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER, UNRECORDED, Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import REVISION, SUM

KEPT = 5
CONTENT = "members.json.gz"
APPLIED_AT = "gpu-cluster.hardening/applied-at"
APPLIED_BY = "gpu-cluster.hardening/applied-by"
COLLECTION = "gpu-cluster.hardening/collection-version"
NOTE = "gpu-cluster.hardening/note"
MOST_BYTES = 900_000
"""An object of the API server may have 1 MiB."""
RETRY = "gpu-cluster.hardening/retry"
"""Annotation that lets an operator try again after a failure. It changes with each try."""

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Revision:
    """One revision.

    Attributes:
        number: from 1.
        total: sum of the content.
        applied_at: when, as RFC 3339 in UTC.
        applied_by: the user that the API server knew.
        collection: version of the collection.
        note: why, where it was not an ordinary run.
        members: the objects; None if they were too large to be kept.
    """

    number: int
    total: str
    applied_at: str
    applied_by: str
    collection: str
    note: str
    members: tuple[Body, ...] | None


def recorded(body: Body) -> Body:
    """An object as a revision holds it: never the values of a Secret, nor that a fetch is to be tried again."""
    annotations = body["metadata"].get("annotations") or {}
    if RETRY in annotations:
        annotations = {key: value for key, value in annotations.items() if key != RETRY}
        rest = {key: value for key, value in body["metadata"].items() if key != "annotations"}
        body = {**body, "metadata": {**rest, **({"annotations": annotations} if annotations else {})}}
    if body.get("kind") != "Secret":
        return body
    metadata = {**body["metadata"], "annotations": {**annotations, UNRECORDED: "true"}}
    kept = {key: value for key, value in body.items() if key not in ("data", "stringData", "metadata")}
    return {**kept, "metadata": metadata, "data": dict.fromkeys(body.get("data") or {}, "")}


def sum_of(bodies: Sequence[Body]) -> str:
    """Sum of what a revision holds, whatever the order of the objects."""
    texts = sorted(json.dumps(recorded(body), sort_keys=True) for body in bodies)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def revision_name(layer: Layer, number: int) -> str:
    """Name of the ConfigMap of a revision."""
    return f"{layer.parent_name}-revision-{number}"


def revision_body(
    layer: Layer, number: int, bodies: Sequence[Body], applied_at: str, applied_by: str, note: str = ""
) -> dict[str, Any]:
    """The ConfigMap of a revision. It cannot be changed."""
    text = json.dumps([recorded(body) for body in bodies], sort_keys=True, separators=(",", ":"))
    packed = gzip.compress(text.encode(), mtime=0)
    fits = len(packed) * 4 / 3 <= MOST_BYTES
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": revision_name(layer, number),
            "namespace": layer.namespace,
            "labels": {LAYER: layer.name, REVISION: str(number)},
            "annotations": {
                SUM: sum_of(bodies),
                APPLIED_AT: applied_at,
                APPLIED_BY: applied_by,
                COLLECTION: VERSION,
                **({NOTE: note} if note else {}),
            },
        },
        "immutable": True,
        **({"binaryData": {CONTENT: base64.b64encode(packed).decode()}} if fits else {}),
    }


def read_revision(live: Mapping[str, Any]) -> Revision:
    """Read the ConfigMap of a revision.

    Raises:
        HardeningError: its content is not what was written.
    """
    metadata = live["metadata"]
    annotations = metadata.get("annotations") or {}
    packed = (live.get("binaryData") or {}).get(CONTENT)
    total = annotations.get(SUM, "")
    members: tuple[Body, ...] | None = None
    if packed is not None:
        try:
            members = tuple(json.loads(gzip.decompress(base64.b64decode(packed))))
            intact = sum_of(members) == total
        except (ValueError, OSError, EOFError, TypeError, KeyError, AttributeError):
            intact = False
        if not intact:
            raise HardeningError(
                f"The revision {metadata['namespace']}/{metadata['name']} is not what was recorded: its sum does not "
                "fit. Choose another revision, or delete that ConfigMap."
            )
    return Revision(
        number_of(live),
        total,
        annotations.get(APPLIED_AT, ""),
        annotations.get(APPLIED_BY, ""),
        annotations.get(COLLECTION, ""),
        annotations.get(NOTE, ""),
        members,
    )


def number_of(live: Mapping[str, Any]) -> int:
    """Number of a revision by its label; 0 if it has none."""
    text = str((live["metadata"].get("labels") or {}).get(REVISION, ""))
    return int(text) if text.isdigit() else 0


def surplus(numbers: Iterable[int], current: int) -> list[int]:
    """Which revisions are no longer kept: all but the newest, and never the current one."""
    newest = sorted(numbers, reverse=True)[:KEPT]
    return sorted(number for number in numbers if number not in newest and number != current)
