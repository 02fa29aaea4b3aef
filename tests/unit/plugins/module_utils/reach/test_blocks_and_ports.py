# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that all addresses are divided into regions which rules treat as one, and that ports are added up rightly."""

from __future__ import annotations

import ipaddress
from random import Random

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.blocks import (
    Block,
    covering,
    read_block,
    regions,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.ports import (
    ALL,
    Ports,
    intersection,
    listed,
    union,
)


def block(cidr: str, *excluded: str) -> Block:
    return read_block({"cidr": cidr, "except": list(excluded)})


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], [["0.0.0.0/0", "::/0"]]),
        ([[block("10.0.0.0/8")]], [["0.0.0.0/0", "::/0"], ["10.0.0.0/8"]]),
        ([[block("0.0.0.0/0", "10.0.0.0/8")]], [["0.0.0.0/0"], ["::/0", "10.0.0.0/8"]]),
        ([[block("10.0.0.0/8"), block("11.0.0.0/8")]], [["0.0.0.0/0", "::/0"], ["10.0.0.0/8", "11.0.0.0/8"]]),
        ([[block("10.0.0.0/8")], [block("11.0.0.0/8")]], [["0.0.0.0/0", "::/0"], ["10.0.0.0/8"], ["11.0.0.0/8"]]),
        ([[block("0.0.0.0/0")], [block("0.0.0.0/1"), block("128.0.0.0/1")]], [["::/0"], ["0.0.0.0/1", "128.0.0.0/1"]]),
    ],
)
def test_regions_are_what_rules_tell_apart(rules: list[list[Block]], expected: list[list[str]]) -> None:
    assert [[str(network) for network in region.networks] for region in regions(rules)] == expected


def test_every_address_is_in_the_region_of_those_that_are_treated_like_it() -> None:
    random = Random(7)
    for _time in range(200):
        cidrs = [
            f"{random.randrange(4)}.{random.randrange(2) * 128}.0.0/{random.choice((6, 7, 8, 9))}" for _time in "123"
        ]
        rules = [[read_block({"cidr": cidr})] for cidr in cidrs]
        known = {covering(rules, region.addresses[0]) for region in regions(rules)}
        for region in regions(rules):
            assert len({covering(rules, address) for address in region.addresses}) == 1
        addresses = [ipaddress.ip_address(f"{random.randrange(6)}.{random.randrange(256)}.0.1") for _time in range(30)]
        assert {covering(rules, address) for address in addresses} <= known


TCP = "TCP"


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        ({}, ALL, {}, ALL),
        ({TCP: ((1, 5),)}, {TCP: ((6, 9),)}, {}, {TCP: ((1, 9),)}),
        ({TCP: ((1, 5),)}, {TCP: ((3, 9), (20, 20))}, {TCP: ((3, 5),)}, {TCP: ((1, 9), (20, 20))}),
        ({TCP: ((80, 80),)}, {"UDP": ((80, 80),)}, {}, {TCP: ((80, 80),), "UDP": ((80, 80),)}),
        ({TCP: ((1, 100),)}, {TCP: ((5, 6), (8, 9))}, {TCP: ((5, 6), (8, 9))}, {TCP: ((1, 100),)}),
    ],
)
def test_sets_of_ports(left: Ports, right: Ports, both: Ports, either: Ports) -> None:
    assert (intersection(left, right), union([left, right])) == (both, either)


def test_ports_in_a_report() -> None:
    assert listed({"UDP": ((53, 53),), "TCP": ((1, 65535),), "SCTP": ((5, 9), (20, 20))}) == [
        {"port": "*", "end_port": None, "protocol": "TCP"},
        {"port": 53, "end_port": None, "protocol": "UDP"},
        {"port": 5, "end_port": 9, "protocol": "SCTP"},
        {"port": 20, "end_port": None, "protocol": "SCTP"},
    ]
