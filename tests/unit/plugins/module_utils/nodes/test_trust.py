# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which labels count as what a node says of itself."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.label_selector import parse_selector
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.trust import kubelet_may_set, proves
from label_tables import BY_KUBELET


@pytest.mark.parametrize(("key", "expected"), {"kubernetes.io/hostname": True, **BY_KUBELET}.items())
def test_what_a_kubelet_may_set(key: str, expected: bool) -> None:
    assert kubelet_may_set(key) is expected


@pytest.mark.parametrize(
    ("selector", "proven"),
    [
        ("node-restriction.kubernetes.io/pool=gpu", True),
        ("node-role.kubernetes.io/gpu", True),
        ("pool=gpu", False),
        ("pool in (gpu, a100),!drained", False),
        ("node-restriction.kubernetes.io/pool in (gpu,a100), !node-role.kubernetes.io/control-plane", True),
        ("node-restriction.kubernetes.io/pool==gpu,zone!=a", False),
        ("", False),
    ],
)
def test_a_selector_proves_something_if_a_node_can_touch_none_of_its_labels(selector: str, proven: bool) -> None:
    assert proves([requirement.key for requirement in parse_selector(selector)]) is proven
