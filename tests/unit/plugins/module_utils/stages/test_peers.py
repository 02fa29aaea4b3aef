# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints as peers of a NetworkPolicy."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.peers import (
    Known,
    Traffic,
    read_dns,
    read_endpoint,
    read_endpoints,
    read_rules,
)

HTTPS = [{"port": 443}]
STAGES = {"training": {"podSelector": {"matchLabels": {"app": "training-job"}}}}


def peers(**endpoint: object) -> list[dict[str, object]]:
    """The peers of a right endpoint."""
    entry = Entry("egress[0]", {"ports": HTTPS, **endpoint})
    traffic = read_endpoint(entry, STAGES)
    assert entry.problems == []
    return traffic.peers


def test_a_network() -> None:
    assert peers(cidr="10.0.50.0/24") == [{"ipBlock": {"cidr": "10.0.50.0/24"}}]


def test_dual_stack_networks_each_with_their_own_exceptions() -> None:
    assert peers(cidrs=["10.0.0.0/16", "fd00::/48"], **{"except": ["fd00::/64", "10.0.1.0/24", "10.0.2.0/24"]}) == [
        {"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.1.0/24", "10.0.2.0/24"]}},
        {"ipBlock": {"cidr": "fd00::/48", "except": ["fd00::/64"]}},
    ]


def test_a_namespace_is_meant_by_the_label_that_nobody_can_forge() -> None:
    selector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "api-gateway"}}}
    assert peers(namespace="api-gateway") == [selector]
    assert peers(namespace="api-gateway", pods={"app": "gateway"}) == [
        {**selector, "podSelector": {"matchLabels": {"app": "gateway"}}}
    ]


def test_namespaces_by_label_and_pods_beside_and_another_stage() -> None:
    assert peers(namespace_labels={"team": "ml"}) == [{"namespaceSelector": {"matchLabels": {"team": "ml"}}}]
    assert peers(pods={"app": "cache"}) == [{"podSelector": {"matchLabels": {"app": "cache"}}}]
    assert peers(stage="training") == [STAGES["training"]]


def test_the_internet_has_to_be_named() -> None:
    assert peers(cidr="0.0.0.0/0", internet=True, **{"except": ["10.0.0.0/8"]}) == [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}
    ]


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ({"ports": HTTPS}, "it allows everybody; give one of"),
        ({"cidr": "", "ports": HTTPS}, "it allows everybody; give one of"),
        ({"cidr": "10.0.0.0/8"}, "ports is missing"),
        ({"cidr": "10.0.0.0/8", "ports": []}, ".ports: must not be empty"),
        ({"cidr": "10.0.0.0/8", "namespace": "a", "ports": HTTPS}, "cidr and namespace exclude each other"),
        ({"cidr": "10.0.0.0/8", "pods": {"a": "b"}, "ports": HTTPS}, ".pods: does not go with cidr"),
        ({"namespace": "a", "except": ["10.0.0.0/8"], "ports": HTTPS}, ".except: does not go with namespace"),
        ({"namespace": "A", "ports": HTTPS}, ".namespace: namespace 'A' must be"),
        ({"stage": "trainign", "ports": HTTPS}, '.stage: no stage "trainign" (did you mean training?)'),
        ({"cidr": "0.0.0.0/0", "ports": HTTPS}, ".cidr: 0.0.0.0/0 is the whole internet"),
        ({"cidrs": ["10.0.0.0/8", "::/0"], "ports": HTTPS}, ".cidrs[1]: ::/0 is the whole internet"),
        (
            {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"], "ports": HTTPS},
            ".except[0]: 11.0.0.0/16 is not a part of 10.0.0.0/8",
        ),
        (
            {"cidr": "10.0.0.0/8", "except": ["fd00::/64"], "ports": HTTPS},
            ".except[0]: fd00::/64 is not a part of 10.0.0.0/8",
        ),
        (
            {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"], "ports": HTTPS},
            ".except[0]: 10.0.0.0/8 is not a part of 10.0.0.0/8",
        ),
        (
            {"cdir": "10.0.0.0/8", "ports": HTTPS, "pods": {"a": "b"}},
            "no key 'cdir' is known here (did you mean cidr?)",
        ),
        ("10.0.0.0/8", "must be a mapping, not '10.0.0.0/8'"),
    ],
)
def test_refuses_a_wrong_endpoint(endpoint: object, problem: str) -> None:
    entry = Entry("egress[0]", endpoint)
    read_endpoint(entry, STAGES)
    (found,) = entry.problems
    assert found.removeprefix("egress[0]").removeprefix(": ").startswith(problem)


def test_dns_is_the_cluster_s_own_and_a_cache_on_the_nodes() -> None:
    ports = [{"port": 5353, "protocol": "UDP"}]
    dns = {"namespace": "openshift-dns", "pods": {"dns": "default"}, "ports": ports}
    entry = Entry("dns", {**dns, "node_local_addresses": ["169.254.20.10", "fd00::10"]})
    pods, cache = read_dns(entry)

    assert entry.problems == []
    assert pods.peers == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}},
            "podSelector": {"matchLabels": {"dns": "default"}},
        }
    ]
    assert pods.ports == [{"protocol": "UDP", "port": 5353}]
    assert cache.peers == [{"ipBlock": {"cidr": "169.254.20.10/32"}}, {"ipBlock": {"cidr": "fd00::10/128"}}]
    assert cache.ports == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


def test_dns_is_never_every_pod_of_a_namespace() -> None:
    entry = Entry("dns", {"namespace": "kube-system", "pods": {}, "ports": [{"port": 53}]})
    read_dns(entry)
    assert entry.problems == ["dns.pods: must not be empty, as that allows every pod of the namespace"]


def test_an_endpoint_cannot_take_the_name_of_the_dns() -> None:
    entry = Entry("endpoints", {"dns": {"cidr": "10.0.0.0/8", "ports": HTTPS}})
    read_endpoints(entry, STAGES)
    assert entry.problems == ["endpoints.dns: this name stands for the cluster's DNS; choose another one"]


@pytest.mark.parametrize(
    ("direction", "entries", "problem"),
    [
        ("to", ["data_lak"], '[0]: no endpoint "data_lak" (did you mean data_lake?)'),
        ("to", ["xyz"], '[0]: no endpoint "xyz" (known: data_lake, dns)'),
        ("to", ["dns", "dns"], "[1]: is there twice"),
        ("from", ["dns"], "[0]: DNS is a matter of egress"),
        (
            "to",
            [{"cidr": "10.0.0.0/8", "ports": [{"port": "http"}]}],
            "[0]: port http is the name of a container port, which a CIDR does not have",
        ),
    ],
)
def test_refuses_wrong_entries(direction: str, entries: list[object], problem: str) -> None:
    entry = Entry("entries", entries)
    read_rules(entry, direction, Known(STAGES, {"data_lake": Traffic([{"ipBlock": {}}], [])}, []))
    assert entry.problems == [f"entries{problem}"]
