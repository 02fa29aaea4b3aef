# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads taints as users write them. Pure."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    TAINT_EFFECTS,
    label_key_problem,
    label_value_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import REQUIRED, Entry

DEFAULT_EFFECT = "NoSchedule"


def read_taints(entry: Entry, effect: object = DEFAULT_EFFECT) -> list[dict[str, str]]:
    """Check a list of ``{key, value, effect}``.

    Args:
        entry: the list, and where it stands.
        effect: the effect of a taint that names none; ``REQUIRED`` to refuse that.

    Returns:
        Taints as Kubernetes writes them, without a value where that is empty. A problem is noted in ``entry``, and
        what could be read of that taint is returned.
    """
    return [_read_taint(item, effect) for item in entry.items()]


def _read_taint(entry: Entry, default: object) -> dict[str, str]:
    keys = entry.keys({"key": REQUIRED, "value": "", "effect": default})
    key, value, effect = keys["key"], keys["value"], keys["effect"].choice(TAINT_EFFECTS)
    if key.given:
        entry.refuse(label_key_problem(key.value) or label_value_problem(str(key.value), value.value))
    read = {"key": str(key.value) if key.given else "", "value": str(value.value), "effect": effect}
    return {name: text for name, text in read.items() if text}
