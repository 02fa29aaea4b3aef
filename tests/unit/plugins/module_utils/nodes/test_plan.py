# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is planned for a node, and who is found to be locked out by it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.applied import (
    NOTHING,
    Applied,
    read_applied,
    write_applied,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.guards import guard_schedulable
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import (
    Wanted,
    claimants,
    intolerant_pods,
    leaves_no_schedulable_node,
    plan_absent,
    plan_present,
    plan_unconfirmed,
)

SET = "applyset-abc-v1"
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
    plan = plan_present(node(taints=[FOREIGN], team="vision"), WANTED, NOTHING, SET)
    assert plan.labels == {"node-type": "gpu", "gpu-type": "t4", PART_OF: SET}
    assert plan.taints == (FOREIGN, TAINT)
    assert plan.patch()["metadata"]["resourceVersion"] == "7"


def test_a_node_that_is_as_wanted_is_left_alone() -> None:
    assert not plan_present(node(taints=[TAINT], node_type="gpu", gpu_type="t4"), WANTED, NOTHING, SET).changed


def test_a_taint_with_another_value_is_replaced_in_its_place() -> None:
    plan = plan_present(node(taints=[{**TAINT, "value": "no"}, FOREIGN]), WANTED, NOTHING, SET)
    assert plan.taints == (TAINT, FOREIGN)
    assert plan.applied.taints == {"nvidia.com/gpu:NoSchedule": ("true", "no")}


def test_a_type_given_for_a_node_wins_over_its_product() -> None:
    wanted = Wanted({}, "gpu-type", {"node-1": "l40s"}, ())
    assert plan_present(node(), wanted, NOTHING, SET).labels == {"gpu-type": "l40s", PART_OF: SET}


def hardened(taints: list[dict[str, str]] | None = None, **labels: str) -> tuple[GpuNode, Applied]:
    """A node after we set what was missing, and what we remember of that."""
    plan = plan_present(node(taints=taints, **labels), WANTED, NOTHING, SET)
    after = {**plan.node.labels, **{key: value for key, value in plan.labels.items() if value is not None}}
    new = plan.node.taints if plan.taints is None else plan.taints
    return replace(plan.node, labels=after, taints=new, owned_labels=frozenset(plan.labels)), plan.applied


@pytest.mark.parametrize(
    ("taints", "labels"),
    [
        ([], {}),
        ([FOREIGN], {"team": "vision"}),
        ([TAINT], {"node_type": "gpu", "gpu_type": "t4"}),
        ([{**TAINT, "value": "present"}, FOREIGN], {"gpu_type": "Tesla"}),
    ],
    ids=["nothing", "others", "the same", "other values"],
)
def test_giving_up_brings_back_what_was_there(taints: list[dict[str, str]], labels: dict[str, str]) -> None:
    before = node(taints=taints, **labels)
    after, applied = hardened(taints, **labels)
    plan = plan_absent(after, applied, SET)
    kept = {key: value for key, value in {**after.labels, **plan.labels}.items() if value is not None}
    assert kept == before.labels
    assert (after.taints if plan.taints is None else plan.taints) == before.taints


def test_what_somebody_else_changed_meanwhile_is_left_to_them() -> None:
    after, applied = hardened()
    theirs = replace(after, labels={**after.labels, "node-type": "theirs"}, taints=({**TAINT, "value": "theirs"},))
    plan = plan_absent(theirs, applied, SET)
    assert plan.labels == {"gpu-type": None, PART_OF: None}
    assert plan.taints is None


def test_what_is_wanted_no_more_is_given_up() -> None:
    after, applied = hardened([FOREIGN])
    plan = plan_present(after, Wanted({"pool": "gpu"}, "", {}, ()), applied, SET)
    assert plan.labels == {"node-type": None, "gpu-type": None, "pool": "gpu"}
    assert plan.taints == (FOREIGN,)


def test_what_we_remember_survives_json() -> None:
    _after, applied = hardened([{**TAINT, "value": "present"}])
    document = json.loads(json.dumps(write_applied({"node-1": applied, "node-2": NOTHING})))
    assert read_applied(document) == {"node-1": applied}
    for malformed in (None, [], {"node-1": None}, {"node-1": {"labels": [], "taints": {"a": 1}}}):
        assert not any(read_applied(malformed).values())


@pytest.mark.parametrize(("value", "found"), [("true", 0), ("false", 1)])
def test_a_pod_that_does_not_tolerate_the_new_taint_is_found(value: str, found: int) -> None:
    pods = [pod({"key": "nvidia.com/gpu", "value": value})]
    assert len(intolerant_pods(pods, {"node-1": plan_present(node(), WANTED, NOTHING, SET)})) == found


def test_pods_that_are_finished_or_static_or_elsewhere_do_not_count() -> None:
    finished = {**pod(), "status": {"phase": "Succeeded"}}
    static = pod(annotations={"kubernetes.io/config.mirror": "x"})
    elsewhere = {**pod(), "spec": {"nodeName": "node-2"}}
    assert intolerant_pods([finished, static, elsewhere], {"node-1": plan_present(node(), WANTED, NOTHING, SET)}) == []


def test_an_intolerant_pod_names_its_daemon_set() -> None:
    owned = pod(ownerReferences=[{"kind": "DaemonSet", "name": "fluent-bit"}])
    (found,) = intolerant_pods([owned], {"node-1": plan_present(node(), WANTED, NOTHING, SET)})
    assert (found.daemon_set, found.node, found.evicted) == ("fluent-bit", "node-1", False)


def test_tainting_the_last_open_node_is_noticed() -> None:
    gpu, other, closed = node(), node("node-2"), node("node-3", taints=[FOREIGN])
    plan = plan_present(gpu, WANTED, NOTHING, SET)
    assert leaves_no_schedulable_node([gpu, closed], [plan])
    assert not leaves_no_schedulable_node([gpu, other, closed], [plan])
    assert not leaves_no_schedulable_node(
        [gpu, closed], [plan_present(gpu, Wanted({"a": "b"}, "", {}, ()), NOTHING, SET)]
    )


MARK = "node-restriction.kubernetes.io/node-type"
MARKED = Wanted({"node-type": "gpu", MARK: "gpu"}, "gpu-type", {}, (TAINT,))


def confirmed(live: GpuNode) -> GpuNode:
    return replace(live, confirmed=True)


def test_a_label_that_no_node_can_give_itself_takes_more_than_what_a_node_says() -> None:
    assert MARKED.labels_of(node()) == {"node-type": "gpu", "gpu-type": "t4"}
    assert MARKED.labels_of(confirmed(node())) == {"node-type": "gpu", MARK: "gpu", "gpu-type": "t4"}


def test_so_does_the_model_in_such_a_label() -> None:
    trusted = Wanted({}, "node-restriction.kubernetes.io/model", {"node-2": "h100"}, ())
    assert trusted.labels_of(confirmed(node())) == {}
    assert trusted.labels_of(confirmed(node("node-2"))) == {"node-restriction.kubernetes.io/model": "h100"}
    assert trusted.labels_of(node("node-2")) == {}


@pytest.mark.parametrize("owned", [frozenset(), frozenset({MARK})], ids=["wiped", "known"])
def test_it_is_taken_back_whatever_the_node_says_of_who_set_it(owned: frozenset[str]) -> None:
    marked = replace(node(**{MARK: "gpu"}, node_type="gpu"), owned_labels=owned)
    applied = Applied(labels={MARK: ("gpu", None)})
    assert plan_present(marked, MARKED, applied, SET).labels[MARK] is None
    assert plan_unconfirmed(marked, applied, SET).labels == {MARK: None}


def test_nodes_that_only_claim_to_have_gpus_are_spared_a_taint_but_keep_one_that_they_have() -> None:
    one, other, sure = node(), node("node-2", taints=[TAINT]), confirmed(node("node-3"))
    plans = [plan_present(live, MARKED, NOTHING, SET) for live in (one, other, sure)]
    assert claimants(plans) == {"node-1"}
    spared = replace(MARKED, spared=frozenset({"node-1", "node-2"}))
    assert plan_present(one, spared, NOTHING, SET).taints is None
    assert (
        plan_present(other, spared, Applied(taints={"nvidia.com/gpu:NoSchedule": ("true", None)}), SET).taints is None
    )


def test_the_guard_says_that_others_are_cordoned_not_that_there_are_none() -> None:
    gpu, cordoned = confirmed(node()), replace(node("node-2"), schedulable=False)
    with pytest.raises(HardeningError, match="of 2 nodes, no other is ready and open to them"):
        guard_schedulable([gpu, cordoned], [plan_present(gpu, WANTED, NOTHING, SET)])
