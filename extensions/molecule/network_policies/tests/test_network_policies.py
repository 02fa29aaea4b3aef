# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every stage denies all traffic but what it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Read = Callable[..., Any]
NAMESPACES = ("ml-training", "ml-serving", "ml-monitoring")


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_all_is_denied_in_both_directions(read: Read, namespace: str) -> None:
    """For every pod, by a policy that allows nothing."""
    policies = read("networkpolicies", f"--namespace={namespace}")["items"]
    denies = [
        policy["spec"]["policyTypes"]
        for policy in policies
        if not policy["spec"]["podSelector"] and not {"ingress", "egress"} & set(policy["spec"])
    ]
    assert sorted({direction for types in denies for direction in types}) == ["Egress", "Ingress"]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_names_can_be_looked_up(read: Read, namespace: str) -> None:
    """The pods of the stage reach the DNS server of the cluster, on port 53."""
    policies = read("networkpolicies", f"--namespace={namespace}")["items"]
    ports = [port for policy in policies for rule in policy["spec"].get("egress", []) for port in rule["ports"]]
    assert {"port": 53, "protocol": "UDP"} in ports
