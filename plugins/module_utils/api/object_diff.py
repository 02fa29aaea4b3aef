# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an object is content: for telling whether it changed, and for showing how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SERVER_FIELDS = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp"}
)
SECRET_SHOWN = frozenset({"apiVersion", "kind", "type", "immutable"})
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # a copy of the object, a Secret's values included


def content(obj: Mapping[str, Any] | None) -> dict[str, Any]:
    """An object without what the server keeps about it: status, managedFields, resourceVersion and the like."""
    if obj is None:
        return {}
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key not in SERVER_FIELDS}
    annotations = {key: value for key, value in metadata.pop("annotations", {}).items() if key != LAST_APPLIED}
    if annotations:
        metadata["annotations"] = annotations
    return {**{key: value for key, value in obj.items() if key not in {"metadata", "status"}}, "metadata": metadata}


def masked(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Contents of both states, for people: a Secret's values replaced, yet it shows which of them differ."""
    old, new = content(before), content(after)
    if "Secret" not in (old.get("kind"), new.get("kind")):
        return old, new
    return _mask(old, None), _mask(new, old.get("data") or {})


def mask_manifest(document: object) -> object:
    """A manifest as it may be logged: of a Secret, and of what may be meant as one, only what cannot be a value."""
    if not isinstance(document, Mapping):
        return None if document is None else f"<{type(document).__name__}>"
    if isinstance(document.get("items"), list):
        return {**document, "items": [mask_manifest(item) for item in document["items"]]}
    if str(document.get("kind") or "Secret").lower() != "secret" and "stringData" not in document:
        return dict(document)
    shown = {key: value if key in SECRET_SHOWN else "<masked>" for key, value in document.items()}
    if isinstance(document.get("metadata"), Mapping):
        shown["metadata"] = content(document)["metadata"]
    return shown


def _mask(secret: dict[str, Any], reference: Mapping[str, Any] | None) -> dict[str, Any]:
    if not secret.get("data"):
        return secret
    return {
        **secret,
        "data": {
            key: "<masked>" if reference is None or reference.get(key) == value else "<masked, changed>"
            for key, value in secret["data"].items()
        },
    }
