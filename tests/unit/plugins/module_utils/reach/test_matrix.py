# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the matrix groups what no policy tells apart, and nothing else, and says of each two who reaches whom."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.matrix import matrix

Json = dict[str, Any]

NAMESPACES = [{"metadata": {"name": name}} for name in ("ml", "web")]
NODES = [{"status": {"addresses": [{"type": "InternalIP", "address": f"192.168.0.{i}"}]}} for i in (1, 2, 3)]
API_SERVER = ["192.168.0.1"]


def pod(number: int, namespace: str = "ml", ports: tuple[Json, ...] = (), **labels: str) -> Json:
    return {
        "metadata": {"name": f"pod-{number}", "namespace": namespace, "labels": labels},
        "spec": {"hostNetwork": labels.get("app") == "host", "containers": [{"ports": list(ports)}]},
        "status": {"phase": "Running", "podIPs": [{"ip": f"10.0.{number // 250}.{number % 250}"}]},
    }


def policy(name: str, namespace: str = "ml", **spec: Any) -> Json:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"podSelector": {}, **spec}}


def by_app(app: str) -> Json:
    return {"podSelector": {"matchLabels": {"app": app}}}


def groups(table: Json, kind: str = "pods") -> dict[str, int]:
    return {one["name"]: one["pods"] for one in table["groups"] if one["kind"] == kind}


def cell(table: Json, source: str, destination: str) -> Json:
    found = [one for one in table["cells"] if (one["from"], one["to"]) == (source, destination)]
    assert len(found) == 1
    return {key: value for key, value in found[0].items() if key not in ("from", "to")}


ALL = [{"port": "*", "end_port": None, "protocol": protocol} for protocol in ("TCP", "UDP", "SCTP")]
DENY = {"policyTypes": ["Ingress", "Egress"]}
HTTP = {"name": "http", "containerPort": 8080}
OTHER_HTTP = {"name": "http", "containerPort": 9090}


@pytest.mark.parametrize(
    ("why", "pods", "policies", "expected"),
    [
        ("no policy tells labels apart", [pod(1, app="a"), pod(2, app="b")], [], {"ml": 2}),
        ("namespaces are never one", [pod(1), pod(2, "web")], [], {"ml": 1, "web": 1}),
        ("a selector does", [pod(1, app="a", job="1"), pod(2, app="b"), pod(3, app="a", job="2")],
         [policy("one", **by_app("a"))], {"ml": 1, "ml/app=a": 2}),
        ("one that asks whether the label is there", [pod(1, app="a"), pod(2, app="b"), pod(3)],
         [policy("one", podSelector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})],
         {"ml": 1, "ml/app=*": 2}),
        ("a selector of peers does, too", [pod(1, app="a"), pod(2, app="b")],
         [policy("one", ingress=[{"from": [by_app("b")]}])], {"ml": 1, "ml/app=b": 1}),
        ("a named port, if a policy names it", [pod(1, "ml", (HTTP,)), pod(2, "ml", (OTHER_HTTP,))],
         [policy("one", ingress=[{"ports": [{"port": "http"}]}])], {"ml": 1, "ml (2)": 1}),
        ("and not otherwise", [pod(1, "ml", (HTTP,)), pod(2, "ml", (OTHER_HTTP,))],
         [policy("one", ingress=[{"ports": [{"port": "metrics"}]}])], {"ml": 2}),
        ("a block around some addresses", [pod(1), pod(2), pod(251)],
         [policy("one", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.1.0/24"}}]}])], {"ml": 2, "ml (2)": 1}),
        ("pods on the network of nodes are no group of pods", [pod(1), pod(2, app="host")], [], {"ml": 1}),
    ],
)  # fmt: skip
def test_groups(why: str, pods: list[Json], policies: list[Json], expected: dict[str, int]) -> None:
    table = matrix(policies, pods, NAMESPACES)
    assert groups(table) == expected, why


def test_pods_on_the_network_of_nodes_are_counted_there() -> None:
    table = matrix([], [pod(1), pod(2, app="host")], NAMESPACES, NODES, API_SERVER)
    assert groups(table, "nodes") == {"nodes": 1}
    assert groups(table, "api_server") == {"api_server": 0}


def test_cells_say_ports_and_policies() -> None:
    pods = [pod(1, app="a"), pod(2, "web", (HTTP,), app="b")]
    policies = [
        policy("deny", **DENY),
        policy("out", policyTypes=["Egress"], egress=[{"to": [{"namespaceSelector": {}}]}]),
        policy("in", "web", ingress=[{"ports": [{"port": "http"}, {"port": 9000, "endPort": 9009}]}]),
    ]

    table = matrix(policies, pods, NAMESPACES)

    http = [
        {"port": 8080, "end_port": None, "protocol": "TCP"},
        {"port": 9000, "end_port": 9009, "protocol": "TCP"},
    ]
    assert cell(table, "ml", "web") == {
        "ports": http,
        "allowed": True,
        "egress_by": ["ml/out"],
        "ingress_by": ["web/in"],
    }
    assert cell(table, "web", "ml") == {"ports": [], "allowed": False, "egress_by": [], "ingress_by": ["ml/deny"]}
    assert cell(table, "ml", "internet (IPv4)")["egress_by"] == ["ml/deny", "ml/out"]
    assert cell(table, "web", "internet (IPv4)") == {
        "ports": ALL,
        "allowed": True,
        "egress_by": [],
        "ingress_by": [],
    }


def test_ports_that_only_one_side_lets_through_are_stopped_by_both() -> None:
    policies = [
        policy("out", policyTypes=["Egress"], egress=[{"ports": [{"port": 1}]}]),
        policy("in", "web", ingress=[{"ports": [{"port": 2}]}]),
    ]
    table = matrix(policies, [pod(1), pod(2, "web")], NAMESPACES)
    assert cell(table, "ml", "web") == {
        "ports": [],
        "allowed": False,
        "egress_by": ["ml/out"],
        "ingress_by": ["web/in"],
    }


def test_addresses_that_policies_name_are_groups_of_their_own() -> None:
    blocks = [{"ipBlock": {"cidr": "203.0.113.0/24"}}, {"ipBlock": {"cidr": "198.51.100.0/24"}}]
    policies = [policy("out", policyTypes=["Egress"], egress=[{"to": blocks, "ports": [{"port": 443}]}])]
    table = matrix(policies, [pod(1)], NAMESPACES)
    assert list(groups(table, "internet")) == ["internet (IPv4)", "198.51.100.0/24 and 1 more"]
    assert cell(table, "ml", "198.51.100.0/24 and 1 more")["allowed"]
    assert not cell(table, "ml", "internet (IPv4)")["allowed"]


def test_node_of_the_api_server_is_no_other_node() -> None:
    """What lets pods reach the API server does not let them reach the nodes."""
    to = [{"ipBlock": {"cidr": "192.168.0.1/32"}}]
    policies = [policy("out", policyTypes=["Egress"], egress=[{"to": to, "ports": [{"port": 6443}]}])]
    table = matrix(policies, [pod(1)], NAMESPACES, NODES, API_SERVER)
    assert cell(table, "ml", "api_server")["ports"] == [{"port": 6443, "end_port": None, "protocol": "TCP"}]
    assert not cell(table, "ml", "nodes")["allowed"]


def test_there_is_no_cell_without_pods() -> None:
    table = matrix([], [pod(1)], NAMESPACES, NODES, API_SERVER)
    assert {one["to"] for one in table["cells"] if one["from"] == "nodes"} == {"ml"}


def test_thousands_of_pods_are_as_many_groups_as_policies_tell_apart() -> None:
    pods = (pod(i, "ml" if i % 2 else "web", app="ab"[i % 4 // 2], job=str(i)) for i in range(2000))
    table = matrix([policy("one", **by_app("a"))], pods, NAMESPACES)
    assert groups(table) == {"ml": 500, "ml/app=a": 500, "web": 500, "web/app=a": 500}


def test_pods_that_may_come_are_a_group_of_none_until_one_is_there() -> None:
    policies = [policy("trainers", **by_app("a"))]
    to_come = [{"metadata": {"name": "training", "namespace": "ml", "labels": {"app": "a", "team": "one"}}}]
    empty = matrix(policies, [], NAMESPACES, expected=to_come)
    assert groups(empty) == {"ml/app=a": 0}
    assert cell(empty, "ml/app=a", "ml/app=a")["allowed"] is False
    assert groups(matrix(policies, [pod(1, app="a")], NAMESPACES, expected=to_come)) == {"ml/app=a": 1}
