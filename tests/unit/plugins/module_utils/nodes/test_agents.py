# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which node agents our taints drive off GPU nodes, and which of them are the network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.agents import (
    describe_agents,
    intolerant_agents,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.applied import NOTHING
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import gpu_node
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.guards import guard_agents
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.network_plugins import network_plugin
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.plan import NodePlan, Wanted, plan_present

TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
SOFT = {"key": "soft", "effect": "PreferNoSchedule"}
SKU = {"key": "sku", "value": "gpu", "effect": "NoSchedule"}
EXISTS = {"operator": "Exists"}
WANTED = Wanted({"node-type": "gpu"}, "", {}, (TAINT, SOFT))


def plan(*taints: dict[str, str], **labels: str) -> NodePlan:
    metadata = {"name": "gpu-1", "resourceVersion": "1", "labels": labels}
    return plan_present(gpu_node({"metadata": metadata, "spec": {"taints": list(taints)}}, ""), WANTED, NOTHING, "set")


def agent(name: str = "fluent-bit", *tolerations: dict[str, str], image: str = "fluent-bit:4", **spec: Any) -> Any:
    template = {"spec": {"tolerations": list(tolerations), "containers": [{"image": image}], **spec}}
    return {"metadata": {"namespace": "logging", "name": name}, "spec": {"template": template}}


def affinity(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


LINUX = {"matchExpressions": [{"key": "os", "operator": "In", "values": ["linux"]}]}
NOT_GPU = {"matchExpressions": [{"key": "node-type", "operator": "NotIn", "values": ["gpu"]}]}
NAMED = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["gpu-1"]}]}


@pytest.mark.parametrize(
    ("daemon_set", "found"),
    [
        (agent(), True),
        (agent("it", EXISTS), False),
        (agent("it", {"key": "nvidia.com/gpu", "operator": "Exists"}), False),
        (agent("it", {"key": "nvidia.com/gpu", "value": "present"}), True),
        (agent("it", {**EXISTS, "effect": "NoExecute"}), True),
        (agent(nodeSelector={"os": "linux"}), True),
        (agent(nodeSelector={"os": "windows"}), False),
        # By the label that this very run sets.
        (agent(nodeSelector={"node-type": "gpu"}), True),
        (agent(affinity=affinity(NOT_GPU)), False),
        (agent(affinity=affinity(NOT_GPU, LINUX)), True),
        (agent(affinity=affinity(NAMED)), True),
        (agent(affinity=affinity({})), False),
        (agent(affinity={"nodeAffinity": {}}), True),
        ({**agent(), "metadata": {"namespace": "a", "name": "b", "deletionTimestamp": "now"}}, False),
    ],
)
def test_what_would_run_there_and_does_not_tolerate_our_taints_is_found(daemon_set: Any, found: bool) -> None:
    assert bool(intolerant_agents([daemon_set], [plan(os="linux")], WANTED)) is found


def test_what_another_taint_keeps_off_anyway_is_none_of_ours() -> None:
    assert intolerant_agents([agent()], [plan(SKU)], WANTED) == []
    assert len(intolerant_agents([agent("it", {"key": "sku", "operator": "Exists"})], [plan(SKU)], WANTED)) == 1


def test_it_is_found_in_every_run_and_said_whether_the_taint_is_new() -> None:
    (before,), (after,) = (intolerant_agents([agent()], [plan(*taints)], WANTED) for taints in ((), (TAINT, SOFT)))
    assert (before.new, after.new) == (True, False)
    assert replace(before, new=False) == after
    assert "logging/fluent-bit" in describe_agents([after])


def spared_of_taints(nodes: str) -> Wanted:
    return replace(WANTED, spared=frozenset({nodes}))


def test_a_node_that_gets_no_taint_drives_nobody_off() -> None:
    assert intolerant_agents([agent()], [plan()], spared_of_taints("gpu-1")) == []


@pytest.mark.parametrize(
    ("image", "labels", "title"),
    [
        ("docker.io/calico/node:v3.31.0", {}, "Calico"),
        ("rancher/mirrored-calico-node:v3", {}, "Calico"),
        ("rancher/hardened-calico:v3.30", {"k8s-app": "canal"}, "Calico"),
        ("quay.io/cilium/cilium:v1.18@sha256:" + "0" * 64, {}, "Cilium"),
        ("registry.site/mirror/cloudnativelabs/kube-router:v2", {}, "kube-router"),
        ("antrea/antrea-agent-ubuntu:v2", {}, "Antrea"),
        ("weaveworks/weave-kube:2.8", {}, "Weave Net"),
        ("ours", {"app": "ovnkube-node"}, "OVN-Kubernetes"),
        ("docker.io/kindest/kindnetd:v20250512", {}, "kindnet"),
        ("ghcr.io/flannel-io/flannel:v0.27", {"app": "flannel"}, "Flannel"),
        ("ghcr.io/k8snetworkplumbingwg/multus-cni:v4", {}, "Multus"),
        ("my.registry/notcalico/node", {}, None),
        ("fluent/fluent-bit:4", {"k8s-app": "fluent-bit"}, None),
    ],
)
def test_network_plugins_are_known_by_image_or_label(image: str, labels: dict[str, str], title: str | None) -> None:
    daemon_set = agent(image=image)
    daemon_set["spec"]["template"]["metadata"] = {"labels": labels}
    found = network_plugin(daemon_set)
    assert (found.title if found else None) == title


@pytest.mark.parametrize(
    ("image", "arguments", "enforces"),
    [
        ("calico/node:v3", [], True),
        ("flannel/flannel:v0.27", [], False),
        ("602401143452.dkr.ecr/amazon-k8s-cni:v1.20", [], False),
        ("602401143452.dkr.ecr/amazon-k8s-cni:v1.20", ["--enable-network-policy=true"], True),
    ],
)
def test_not_every_plugin_enforces_policies(image: str, arguments: list[str], enforces: bool) -> None:
    daemon_set = agent(containers=[{"image": image}, {"image": "agent", "args": arguments}])
    plugin = network_plugin(daemon_set)
    assert plugin is not None
    assert plugin.does_enforce(daemon_set) is enforces


CALICO = agent("calico-node", image="calico/node:v3")


@pytest.mark.parametrize(
    ("there", "on_intolerant_network", "outcome"),
    [
        ((), "fail", "refused"),
        ((), "warn", "found"),
        ((), "ignore", "nothing"),
        # What is done cannot be refused any more.
        ((TAINT, SOFT), "fail", "found"),
    ],
)
def test_a_network_plugin_that_would_leave_is_refused_before_the_taint_is_there(
    fake_client: Any, there: Any, on_intolerant_network: str, outcome: str
) -> None:
    client = fake_client([(200, {"items": [CALICO]}, {})]).client
    plans = [plan(*there)]
    if outcome == "refused":
        with pytest.raises(HardeningError, match=r"logging/calico-node \(Calico\).*Nothing was changed") as caught:
            guard_agents(client, plans, WANTED, on_intolerant_network)
        assert caught.value.failures[0]["network_plugin"] == "Calico"
    else:
        found = guard_agents(client, plans, WANTED, on_intolerant_network)
        assert [entry.network for entry in found] == (["Calico"] if outcome == "found" else [])


def test_nobody_is_asked_where_there_is_no_taint(fake_client: Any) -> None:
    assert guard_agents(fake_client([]).client, [plan()], replace(WANTED, taints=()), "fail") == []
