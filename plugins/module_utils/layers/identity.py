# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer as an apply set (KEP-3659): its parent object, its id, and what is written on both. Pure.

Source: https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

PARENT_NAMESPACE = "gpu-cluster-hardening"
LAYER_OPTIONS: dict[str, dict[str, Any]] = {"parent_namespace": {"type": "str", "default": PARENT_NAMESPACE}}
"""Options of the doc fragment ``layers``."""
LAYER = "gpu-cluster.hardening/layer"
"""Label of everything that the cluster keeps about a layer: its parent and its revisions."""
UNRECORDED = "gpu-cluster.hardening/values-not-recorded"
"""Annotation in a revision: what the object holds is not recorded, so it cannot be applied from there."""
NAME = re.compile(r"[a-z]([a-z0-9_-]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Layer:
    """Which layer is meant.

    Attributes:
        name: such as ``network_policies``.
        namespace: where its parent and its revisions are.
    """

    name: str
    namespace: str = PARENT_NAMESPACE

    @property
    def parent_name(self) -> str:
        """Name of the ConfigMap that is the parent of the apply set."""
        return f"layer-{self.name.replace('_', '-')}"

    @property
    def set_id(self) -> str:
        """Id of the apply set: a hash of the identity of its parent, as the KEP lays down."""
        identity = f"{self.parent_name}.{self.namespace}.ConfigMap."
        digest = hashlib.sha256(identity.encode()).digest()
        return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


def read_layer(name: str, namespace: str) -> Layer:
    """Check the name of a layer.

    Raises:
        HardeningError: it cannot be part of the name of an object.
    """
    if not NAME.fullmatch(name):
        raise HardeningError(
            f"name {name!r} is not the name of a layer: 1 to 40 lower-case letters, digits, '-' or '_', beginning with "
            "a letter."
        )
    return Layer(name, namespace)


def as_member(manifest: Manifest, layer: Layer) -> Manifest:
    """The manifest with the label that makes it a member."""
    metadata = manifest.body["metadata"]
    labels = {**(metadata.get("labels") or {}), PART_OF: layer.set_id}
    return replace(manifest, body={**manifest.body, "metadata": {**metadata, "labels": labels}})


def untouched_member(entry: Mapping[str, Any], index: int) -> Manifest:
    """A member that stays as it is, whatever it is: it is known by its name only."""
    metadata = {"name": entry["name"], **({"namespace": entry["namespace"]} if entry.get("namespace") else {})}
    body = {
        "apiVersion": entry["api_version"],
        "kind": entry["kind"],
        "metadata": {**metadata, "annotations": {UNRECORDED: "true"}},
    }
    return Manifest(f"keep[{index}]", entry["api_version"], entry["kind"], entry.get("namespace"), entry["name"], body)


def reference(api_version: str, kind: str, live: Mapping[str, Any], where: str) -> Manifest:
    """A live object as something that can be removed."""
    metadata = live["metadata"]
    return Manifest(where, api_version, kind, metadata.get("namespace"), metadata["name"], {"metadata": {}})
