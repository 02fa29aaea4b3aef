# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CIDRs and ports."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import (
    ip_block,
    read_address,
    read_network,
    read_ports,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry


@pytest.mark.parametrize(
    ("text", "network"),
    [("10.0.50.0/24", "10.0.50.0/24"), ("2001:db8:0::/64", "2001:db8::/64"), ("192.0.2.7/32", "192.0.2.7/32")],
)
def test_reads_a_network(text: str, network: str) -> None:
    entry = Entry("cidr", text)
    assert str(read_network(entry)) == network
    assert entry.problems == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("10.0.0.1/24", "cidr: '10.0.0.1/24' is an address in a network; the network is 10.0.0.0/24"),
        ("2001:db8::1/64", "cidr: '2001:db8::1/64' is an address in a network; the network is 2001:db8::/64"),
        ("10.0.0.1", "cidr: '10.0.0.1' has no prefix length; one address alone is 10.0.0.1/32"),
        ("10.0.0.0/33", "cidr: '10.0.0.0/33' is no CIDR, such as 10.0.50.0/24 or 2001:db8::/64"),
        ("010.0.0.0/8", "cidr: '010.0.0.0/8' is no CIDR, such as 10.0.50.0/24 or 2001:db8::/64"),
        ("lake", "cidr: 'lake' is no CIDR, such as 10.0.50.0/24 or 2001:db8::/64"),
        ("::ffff:10.0.0.0/104", "cidr: '::ffff:10.0.0.0/104' is an IPv4 network in IPv6 clothes; write it as IPv4"),
        (10, "cidr: must be a string, not 10; quote it"),
    ],
)
def test_refuses_what_is_no_network(text: object, problem: str) -> None:
    entry = Entry("cidr", text)
    assert read_network(entry) is None
    assert entry.problems == [problem]


@pytest.mark.parametrize(
    ("text", "network"), [("169.254.20.10", "169.254.20.10/32"), ("fd00:0::10", "fd00::10/128"), ("10.0.0.0/8", None)]
)
def test_an_address_is_the_network_that_holds_only_it(text: str, network: str | None) -> None:
    entry = Entry("address", text)
    read = read_address(entry)
    assert (ip_block(read) if read else None) == ({"ipBlock": {"cidr": network}} if network else None)
    assert bool(entry.problems) is (network is None)


def test_reads_ports() -> None:
    entry = Entry(
        "ports",
        [{"port": 443}, {"port": 53, "protocol": "UDP"}, {"port": "http"}, {"port": 1, "endPort": 65535}],
    )
    assert read_ports(entry) == [
        {"protocol": "TCP", "port": 443},
        {"protocol": "UDP", "port": 53},
        {"protocol": "TCP", "port": "http"},
        {"protocol": "TCP", "port": 1, "endPort": 65535},
    ]
    assert entry.problems == []


@pytest.mark.parametrize(
    ("port", "problem"),
    [
        ({"port": 0}, "ports[0].port: 0 is not between 1 and 65535"),
        ({"port": 65536}, "ports[0].port: 65536 is not between 1 and 65535"),
        ({"port": "443"}, "ports[0].port: '443' is a string; drop the quotes"),
        ({"port": "HTTP"}, "ports[0].port: 'HTTP' is no port name"),
        ({"port": True}, "ports[0].port: must be a number or the name of a container port, not true"),
        ({"port": 1, "protocol": "tcp"}, "ports[0].protocol: 'tcp' is not one of TCP, UDP, SCTP (did you mean TCP?)"),
        ({"port": 9, "endPort": 8}, "ports[0].endPort: 8 is below the first port, 9"),
        ({"port": "http", "endPort": 8}, "ports[0].endPort: a range cannot begin at a named port (http)"),
        ({"port": 1, "endPort": "8"}, "ports[0].endPort: must be a number, not '8'"),
        ({"port": 1, "end_port": 8}, "ports[0]: no key 'end_port' is known here (did you mean endPort?)"),
        ({"protocol": "TCP"}, "ports[0]: port is missing"),
        (443, "ports[0]: must be a mapping, not 443"),
    ],
)
def test_refuses_a_wrong_port(port: object, problem: str) -> None:
    entry = Entry("ports", [port])
    read_ports(entry)
    (found,) = entry.problems
    assert found.startswith(problem)


def test_no_ports_would_be_all_ports() -> None:
    entry = Entry("ports", [])
    read_ports(entry)
    assert entry.problems[0].startswith("ports: must not be empty, as that opens all ports")
