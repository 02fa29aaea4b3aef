# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which labels and taints of GPU nodes are accepted, and what is said about the others."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import Wanted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.wanted import read_wanted

GOOD: dict[str, Any] = {
    "labels": {"node-type": "gpu", "node-restriction.kubernetes.io/node-type": "gpu"},
    "taints": [{"key": "nvidia.com/gpu", "value": "true"}, {"key": "gpu", "value": None, "effect": "NoExecute"}],
    "type_label": "gpu-type",
    "types": {"gpu-01": "a100"},
}


def test_taints_get_an_effect_and_lose_an_empty_value() -> None:
    assert read_wanted(**GOOD) == Wanted(
        GOOD["labels"],
        "gpu-type",
        {"gpu-01": "a100"},
        (
            {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"},
            {"key": "gpu", "effect": "NoExecute"},
        ),
    )


def test_nothing_is_wanted_if_nothing_is_given() -> None:
    assert read_wanted({}, [], "", {}) == Wanted({}, "", {}, ())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"labels": {"node type": "gpu"}}, "labels: key 'node type'"),
        ({"labels": {"node-type": "a b"}}, "labels: value 'a b' of 'node-type'"),
        ({"labels": {"node-type": True}}, "labels: value of 'node-type' is True, not a string; quote it"),
        ({"labels": ["node-type"]}, "labels: must be a mapping, not a list"),
        ({"labels": None}, "labels: must be a mapping, not null"),
        ({"taints": {"key": "gpu"}}, "taints: must be a list, not a mapping"),
        ({"taints": ["gpu=true:NoSchedule"]}, "taints[0]: must be a mapping"),
        ({"taints": [{"value": "true"}]}, "taints[0]: key is missing"),
        ({"taints": [{"key": "-gpu"}]}, "taints[0]: key '-gpu'"),
        ({"taints": [{"key": "gpu", "value": True}]}, "taints[0]: value of 'gpu' is True, not a string; quote it"),
        ({"taints": [{"key": "gpu", "effect": "NoShedule"}]}, "(did you mean NoSchedule?)"),
        ({"taints": [{"key": "gpu", "efect": "NoExecute"}]}, "no key 'efect' is known here (did you mean effect?)"),
        ({"taints": [{"key": "gpu"}, {"key": "gpu", "value": "b"}]}, "taints: gpu:NoSchedule is given twice"),
        ({"type_label": "gpu type"}, "gpu_type_label: key 'gpu type'"),
        ({"types": {"gpu-01": "A 100"}}, "gpu_types: value 'A 100' of 'gpu-01'"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        read_wanted(**{**GOOD, **changes})
    assert problem in caught.value.message
    assert "nothing was changed" in caught.value.message


def test_all_problems_are_named_together() -> None:
    with pytest.raises(HardeningError, match="5 problems"):
        read_wanted({"a b": "c", "d": "e f"}, [{"effect": "Never"}], "g h", {})
