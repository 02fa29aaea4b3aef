# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that tolerations are judged as Kubernetes does."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import (
    describe_taint,
    tolerates,
    untolerated,
)

TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
BARE = {"key": "maintenance", "effect": "NoExecute"}
SOFT = {"key": "busy", "effect": "PreferNoSchedule"}


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}, True),
        ({"key": "nvidia.com/gpu", "value": "true"}, True),
        ({"key": "nvidia.com/gpu", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "nvidia.com/gpu", "value": "false"}, False),
        ({"key": "nvidia.com/gpu"}, False),
        ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"value": "true"}, False),
    ],
)
def test_a_toleration_is_judged_by_key_value_and_effect(toleration: dict[str, Any], tolerated: bool) -> None:
    assert tolerates(toleration, TAINT) is tolerated
    assert untolerated({"tolerations": [toleration]}, [TAINT]) == ([] if tolerated else [TAINT])


def test_only_taints_that_keep_pods_away_count() -> None:
    assert untolerated({}, [TAINT, SOFT, BARE]) == [TAINT, BARE]
    assert untolerated({"tolerations": [{"key": "maintenance", "operator": "Exists"}]}, [TAINT, BARE]) == [TAINT]


def test_a_taint_is_spelt_as_kubectl_does() -> None:
    assert [describe_taint(taint) for taint in (TAINT, BARE)] == [
        "nvidia.com/gpu=true:NoSchedule",
        "maintenance:NoExecute",
    ]
