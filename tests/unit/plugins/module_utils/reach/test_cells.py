# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the short way to a denied cell says what the long one does, on random clusters."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.cells import reaches
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.decision import isolation, reach
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.endpoints import read_pods
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.groups import (
    distinctions,
    outside_groups,
    pod_groups,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.matrix import matrix
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.policies import read_policies
from random_clusters import cluster


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_every_cell_is_what_the_whole_evaluation_says(first: int) -> None:
    for number in range(first, first + 50):
        given = cluster(number)
        policies = read_policies(given["policies"])
        apart = distinctions(policies)
        pods = [pod for pod, on_pod_network in read_pods(given["pods"], given["namespaces"]) if on_pod_network]
        groups = [*pod_groups(pods, apart), *outside_groups(apart, (), (), 0)]
        for source, destination, found in reaches(policies, groups):
            out = isolation(policies, source.member, "egress")
            into = isolation(policies, destination.member, "ingress")
            assert found == reach(out, into, source.member, destination.member), number


def test_cells_where_nothing_is_reached_can_be_left_out() -> None:
    given = cluster(1)
    rest = (given["policies"], given["pods"], given["namespaces"])
    every, reached = matrix(*rest), matrix(*rest, denied=False)
    assert reached["groups"] == every["groups"]
    assert reached["cells"] == [one for one in every["cells"] if one["allowed"]]
    assert 0 < len(reached["cells"]) < len(every["cells"])
