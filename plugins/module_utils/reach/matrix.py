# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connectivity matrix: who reaches whom on which ports, and by which policies. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.cells import reaches
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.decision import Reach
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.endpoints import Endpoint, read_pods
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.groups import (
    Group,
    distinctions,
    outside_groups,
    pod_groups,
    read_addresses,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.policies import Policies, read_policies
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.ports import listed

Object = Mapping[str, Any]


def matrix(
    policies: Iterable[Object],
    pods: Iterable[Object],
    namespaces: Iterable[Object],
    nodes: Iterable[Object] = (),
    api_server: Iterable[str] = (),
    denied: bool = True,
    expected: Iterable[Object] = (),
) -> dict[str, Any]:
    """Who reaches whom in a cluster, computed from all its NetworkPolicies.

    Args:
        policies: all NetworkPolicies, as the API server gives them or as manifests.
        pods: all pods. May be an iterator: of pods that no policy tells apart only one is kept.
        namespaces: all namespaces.
        nodes: all nodes.
        api_server: the addresses behind the Service ``default/kubernetes``.
        denied: whether there are cells where nothing is reached. With hundreds of groups they are nearly all.
        expected: pods that may come, such as those of a stage in which nothing runs now; they count as none.

    Returns:
        ``groups``: ``name``, ``namespace``, ``pods`` (how many), ``labels`` (those that matter to policies; ``*`` for a
        value that none names) and ``kind`` (``pods``, ``nodes``, ``api_server``, ``internet``) each.
        ``cells``: one for every two groups of which at least one has pods: ``from``, ``to``, ``ports``, ``allowed``,
        ``egress_by`` and ``ingress_by``, see :class:`decision.Reach`. A cell of a group with itself is about two of
        its pods. A group of addresses is allowed what any of them is.

    Raises:
        HardeningError: a policy is none that an API server would accept.
    """
    return matrix_of(lay_out(policies, pods, namespaces, nodes, api_server, expected), denied)


@dataclass(frozen=True)
class Layout:
    """The ends of a cluster, and the policies between them."""

    policies: Policies
    groups: Sequence[Group]


def lay_out(
    policies: Iterable[Object],
    pods: Iterable[Object],
    namespaces: Iterable[Object],
    nodes: Iterable[Object] = (),
    api_server: Iterable[str] = (),
    expected: Iterable[Object] = (),
) -> Layout:
    """Find the groups; the parameters are those of :func:`matrix`."""
    known = list(namespaces)
    rules = read_policies(policies)
    apart = distinctions(rules)
    hosts: list[Endpoint] = []
    to_come = [pod for pod, _on_pod_network in read_pods(expected, known)]
    groups = pod_groups(_pod_network(read_pods(pods, known), hosts), apart, to_come)
    addresses = [str(address) for host in hosts for address in host.addresses]
    addresses += [entry["address"] for node in nodes for entry in _addresses(node)]
    families = {address.version for group in groups for address in group.member.addresses}
    groups += outside_groups(apart, read_addresses(addresses), read_addresses(api_server), len(hosts), families)
    return Layout(rules, groups)


def matrix_of(layout: Layout, denied: bool = True) -> dict[str, Any]:
    """The matrix of these ends, as :func:`matrix` returns it."""
    cells = (_cell(*one) for one in reaches(layout.policies, layout.groups) if denied or one[2].ports)
    return {"groups": [group.facts() for group in layout.groups], "cells": list(cells)}


def _cell(source: Group, destination: Group, found: Reach) -> dict[str, Any]:
    return {
        "from": source.name,
        "to": destination.name,
        "ports": listed(found.ports),
        "allowed": bool(found.ports),
        "egress_by": list(found.egress_by),
        "ingress_by": list(found.ingress_by),
    }


def _pod_network(pods: Iterable[tuple[Endpoint, bool]], hosts: list[Endpoint]) -> Iterator[Endpoint]:
    for pod, on_pod_network in pods:
        if on_pod_network:
            yield pod
        else:
            hosts.append(pod)


def _addresses(node: Object) -> list[Mapping[str, str]]:
    found = (node.get("status") or {}).get("addresses") or ()
    return [entry for entry in found if entry["type"] in ("InternalIP", "ExternalIP")]
