# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a snapshot keeps of an object: what a check reads, and who wrote what where a layer applied it. Pure.

A pod of the API has 10 to 20 kB, most of them managedFields and status. Pods of one owner have the same spec, which is
then kept once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import Kind
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER

Json = dict[str, Any]

_METADATA = ("name", "namespace", "labels", "uid", "deletionTimestamp", "generation")
_ANNOTATIONS = ("cdi.k8s.io/", "kubernetes.io/config.mirror", "gpu-cluster.hardening/", "applyset.kubernetes.io/")
_ANNOTATIONS_OF = {"DaemonSet": ("meta.helm.sh/release-name",)}
_NODE_LABELS = ("feature.node.kubernetes.io/",)
"""NFD gives a node about 80 labels of these; only those of NVIDIA's PCI devices say anything here."""
_DAEMON_STATUS = ("desiredNumberScheduled", "numberReady")


class Slimmer:
    """Makes objects small. Remembers the specs of pods, so that equal ones are one."""

    def __init__(self) -> None:
        self._specs: dict[str, Json] = {}

    def __call__(self, kind: Kind, item: Mapping[str, Any]) -> Json:
        """The object with its ``apiVersion`` and ``kind``, which items of a list lack."""
        member = PART_OF in (item["metadata"].get("labels") or {})
        slim: Json = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": _metadata(kind.kind, item, member)}
        keep = _SPECIAL.get(kind.kind)
        if kind.kind == "Pod":
            slim |= self._pod(item)
        elif keep:
            slim |= keep(item)
        else:
            slim |= {
                key: value for key, value in item.items() if key not in ("apiVersion", "kind", "metadata", "status")
            }
        return slim

    def _pod(self, item: Mapping[str, Any]) -> Json:
        spec = {key: value for key, value in item["spec"].items() if key != "nodeName"}
        # Each pod has a volume of this kind by a name of its own.
        text = json.dumps(spec, sort_keys=True).replace(_token_volume(spec), "kube-api-access")
        known = self._specs.get(text)
        if known is None:
            known = self._specs[text] = json.loads(text)
        status = item.get("status") or {}
        kept = {key: status[key] for key in ("phase", "podIPs") if status.get(key)}
        return {"spec": known, "nodeName": item["spec"].get("nodeName") or "", "status": kept}


def _token_volume(spec: Mapping[str, Any]) -> str:
    names = (str(volume.get("name")) for volume in spec.get("volumes") or ())
    return next((name for name in names if name.startswith("kube-api-access-")), "kube-api-access")


def _metadata(kind: str, item: Mapping[str, Any], member: bool) -> Json:
    metadata = item["metadata"]
    slim = {key: metadata[key] for key in _METADATA if metadata.get(key)}
    annotations = metadata.get("annotations") or {}
    prefixes = _ANNOTATIONS + _ANNOTATIONS_OF.get(kind, ())
    kept = annotations if member else {key: text for key, text in annotations.items() if key.startswith(prefixes)}
    if kept:
        slim["annotations"] = dict(kept)
    owners = [owner for owner in metadata.get("ownerReferences") or () if owner.get("controller")]
    if owners:
        slim["ownerReferences"] = [{key: owners[0].get(key) for key in ("apiVersion", "kind", "name", "controller")}]
    if kind == "Node":
        slim["labels"] = {key: text for key, text in (slim.get("labels") or {}).items() if _is_told(key)}
        slim["writers"] = node_writers(metadata.get("managedFields") or ())
    elif member or LAYER in (metadata.get("labels") or {}):
        slim["managedFields"] = metadata.get("managedFields") or []
    return slim


def _is_told(label: str) -> bool:
    return not label.startswith(_NODE_LABELS) or "10de" in label


def node_writers(managed: Any) -> list[Json]:
    """Who wrote labels and taints of a node, and when: its managedFields are larger than all else of it."""
    found = []
    for entry in managed:
        fields = entry.get("fieldsV1") or {}
        labels = (fields.get("f:metadata") or {}).get("f:labels") or {}
        keys = [key[2:] for key in labels if key.startswith("f:") and _is_told(key[2:])]
        taints = "f:taints" in (fields.get("f:spec") or {})
        if (keys or taints) and not entry.get("subresource"):
            found.append({"manager": entry.get("manager"), "time": entry.get("time"), "labels": keys, "taints": taints})
    return found


def _node(item: Mapping[str, Any]) -> Json:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    info = status.get("nodeInfo") or {}
    allocatable = status.get("allocatable") or {}
    return {
        "spec": {key: spec[key] for key in ("taints", "unschedulable") if spec.get(key)},
        "status": {
            "allocatable": {key: value for key, value in allocatable.items() if key.startswith("nvidia.com/")},
            "addresses": status.get("addresses") or [],
            "nodeInfo": {key: info.get(key, "") for key in ("kubeletVersion", "containerRuntimeVersion")},
        },
    }


def _daemon_set(item: Mapping[str, Any]) -> Json:
    status = item.get("status") or {}
    return {"spec": item["spec"], "status": {key: status[key] for key in _DAEMON_STATUS if key in status}}


def _job(item: Mapping[str, Any]) -> Json:
    done = (item.get("status") or {}).get("completionTime")
    return {"spec": item["spec"], **({"status": {"completionTime": done}} if done else {})}


def _external_secret(item: Mapping[str, Any]) -> Json:
    conditions = (item.get("status") or {}).get("conditions") or ()
    kept = [{key: entry.get(key) for key in ("type", "status", "reason")} for entry in conditions]
    return {"spec": item.get("spec") or {}, "status": {"conditions": kept}}


_SPECIAL: Mapping[str, Callable[[Mapping[str, Any]], Json]] = {
    "Node": _node,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "ExternalSecret": _external_secret,
    "SecretStore": _external_secret,
    "ClusterSecretStore": _external_secret,
    "Namespace": lambda _item: {},
}
