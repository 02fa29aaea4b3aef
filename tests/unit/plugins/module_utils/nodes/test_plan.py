# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is planned for a node, and who is found to be locked out by it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import (
    Wanted,
    intolerant_pods,
    leaves_no_schedulable_node,
    plan_absent,
    plan_present,
)

TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
FOREIGN = {"key": "maintenance", "effect": "NoExecute"}
WANTED = Wanted({"node-type": "gpu"}, "gpu-type", {}, (TAINT,))


def node(name: str = "node-1", taints: list[dict[str, str]] | None = None, **labels: str) -> GpuNode:
    named = {key.replace("_", "-"): value for key, value in labels.items()}
    return gpu_node(
        {
            "metadata": {
                "name": name,
                "resourceVersion": "7",
                "labels": {"nvidia.com/gpu.product": "Tesla-T4", **named},
                "managedFields": [
                    {"manager": "us", "fieldsV1": {"f:metadata": {"f:labels": {"f:node-type": {}}}}},
                ],
            },
            "spec": {"taints": taints or []},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        },
        "us",
    )


def pod(*tolerations: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "default", "name": "web", **metadata},
        "spec": {"nodeName": "node-1", "tolerations": list(tolerations)},
        "status": {"phase": "Running"},
    }


def test_what_is_missing_is_added_and_what_is_foreign_stays() -> None:
    plan = plan_present(node(taints=[FOREIGN], team="vision"), WANTED)
    assert plan.labels == {"node-type": "gpu", "gpu-type": "t4"}
    assert plan.taints == (FOREIGN, TAINT)
    assert plan.patch()["metadata"]["resourceVersion"] == "7"


def test_a_node_that_is_as_wanted_is_left_alone() -> None:
    assert not plan_present(node(taints=[TAINT], node_type="gpu", gpu_type="t4"), WANTED).changed


def test_a_taint_with_another_value_is_replaced_in_its_place() -> None:
    plan = plan_present(node(taints=[{**TAINT, "value": "no"}, FOREIGN]), WANTED)
    assert plan.taints == (TAINT, FOREIGN)


def test_a_type_given_for_a_node_wins_over_its_product() -> None:
    wanted = Wanted({}, "gpu-type", {"node-1": "l40s"}, ())
    assert plan_present(node(), wanted).labels == {"gpu-type": "l40s"}


def test_removal_gives_up_our_own_label_and_taint_only() -> None:
    plan = plan_absent(node(taints=[TAINT, FOREIGN], node_type="gpu", gpu_type="t4"), WANTED)
    assert plan.labels == {"node-type": None}  # gpu-type was set by somebody else
    assert plan.taints == (FOREIGN,)


@pytest.mark.parametrize(("value", "found"), [("true", 0), ("false", 1)])
def test_a_pod_that_does_not_tolerate_the_new_taint_is_found(value: str, found: int) -> None:
    pods = [pod({"key": "nvidia.com/gpu", "value": value})]
    assert len(intolerant_pods(pods, {"node-1": plan_present(node(), WANTED)})) == found


def test_pods_that_are_finished_or_static_or_elsewhere_do_not_count() -> None:
    finished = {**pod(), "status": {"phase": "Succeeded"}}
    static = pod(annotations={"kubernetes.io/config.mirror": "x"})
    elsewhere = {**pod(), "spec": {"nodeName": "node-2"}}
    assert intolerant_pods([finished, static, elsewhere], {"node-1": plan_present(node(), WANTED)}) == []


def test_an_intolerant_pod_names_its_daemon_set() -> None:
    owned = pod(ownerReferences=[{"kind": "DaemonSet", "name": "fluent-bit"}])
    (found,) = intolerant_pods([owned], {"node-1": plan_present(node(), WANTED)})
    assert (found.daemon_set, found.node, found.evicted) == ("fluent-bit", "node-1", False)


def test_tainting_the_last_open_node_is_noticed() -> None:
    gpu, other, closed = node(), node("node-2"), node("node-3", taints=[FOREIGN])
    plan = plan_present(gpu, WANTED)
    assert leaves_no_schedulable_node([gpu, closed], [plan])
    assert not leaves_no_schedulable_node([gpu, other, closed], [plan])
    assert not leaves_no_schedulable_node([gpu, closed], [plan_present(gpu, Wanted({"a": "b"}, "", {}, ()))])
