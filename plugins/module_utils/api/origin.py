# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who made an object: what was there before us is never deleted.

``metadata.managedFields`` names the maker, as long as the maker still owns a field. An object that was made without any
(``kubectl create serviceaccount``), or whose every field we took over, does not name one; adopting it sets a mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import applied_entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.object_diff import LAST_APPLIED

ADOPTED = "gpu-cluster.hardening/adopted"
KUBERNETES_MANAGERS = frozenset({"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"})
MADE_BY_KUBERNETES = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})


def is_marked(live: Mapping[str, Any] | None) -> bool:
    """Whether we adopted this object and had to remember it."""
    return live is not None and ADOPTED in live["metadata"].get("annotations", {})


def marked(manifest: Manifest) -> Manifest:
    """The manifest with the mark, which is an annotation of ours like any other."""
    metadata = manifest.body["metadata"]
    annotations = {**metadata.get("annotations", {}), ADOPTED: "true"}
    return replace(manifest, body={**manifest.body, "metadata": {**metadata, "annotations": annotations}})


def needs_mark(manifest: Manifest, live: Mapping[str, Any], predicted: Mapping[str, Any], manager: str) -> bool:
    """Whether others had the object before us, and applying would leave nothing that tells so.

    Where we would own no field either, there is nothing to tell: only what we applied is ever removed.
    """
    if (manifest.kind, manifest.name) in MADE_BY_KUBERNETES or is_marked(predicted):
        return False
    if applied_entry(predicted, manager) is None:
        return False
    theirs = applied_entry(live, manager) is None or other_owner(live, manager) is not None
    return theirs and other_owner(predicted, manager) is None


def other_owner(live: Mapping[str, Any], manager: str) -> str | None:
    """A field manager other than ours that created the object or applies it, or None."""
    metadata = live["metadata"]
    created = metadata.get("creationTimestamp")
    ours = applied_entry(live, manager) or {}
    for entry in metadata.get("managedFields") or ():
        if entry.get("subresource") or entry.get("manager") == manager:
            continue
        if entry.get("operation") == "Apply":
            return str(entry.get("manager"))
        if _is_finalizer_alone(entry):
            continue
        if entry.get("time") == created and (ours.get("time") != created or _looks_like_creation(entry)):
            return str(entry.get("manager"))
    return "kubectl apply" if LAST_APPLIED in metadata.get("annotations", {}) else None


def _is_finalizer_alone(entry: Mapping[str, Any]) -> bool:
    """Whether somebody put a finalizer on an object, and nothing else: so do controllers on what others made."""
    fields = entry.get("fieldsV1") or {}
    return fields.keys() == {"f:metadata"} and fields["f:metadata"].keys() == {"f:finalizers"}


def _looks_like_creation(entry: Mapping[str, Any]) -> bool:
    """Whether an update in the very second of creation was the creation: times are no finer.

    Controllers fill in new objects at once, and labels alone are added by anybody; but who makes a namespace owns the
    label that the server puts on it.
    """
    fields = entry.get("fieldsV1") or {}
    if entry.get("manager") in KUBERNETES_MANAGERS:
        return False
    labels = fields.get("f:metadata", {}).get("f:labels", {})
    return bool(fields.keys() - {"f:metadata"}) or "f:kubernetes.io/metadata.name" in labels
