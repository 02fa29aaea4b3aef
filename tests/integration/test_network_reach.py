# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom, held against kube-network-policies, the reference implementation of Kubernetes SIG Network."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.decision import decide
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.endpoints import (
    Endpoint,
    outside,
    read_pods,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.matrix import matrix
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.policies import read_policies
from random_clusters import Json, cluster
from server_programs import server_program

CLUSTERS = 2000


def verdicts(clusters: Sequence[Json]) -> list[list[bool]]:
    """What the reference says of the connections of each cluster."""
    done = subprocess.run(
        [str(server_program("network-policies"))],
        input="".join(f"{json.dumps(one)}\n" for one in clusters),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def endpoints(given: Json) -> dict[str, Endpoint]:
    """By address, the pod that has it, as one with this address alone; not those on the network of their node."""
    pods = [pod for pod, on_pod_network in read_pods(given["pods"], given["namespaces"]) if on_pod_network]
    return {str(address): replace(pod, addresses=(address,)) for pod in pods for address in pod.addresses}


def test_decisions_are_those_of_the_reference_implementation() -> None:
    clusters = [cluster(number) for number in range(CLUSTERS)]

    wrong = []
    seen = {True: 0, False: 0}
    for number, (given, expected) in enumerate(zip(clusters, verdicts(clusters), strict=True)):
        policies, known = read_policies(given["policies"]), endpoints(given)
        for connection, allowed in zip(given["connections"], expected, strict=True):
            source, destination = (known.get(connection[end]) or outside(connection[end]) for end in ("from", "to"))
            decision = decide(policies, source, destination, connection["port"], connection["protocol"])
            seen[allowed] += 1
            if decision.allowed != allowed:
                wrong.append(f"cluster {number}: {decision.reason}, and the reference says {allowed}")
    assert wrong == []
    assert min(seen.values()) > CLUSTERS, f"hardly anything was decided: {seen}"


def test_matrix_says_what_the_reference_implementation_says() -> None:
    """Where each namespace has one pod, a namespace is a group."""
    clusters = [one_pod_a_namespace(number) for number in range(1, CLUSTERS // 4, 2)]

    wrong = []
    for given, expected in zip(clusters, verdicts(clusters), strict=True):
        table = matrix(given["policies"], given["pods"], given["namespaces"])
        cells = {(name_space(table, cell["from"]), name_space(table, cell["to"])): cell for cell in table["cells"]}
        reached: dict[tuple[str, str, int, str], bool] = {}
        for connection, allowed in zip(given["connections"], expected, strict=True):
            key = (connection["source"], connection["destination"], connection["port"], connection["protocol"])
            reached[key] = reached.get(key, False) or allowed
        for (source, destination, port, protocol), allowed in reached.items():
            if has_port(cells[source, destination], port, protocol) != allowed:
                wrong.append((source, destination, port, protocol, allowed, given["policies"]))
    assert wrong == []


def one_pod_a_namespace(number: int) -> Json:
    """A random cluster without pods on the host network, and connections of all its pods, by every family."""
    given = cluster(number)
    for pod in given["pods"]:
        pod["spec"]["hostNetwork"] = False
    given["connections"] = [
        {
            "source": source["metadata"]["namespace"],
            "destination": destination["metadata"]["namespace"],
            "from": origin["ip"],
            "to": target["ip"],
            "port": port,
            "protocol": protocol,
        }
        for source in given["pods"]
        for destination in given["pods"]
        if source is not destination
        for origin in source["status"]["podIPs"]
        for target in destination["status"]["podIPs"]
        if ipaddress.ip_address(origin["ip"]).version == ipaddress.ip_address(target["ip"]).version
        for port in (53, 80, 8080, 8081, 9090, 13080)
        for protocol in ("TCP", "UDP", "SCTP")
    ]
    return given


def name_space(table: Json, group: str) -> str:
    found = {one["name"]: one["namespace"] for one in table["groups"]}[group]
    return str(found or group)


def has_port(cell: Json, port: int, protocol: str) -> bool:
    return any(
        entry["protocol"] == protocol
        and (entry["port"] == "*" or entry["port"] <= port <= (entry["end_port"] or entry["port"]))
        for entry in cell["ports"]
    )
