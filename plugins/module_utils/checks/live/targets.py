# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod of a stage tries to reach: a pod of each group where it listens, and the API server. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.groups import Group

Json = Mapping[str, Any]
PORTS = 3
"""Of one group."""
MOST = 500
"""Of one pod; what came of them has to fit into a termination message, which ends after 4 kB."""


@dataclass(frozen=True)
class Target:
    """One connection by TCP.

    Attributes:
        source: name of the group of the pod that tries it.
        destination: name of the group that it is about.
        allowed: whether the policies let it through.
    """

    source: str
    destination: str
    address: str
    port: int
    allowed: bool


def source_group(stage: Json, groups: Sequence[Group]) -> Group | None:
    """The group that the pods of a stage are in. None where policies tell its pods apart by more than its labels."""
    own = stage["pods"].items()
    there = [group for group in groups if group.kind == "pods" and group.member.namespace == stage["namespace"]]
    return next((group for group in there if group.labels.items() <= own), None)


def targets(
    source: Group, groups: Sequence[Group], cells: Iterable[Json], pods: Iterable[Json], api_port: int
) -> list[Target]:
    """What is tried.

    Args:
        source: the group of the pod that tries it.
        groups: all groups.
        cells: of the matrix.
        pods: all pods, as the API has them: where their containers listen.
        api_port: where the API server listens.
    """
    listening: dict[str, set[int]] = {}
    for address, ports in (entry for pod in pods for entry in _listening(pod)):
        listening.setdefault(address, set()).update(ports)  # one that ended may still have another's address
    of_source = {cell["to"]: cell for cell in cells if cell["from"] == source.name}
    found = [
        Target(source.name, group.name, address, port, _allows(of_source.get(group.name), port))
        for group in groups
        for address, ports in _ends(group, listening, api_port)
        for port in sorted(ports)[:PORTS]
    ]
    return found[:MOST]


def _ends(
    group: Group, listening: Mapping[str, Collection[int]], api_port: int
) -> Iterator[tuple[str, Collection[int]]]:
    """One address of a group, where it is known that somebody answers, if only to say that nobody listens."""
    addresses = [str(address) for address in group.member.addresses]
    if group.kind == "api_server" and addresses:
        yield addresses[0], (api_port,)
    elif group.kind == "pods" and addresses and listening.get(addresses[0]):
        yield addresses[0], listening[addresses[0]]


def _listening(pod: Json) -> Iterator[tuple[str, set[int]]]:
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    if status.get("phase") != "Running" or spec.get("hostNetwork"):
        return
    ports = {
        int(port["containerPort"])
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("protocol", "TCP") == "TCP"
    }
    for entry in status.get("podIPs") or ():
        yield str(entry["ip"]), ports


def _allows(cell: Json | None, port: int) -> bool:
    return cell is not None and any(_holds(entry, port) for entry in cell["ports"])


def _holds(entry: Json, port: int) -> bool:
    if entry["protocol"] != "TCP":
        return False
    return entry["port"] == "*" or int(entry["port"]) <= port <= int(entry["end_port"] or entry["port"])
