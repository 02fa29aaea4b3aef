# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads where the pods of a DaemonSet run: the nodes they select and the taints they tolerate."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.taints import read_taints
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.peers import read_labels


def read_node_selector(entry: Entry) -> dict[str, str]:
    """Labels of the nodes. There must be one, as none would mean every node."""
    labels = read_labels(entry)
    if isinstance(entry.value, Mapping) and not labels:
        entry.refuse("must not be empty, as that selects every node")
    return labels


def read_tolerations(entry: Entry) -> list[Json]:
    """A toleration for each taint, and for no other: a taint without value is tolerated by its key."""
    return [_toleration(taint) for taint in read_taints(entry)]


def _toleration(taint: Mapping[str, str]) -> Json:
    value = {"operator": "Equal", "value": taint["value"]} if taint.get("value") else {"operator": "Exists"}
    return {"key": taint.get("key", ""), **value, "effect": taint.get("effect", "")}
