# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves each rule by which NetworkPolicies let a connection through, one case a rule."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.decision import decide
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.endpoints import (
    Endpoint,
    outside,
    read_pods,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.policies import read_policies

Json = dict[str, Any]

NAMESPACES = [
    {"metadata": {"name": "ml", "labels": {"team": "ml"}}},
    {"metadata": {"name": "web", "labels": {"team": "web"}}},
]
PORTS = [
    {"name": "http", "containerPort": 8080},
    {"name": "dns", "containerPort": 53, "protocol": "UDP"},
]


def pod(name: str, namespace: str, *ips: str, **more: Any) -> Json:
    """More is of the spec, or ``phase``."""
    phase = more.pop("phase", "Running")
    spec = {"containers": [{"ports": PORTS}], "nodeName": f"node-of-{name}", **more}
    status = {"phase": phase, "podIPs": [{"ip": ip} for ip in ips]}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": spec,
        "status": status,
    }


def ends(*pods: Json) -> dict[str, Endpoint]:
    return {end.name.rpartition("/")[2]: end for end, _on_pod_network in read_pods(pods, NAMESPACES)}


ENDS = ends(
    pod("trainer", "ml", "10.0.0.1"),
    pod("store", "ml", "10.0.0.2"),
    pod("front", "web", "10.0.1.1"),
    pod("both", "web", "10.0.1.2", "fd00::2"),
    pod("six", "web", "fd00::3"),
    pod("waiting", "web", phase="Pending"),
    pod("on-host", "web", "192.168.0.7", hostNetwork=True),
    pod("sidecar", "web", "10.0.1.4", initContainers=[{"restartPolicy": "Always", "ports": [
        {"name": "proxy", "containerPort": 15001}]}, {"ports": [{"name": "once", "containerPort": 1}]}]),
)  # fmt: skip
ENDS |= {address: outside(address) for address in ("203.0.113.9", "203.0.113.200", "2001:db8::9")}


def policy(name: str = "one", namespace: str = "ml", **spec: Any) -> Json:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"podSelector": {}, **spec}}


def getting_in(*rules: Json, **spec: Any) -> list[Json]:
    return [policy(policyTypes=["Ingress"], ingress=list(rules), **spec)]


def going_out(*rules: Json) -> list[Json]:
    return [policy(policyTypes=["Egress"], egress=list(rules))]


def asked(policies: list[Json], source: str, destination: str, port: int | str = 8080, protocol: str = "TCP") -> bool:
    return decide(read_policies(policies), ENDS[source], ENDS[destination], port, protocol).allowed


TEAM_WEB = {"namespaceSelector": {"matchLabels": {"team": "web"}}}
APP_FRONT = {"podSelector": {"matchLabels": {"app": "front"}}}
WEB_AND_ML = {
    "matchLabels": {"team": "web"},
    "matchExpressions": [{"key": "team", "operator": "In", "values": ["ml"]}],
}
CALLED_WEB = {"matchLabels": {"kubernetes.io/metadata.name": "web"}}
OVER_SIX = [{"to": [{"ipBlock": {"cidr": "fd00::/64"}}]}]
OUTSIDE = {"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]}}


@pytest.mark.parametrize(
    ("why", "policies", "source", "destination", "allowed"),
    [
        ("nothing isolates", [], "front", "store", True),
        ("a policy isolates only the pods it selects", [policy(podSelector={"matchLabels": {"app": "store"}})], "front",
         "trainer", True),
        ("and all of them, if it selects nothing in particular", [policy()], "front", "store", False),
        ("it isolates no other namespace", [policy()], "trainer", "front", True),
        ("without types it isolates ingress", [policy()], "store", "trainer", False),
        ("and egress only where it has rules for it", [policy(egress=[{}])], "trainer", "front", True),
        ("which then count", [policy(egress=[{"to": [APP_FRONT]}])], "trainer", "front", False),
        ("no list of rules is an empty one", [policy(policyTypes=["Egress"])], "trainer", "front", False),
        ("rules of a direction that is no type do not count", [policy(policyTypes=["Egress"], ingress=[{}])], "front",
         "store", True),
        ("an empty rule lets all in", getting_in({}), "203.0.113.9", "store", True),
        ("an empty list of peers is everybody", getting_in({"from": []}), "front", "store", True),
        ("policies add up", [policy("deny"), *getting_in({})], "front", "store", True),
        ("both ends must let it through", [*getting_in({}), *[policy("out", "web", policyTypes=["Egress"])]], "front",
         "store", False),
        ("a pod selector alone is of the policy's namespace", getting_in({"from": [APP_FRONT]}), "front", "store",
         False),
        ("with a namespace selector it is of those", getting_in({"from": [{**APP_FRONT, **TEAM_WEB}]}), "front",
         "store", True),
        ("and both must select", getting_in({"from": [{**APP_FRONT, **TEAM_WEB}]}), "both", "store", False),
        ("two entries are either", getting_in({"from": [APP_FRONT, TEAM_WEB]}), "both", "store", True),
        ("an empty namespace selector is every namespace", getting_in({"from": [{"namespaceSelector": {}}]}), "front",
         "store", True),
        ("but nothing outside", getting_in({"from": [{"namespaceSelector": {}}]}), "203.0.113.9", "store", False),
        ("an empty pod selector is every pod of the namespace", getting_in({"from": [{"podSelector": {}}]}), "trainer",
         "store", True),
        ("NotIn holds without the label", getting_in({"from": [{"namespaceSelector": {"matchExpressions": [
            {"key": "none", "operator": "NotIn", "values": ["x"]}]}}]}), "front", "store", True),
        ("Exists", getting_in({"from": [{"namespaceSelector": {"matchExpressions": [
            {"key": "none", "operator": "Exists"}]}}]}), "front", "store", False),
        ("DoesNotExist", getting_in({"from": [{"namespaceSelector": {"matchExpressions": [
            {"key": "team", "operator": "DoesNotExist"}]}}]}), "front", "store", False),
        ("all requirements must hold", getting_in({"from": [{"namespaceSelector": WEB_AND_ML}]}), "front",
         "store", False),
        ("the label of a namespace's name is always there", getting_in({"from": [{"namespaceSelector": CALLED_WEB}]}),
         "front", "store", True),
        ("a block lets in what it covers", getting_in({"from": [OUTSIDE]}), "203.0.113.9", "store", True),
        ("without the excepted", getting_in({"from": [OUTSIDE]}), "203.0.113.200", "store", False),
        ("a block covers pods, too", getting_in({"from": [{"ipBlock": {"cidr": "10.0.1.0/24"}}]}), "front", "store",
         True),
        ("but none without an address", getting_in({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}), "waiting", "store",
         False),
        ("a selector selects one without an address", getting_in({"from": [TEAM_WEB]}), "waiting", "store", True),
        ("a block of the other family covers nothing", going_out({"to": [{"ipBlock": {"cidr": "::/0"}}]}), "trainer",
         "203.0.113.9", False),
        ("a pod with both families may use either", [policy(namespace="web", policyTypes=["Egress"], egress=OVER_SIX)],
         "both", "six", True),
        ("pods without a family in common never meet", [], "trainer", "six", False),
        ("a pod on its node's network is selected by nothing", [policy(namespace="web")], "front", "on-host", True),
        ("and is no pod to a rule", getting_in({"from": [TEAM_WEB]}), "on-host", "store", False),
        ("its address is the node's", getting_in({"from": [{"ipBlock": {"cidr": "192.168.0.0/24"}}]}), "on-host",
         "store", True),
        ("a pod always reaches itself", [policy(policyTypes=["Ingress", "Egress"])], "store", "store", True),
    ],
)  # fmt: skip
def test_connection(why: str, policies: list[Json], source: str, destination: str, allowed: bool) -> None:
    assert asked(policies, source, destination) is allowed, why


@pytest.mark.parametrize(
    ("ports", "port", "protocol", "allowed"),
    [
        ([], 1, "SCTP", True),
        ([{}], 1, "TCP", True),
        ([{}], 1, "UDP", False),
        ([{"protocol": "UDP"}], 1, "UDP", True),
        ([{"port": 8080}], 8080, "TCP", True),
        ([{"port": 8080}], 8080, "UDP", False),
        ([{"port": 8080}], 8081, "TCP", False),
        ([{"port": 8000, "endPort": 8080}], 8080, "TCP", True),
        ([{"port": 8000, "endPort": 8080}], 7999, "TCP", False),
        ([{"port": 8000, "endPort": 8080}], 8081, "TCP", False),
        ([{"port": 1}, {"port": 8080}], 8080, "TCP", True),
        ([{"port": "http"}], 8080, "TCP", True),
        ([{"port": "http"}], 80, "TCP", False),
        ([{"port": "dns"}], 53, "TCP", False),
        ([{"port": "dns", "protocol": "UDP"}], 53, "UDP", True),
        ([{"port": "dns", "protocol": "TCP"}], 53, "UDP", False),
        ([{"port": "none"}], 8080, "TCP", False),
        ([{"port": 8080}], "http", "TCP", True),
        ([{"port": 8080}], "none", "TCP", False),
    ],
)
def test_ports_are_those_of_the_destination(ports: list[Json], port: int | str, protocol: str, allowed: bool) -> None:
    assert asked(going_out({"ports": ports}), "trainer", "store", port, protocol) is allowed
    assert asked(getting_in({"ports": ports}), "front", "store", port, protocol) is allowed


def test_named_port_of_a_sidecar_is_one_of_the_pod_and_that_of_an_init_container_is_not() -> None:
    assert asked(going_out({"ports": [{"port": "proxy"}]}), "trainer", "sidecar", 15001)
    assert not asked(going_out({"ports": [{"port": "once"}]}), "trainer", "sidecar", 1)


def test_named_port_of_an_address_outside_is_none() -> None:
    assert not asked(going_out({"ports": [{"port": "http"}]}), "trainer", "203.0.113.9")


def test_node_always_reaches_its_own_pods_and_other_nodes_do_not() -> None:
    own, other = outside("192.168.0.1", "node-of-store"), outside("192.168.0.2", "another")
    policies = read_policies([policy()])
    assert decide(policies, own, ENDS["store"], 1).allowed
    assert not decide(policies, other, ENDS["store"], 1).allowed


def test_pod_that_was_read_twice_is_still_itself() -> None:
    again = ends(pod("store", "ml", "10.0.0.2"))["store"]
    assert decide(read_policies([policy()]), ENDS["store"], again, 8080).allowed


def test_finished_pods_have_no_network() -> None:
    assert ends(pod("done", "ml", "10.0.0.9", phase="Succeeded"), pod("broken", "ml", phase="Failed")) == {}


def test_decision_names_the_policies_that_let_it_through() -> None:
    policies = read_policies([policy("deny"), *getting_in({"ports": [{"port": 8080}]}), policy("more", ingress=[{}])])
    decision = decide(policies, ENDS["front"], ENDS["store"], 8080)
    assert (decision.egress_by, decision.ingress_by) == ((), ("ml/more", "ml/one"))
    assert decision.reason == (
        "TCP 8080 from web/front to ml/store: no policy isolates egress; ingress by ml/more, ml/one"
    )


@pytest.mark.parametrize(
    ("policies", "egress_by", "ingress_by", "reason"),
    [
        ([policy("deny")], (), ("ml/deny",), "no ingress rule of ml/deny lets it through"),
        (
            [policy("deny"), policy("out", "web", policyTypes=["Egress"])],
            ("web/out",),
            ("ml/deny",),
            "no egress rule of web/out and no ingress rule of ml/deny lets it through",
        ),
        (
            [policy("in", ingress=[{}]), policy("out", "web", policyTypes=["Egress"])],
            ("web/out",),
            (),
            "no egress rule of web/out lets it through",
        ),
    ],
)
def test_decision_names_the_policies_that_stop_it(
    policies: list[Json], egress_by: tuple[str, ...], ingress_by: tuple[str, ...], reason: str
) -> None:
    decision = decide(read_policies(policies), ENDS["front"], ENDS["store"], 8080)
    assert (decision.allowed, decision.egress_by, decision.ingress_by) == (False, egress_by, ingress_by)
    assert decision.reason == f"TCP 8080 from web/front to ml/store: {reason}"


def test_every_policy_that_cannot_be_read_is_named() -> None:
    with pytest.raises(HardeningError) as refused:
        read_policies([
            policy("a", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/33"}}]}]),
            policy("b", ingress=[{"from": [{}]}]),
        ])  # fmt: skip
    assert "ml/a: '10.0.0.0/33' does not appear to be an IPv4 or IPv6 network" in refused.value.message
    assert "ml/b: a peer has neither ipBlock nor podSelector nor namespaceSelector" in refused.value.message


def test_addresses_of_a_pod_are_those_that_it_has() -> None:
    assert ENDS["both"].addresses == (ipaddress.ip_address("10.0.1.2"), ipaddress.ip_address("fd00::2"))
