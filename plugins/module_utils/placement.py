# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads where the pods of a DaemonSet run: the nodes they select and the taints they tolerate."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.label_syntax import taint_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.network_addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.network_peers import read_labels
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.validation import REQUIRED, Entry

_TAINT = {"key": REQUIRED, "value": "", "effect": "NoSchedule"}


def read_node_selector(entry: Entry) -> dict[str, str]:
    """Labels of the nodes. There must be one, as none would mean every node."""
    labels = read_labels(entry)
    if isinstance(entry.value, Mapping) and not labels:
        entry.refuse("must not be empty, as that selects every node")
    return labels


def read_tolerations(entry: Entry) -> list[Json]:
    """A toleration for each taint, and for no other: a taint without value is tolerated by its key."""
    tolerations: list[Json] = []
    for item in entry.items():
        keys = item.keys(_TAINT)
        taint = {name: keys[name].text() for name in _TAINT}
        item.refuse(taint_problem(taint) if taint["key"] else None)
        value: Json = {"operator": "Equal", "value": taint["value"]} if taint["value"] else {"operator": "Exists"}
        tolerations.append({"key": taint["key"], **value, "effect": taint["effect"]})
    return tolerations
