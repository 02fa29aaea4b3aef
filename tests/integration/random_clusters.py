# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small random clusters with NetworkPolicies, and connections in them. The same number makes the same cluster.

The words are few, so that selectors, names and blocks meet often.
"""

from __future__ import annotations

from random import Random
from typing import Any

Json = dict[str, Any]

LABELS = {"app": ("web", "db", "job"), "tier": ("front", "back")}
PORT_NAMES = ("http", "metrics", "dns")
PORTS = (53, 80, 8080, 8081, 9090)
PROTOCOLS = ("TCP", "UDP", "SCTP")
OUTSIDE = ("192.0.2.7", "192.0.2.200", "198.51.100.9", "2001:db8::9", "2001:db8:1::9")
BLOCKS: dict[str, tuple[str, ...]] = {
    "0.0.0.0/0": ("10.0.0.0/8", "192.0.2.0/24", "192.0.2.128/25"),
    "10.0.0.0/16": ("10.0.1.0/24", "10.0.2.3/32"),
    "192.0.2.0/24": ("192.0.2.128/25",),
    "198.51.100.9/32": (),
    "::/0": ("fd00::/16", "2001:db8:1::/48"),
    "fd00::/64": ("fd00::1:0/112",),
    "2001:db8::/32": ("2001:db8:1::/48",),
}


def cluster(number: int) -> Json:
    """``namespaces``, ``pods``, ``policies`` and ``connections``; every other cluster has one pod a namespace."""
    random = Random(number)
    names = [f"ns-{i}" for i in range(random.randint(2, 4))]
    namespaces = [_named(name, {"kubernetes.io/metadata.name": name, **_labels(random)}) for name in names]
    homes = names if number % 2 else [random.choice(names) for _time in range(random.randint(2, 6))]
    pods = [_pod(random, i, home) for i, home in enumerate(homes)]
    policies = [_policy(random, i, random.choice(names)) for i in range(random.randint(1, 5))]
    connections = [_connection(random, pods) for _time in range(16)]
    return {
        "namespaces": namespaces,
        "pods": pods,
        "policies": policies,
        "connections": [connection for connection in connections if connection],
    }


def _named(name: str, labels: Json, namespace: str | None = None) -> Json:
    return {"metadata": {"name": name, "labels": labels} | ({"namespace": namespace} if namespace else {})}


def _labels(random: Random) -> dict[str, str]:
    return {key: random.choice(values) for key, values in LABELS.items() if random.random() < 0.7}


def _pod(random: Random, number: int, namespace: str) -> Json:
    families = random.choice(([4], [4], [6], [4, 6]))
    addresses = {
        4: f"10.0.{random.randint(0, 2)}.{number + 1}",
        6: random.choice(("fd00::", "fd00::1:")) + f"{number + 1}",
    }
    names = random.sample(PORT_NAMES, random.randint(0, 2))
    ports = [
        {"name": name, "containerPort": random.choice(PORTS), "protocol": random.choice(PROTOCOLS)} for name in names
    ]
    return {
        **_named(f"pod-{number}", _labels(random), namespace),
        "spec": {
            "nodeName": f"node-{number}",
            "hostNetwork": random.random() < 0.1,
            "containers": [{"name": "one", "ports": ports[:1]}, {"name": "two", "ports": ports[1:]}],
        },
        "status": {"phase": "Running", "podIPs": [{"ip": addresses[family]} for family in families]},
    }


def _policy(random: Random, number: int, namespace: str) -> Json:
    spec: Json = {"podSelector": _selector(random, 0.5)}
    types = random.choice((None, ["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Ingress", "Egress"]))
    if types:
        spec["policyTypes"] = types
    for direction, side in (("ingress", "from"), ("egress", "to")):
        if random.random() < 0.75:
            spec[direction] = [_rule(random, side) for _time in range(random.randint(0, 2))]
    return {**_named(f"policy-{number}", {}, namespace), "spec": spec}


def _rule(random: Random, side: str) -> Json:
    rule: Json = {}
    if random.random() < 0.8:
        rule[side] = [_peer(random) for _time in range(random.randint(0, 3))]
    if random.random() < 0.6:
        rule["ports"] = [_port(random) for _time in range(random.randint(0, 3))]
    return rule


def _peer(random: Random) -> Json:
    kind = random.randrange(4)
    if kind == 0:
        cidr = random.choice(list(BLOCKS))
        inner = [part for part in BLOCKS[cidr] if random.random() < 0.5]
        return {"ipBlock": {"cidr": cidr} | ({"except": inner} if inner else {})}
    peer = {}
    if kind in (1, 3):
        peer["podSelector"] = _selector(random, 0.3)
    if kind in (2, 3):
        peer["namespaceSelector"] = _selector(random, 0.3)
    return peer


def _port(random: Random) -> Json:
    port: Json = {"protocol": random.choice(PROTOCOLS)} if random.random() < 0.7 else {}
    kind = random.randrange(4)
    if kind == 1:
        port["port"] = random.choice(PORT_NAMES)
    elif kind >= 2:
        port["port"] = random.choice(PORTS)
    if kind == 3:
        port["endPort"] = port["port"] + random.choice((0, 1, 5000))
    return port


def _selector(random: Random, empty: float) -> Json:
    if random.random() < empty:
        return {}
    selector: Json = {}
    if random.random() < 0.6:
        key = random.choice(list(LABELS))
        selector["matchLabels"] = {key: random.choice(LABELS[key])}
    if random.random() < 0.6:
        key = random.choice([*LABELS, "absent"])
        operator = random.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        known = LABELS.get(key, ("nothing",))
        values = {"values": random.sample(known, random.randint(1, len(known)))} if operator.endswith("In") else {}
        selector["matchExpressions"] = [{"key": key, "operator": operator, **values}]
    return selector


def _connection(random: Random, pods: list[Json]) -> Json | None:
    """Between two addresses of one family, not both of one pod; None where chance found none."""
    addresses = [(entry["ip"], pod["metadata"]["name"]) for pod in pods for entry in pod["status"]["podIPs"]]
    source, owner = random.choice(addresses)
    others = [ip for ip, name in addresses if name != owner] + list(OUTSIDE)
    same = [ip for ip in others if (":" in ip) == (":" in source)]
    ends = [source, random.choice(same)]
    random.shuffle(ends)
    return {"from": ends[0], "to": ends[1], "port": random.choice(PORTS), "protocol": random.choice(PROTOCOLS)}
