# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what the user wants GPU nodes to carry, before any request. No I/O."""

from __future__ import annotations

from collections import Counter

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    label_key_problem,
    label_value_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import Wanted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.taints import read_taints


def read_wanted(labels: object, taints: object, type_label: object, types: object) -> Wanted:
    """Check labels, taints and GPU models; values as the user wrote them.

    Args:
        labels: labels of every GPU node.
        taints: ``[{key, value, effect}]``.
        type_label: key of the label that names the model; empty for none.
        types: model by node name.

    Raises:
        HardeningError: names every problem.
    """
    problems: list[str] = []
    wanted = Wanted(
        _read_labels(Entry("labels", labels, problems)),
        _read_type_label(Entry("gpu_type_label", type_label, problems)),
        _read_types(Entry("gpu_types", types, problems)),
        _read_taints(Entry("taints", taints, problems)),
    )
    if problems:
        raise HardeningError(join_failures("Wrong labels or taints of GPU nodes, nothing was changed", problems))
    return wanted


def _read_labels(entry: Entry) -> dict[str, str]:
    labels = entry.named()
    for key, value in labels.items():
        entry.refuse(label_key_problem(key) or label_value_problem(key, value.value))
    return {key: str(value.value) for key, value in labels.items()}


def _read_type_label(entry: Entry) -> str:
    key = entry.text()
    entry.refuse(label_key_problem(key) if key else None)
    return key


def _read_types(entry: Entry) -> dict[str, str]:
    types = entry.named()
    for node, model in types.items():
        entry.refuse(label_value_problem(node, model.value))
    return {node: str(model.value) for node, model in types.items()}


def _read_taints(entry: Entry) -> tuple[dict[str, str], ...]:
    taints = tuple(read_taints(entry))
    slots = Counter((taint["key"], taint["effect"]) for taint in taints if {"key", "effect"} <= taint.keys())
    for (key, effect), count in slots.items():
        entry.refuse(f"{key}:{effect} is given twice" if count > 1 else None)
    return taints
