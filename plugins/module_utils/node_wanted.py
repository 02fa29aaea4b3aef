# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what the user wants GPU nodes to carry, before any request. No I/O."""

from __future__ import annotations

from collections import Counter

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.label_syntax import (
    TAINT_EFFECTS,
    label_key_problem,
    label_value_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.node_plan import Wanted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.validation import REQUIRED, Entry

_TAINT = {"key": REQUIRED, "value": "", "effect": "NoSchedule"}


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
    taints = tuple(_read_taint(item) for item in entry.items())
    slots = Counter((taint["key"], taint["effect"]) for taint in taints if {"key", "effect"} <= taint.keys())
    for (key, effect), count in slots.items():
        entry.refuse(f"{key}:{effect} is given twice" if count > 1 else None)
    return taints


def _read_taint(entry: Entry) -> dict[str, str]:
    """A taint as Kubernetes writes it: without a value where that is empty."""
    keys = entry.keys(_TAINT)
    key, value, effect = keys["key"], keys["value"], keys["effect"].choice(TAINT_EFFECTS)
    if key.given:
        entry.refuse(label_key_problem(key.value) or label_value_problem(str(key.value), value.value))
    read = {"key": str(key.value) if key.given else "", "value": str(value.value), "effect": effect}
    return {name: text for name, text in read.items() if text}
