# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall of a machine: which rules come of which settings, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.firewall import plan
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.places import FIREWALL_RULES

FACTS = {"nft": "/usr/sbin/nft", "ssh_ports": [22], "control_plane": False}
KUBELET = {"name": "kubelet", "ports": ["10250"], "from": ["nodes"]}
NODES = {"nodes": ["10.0.0.0/16"], "pods": []}


def rules(services: list[dict[str, Any]], networks: dict[str, list[str]] | None = None, **facts: Any) -> list[str]:
    """The lines of the chain that are about services."""
    made = plan({**FACTS, **facts}, {"networks": networks or NODES, "services": services})
    (text,) = (file.content for file in made.files if file.path == FIREWALL_RULES)
    return [line.strip() for line in text.splitlines() if "dport" in line]


def refusal(services: list[dict[str, Any]], networks: dict[str, list[str]] | None = None, **facts: Any) -> str:
    with pytest.raises(HardeningError) as caught:
        rules(services, networks or NODES, **facts)
    return caught.value.message


def test_port_is_open_to_its_networks_and_to_nobody_else() -> None:
    assert rules([KUBELET]) == [
        "tcp dport { 10250 } ip saddr @nodes_4 accept",
        'tcp dport { 10250 } counter drop comment "kubelet"',
    ]


def test_port_without_networks_is_open_to_this_machine_alone() -> None:
    assert rules([{"name": "dcgm", "ports": ["5555", "16000-16003"]}]) == [
        'tcp dport { 5555, 16000-16003 } counter drop comment "dcgm"'
    ]


def test_networks_of_both_families_are_let_in() -> None:
    made = rules([KUBELET], {"nodes": ["10.0.0.0/16", "fd00::/64"]})
    assert made[:2] == [
        "tcp dport { 10250 } ip saddr @nodes_4 accept",
        "tcp dport { 10250 } ip6 saddr @nodes_6 accept",
    ]


@pytest.mark.parametrize(("control_plane", "count"), [(True, 2), (False, 0)])
def test_ports_of_the_control_plane_are_guarded_where_it_runs(control_plane: bool, count: int) -> None:
    etcd = {"name": "etcd", "ports": ["2379-2380"], "from": ["nodes"], "control_plane": True}
    assert len(rules([etcd], control_plane=control_plane)) == count


def test_networks_that_overlap_are_one_in_a_set() -> None:
    made = plan(FACTS, {"networks": {"nodes": ["10.0.0.0/16", "10.0.4.0/24"]}, "services": [KUBELET]})
    assert "elements = { 10.0.0.0/16 }" in made.files[0].content


@pytest.mark.parametrize(
    ("service", "networks", "facts", "said"),
    [
        ({**KUBELET, "ports": ["1-1024"]}, NODES, {}, "logins by SSH come in on port 22"),
        ({**KUBELET, "ports": ["2222"]}, NODES, {"ssh_ports": [22, 2222]}, "logins by SSH come in on port 2222"),
        ({**KUBELET, "ports": ["http"]}, NODES, {}, "'http' is neither a port nor a range"),
        ({**KUBELET, "ports": ["9-8"]}, NODES, {}, "'9-8' is neither a port nor a range"),
        ({**KUBELET, "from": ["node"]}, NODES, {}, "did you mean nodes?"),
        ({**KUBELET, "protocol": "sctp"}, NODES, {}, "'sctp' is not one of tcp, udp"),
        ({**KUBELET, "name": 'a"'}, NODES, {}, "must not have a quotation mark"),
        (KUBELET, {"nodes": []}, {}, "the API server could not reach a kubelet"),
        (KUBELET, {"nodes": ["10.0.0.1/16"]}, {}, "the network is 10.0.0.0/16"),
        (KUBELET, NODES, {"nft": ""}, "Install nftables"),
    ],
)
def test_what_is_wrong_or_locks_somebody_out_is_refused(
    service: dict[str, Any], networks: dict[str, list[str]], facts: dict[str, Any], said: str
) -> None:
    assert said in refusal([service], networks, **facts)


def test_everybody_is_let_in_only_with_a_word() -> None:
    made = plan(FACTS, {"networks": {"nodes": ["0.0.0.0/0"]}, "services": [KUBELET]})
    assert made.warnings == ("host_firewall_networks lets everybody in by nodes: 0.0.0.0/0",)


def test_rules_are_judged_before_they_are_loaded() -> None:
    assert plan(FACTS, {"networks": NODES, "services": [KUBELET]}).validate == (
        ("/usr/sbin/nft", "--check", "--file", "{stage}/etc/gpu-cluster-hardening/firewall.nft"),
    )
