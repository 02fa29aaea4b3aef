# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives the sandbox's cluster exactly the simulated nodes it should have, and waits until all are Ready."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client, connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.if_there import delete_if_there
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.nodes import (
    NodePlan,
    is_ready,
    plan_nodes,
)

NODES = "/api/v1/nodes"
SHOWN_NAMES = 5
POLL_SECONDS = 1.0


def connect_to_sandbox(kubeconfig: Path) -> Client:
    """A client with the sandbox's own credentials, whatever KUBECONFIG says."""
    defaults = {name: option.get("default") for name, option in CONNECTION_OPTIONS.items()}
    return connect({**defaults, "kubeconfig": str(kubeconfig)})


def plan_against(client: Client, desired: Mapping[str, dict[str, Any]]) -> NodePlan:
    """Compare the nodes of the cluster with those that it should have."""
    return plan_nodes(_live(client), desired)


def carry_out(client: Client, plan: NodePlan) -> None:
    """Delete and create nodes."""

    def delete(name: str) -> None:
        delete_if_there(client, f"{NODES}/{name}")

    def create(node: dict[str, Any]) -> None:
        try:
            client.request("POST", NODES, body=node)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                name = node["metadata"]["name"]
                raise HardeningError(
                    f"Node {name} exists and is not the sandbox's. Delete it, or choose another prefix."
                ) from error
            raise

    client.map(delete, plan.delete)
    client.map(create, plan.create)


def wait_ready(client: Client, desired: Mapping[str, dict[str, Any]], deadline: float) -> None:
    """Wait until every desired node is Ready.

    Raises:
        HardeningError: some are not in time; names a few.
    """
    while True:
        began = time.monotonic()
        ready = {node["metadata"]["name"] for node in _live(client) if is_ready(node)}
        waiting = sorted(desired.keys() - ready)
        if not waiting:
            return
        if time.monotonic() > deadline:
            names = ", ".join(waiting[:SHOWN_NAMES]) + (", ..." if len(waiting) > SHOWN_NAMES else "")
            raise HardeningError(
                f"{len(waiting)} of {len(desired)} nodes are not Ready in time: {names}. "
                "See logs/kwok.log and logs/kube-controller-manager.log, or raise timeout."
            )
        # Lists of thousands of nodes cost the server more than they tell: never spend more than half the time on them.
        time.sleep(max(POLL_SECONDS, time.monotonic() - began))


def _live(client: Client) -> Iterator[dict[str, Any]]:
    for page in client.pages(NODES):
        yield from page.get("items") or []
