# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says of GPU nodes: which they are, their taint, and what the taint keeps off them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.entries import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.findings import Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import describe_taint


def about_gpu_nodes(found: Findings, taints: Sequence[Any]) -> Iterator[Entry]:
    """Which nodes have GPUs, and whether they can have the taint."""
    gpus = found.gpus
    yield _who_they_are(found)
    if gpus.untyped:
        yield Entry(
            (f"These do not say which GPU they have: {name_some(gpus.untyped)}.",),
            "gpu_nodes_types",
            dict.fromkeys(gpus.untyped[:10], "a100"),
            known=False,
        )
    if gpus.control_plane:
        yield Entry(
            (
                f"Nodes of the control plane with GPUs are left alone: {name_some(gpus.control_plane)}.",
                "A training job that gets out of its container is there on the machine of etcd.",
            ),
            "gpu_nodes_allow_control_plane",
            True,
            known=False,
        )
    networks = [f"{one.namespace}/{one.name}" for one in found.cut_off if one.network]
    names = ", ".join(describe_taint(taint) for taint in taints)
    if gpus.only:
        yield Entry(
            (
                f"No taint: every node that takes pods has GPUs, and {names} would leave none for the others,",
                "CoreDNS among them. Take this line away once there is a node without GPUs.",
            ),
            "gpu_nodes_taints",
            [],
        )
    elif networks:
        yield Entry(
            (
                f"No taint: {name_some(networks)} does not tolerate {names}, and a GPU node without it has no network.",
                "Give it the toleration below, then take this line away.",
            ),
            "gpu_nodes_taints",
            [],
        )
    if found.running.intolerant:
        yield Entry(
            (
                f"{len(found.running.intolerant)} pods on GPU nodes do not tolerate {names}. They stay, but would not",
                f"be scheduled there again: {name_some(found.running.intolerant)}.",
            )
        )


def _who_they_are(found: Findings) -> Entry:
    gpus = found.gpus
    if gpus.selector:
        return Entry(
            (f"A label that exactly the {len(gpus.nodes)} GPU nodes have, and that no kubelet can set.",),
            "gpu_nodes_label_selector",
            gpus.selector,
        )
    if gpus.nodes:
        how = sorted({reason for node in gpus.nodes for reason in node.found_by})
        return Entry(
            (
                f"Look through these {len(gpus.nodes)}, which say themselves that they have GPUs ({', '.join(how)}).",
                "Named here, they get workloads with GPUs and the Secrets of these.",
            ),
            "gpu_nodes_names",
            [node.name for node in gpus.nodes],
        )
    return Entry(
        (
            "No node shows a GPU: neither GPU nor Node Feature Discovery, nor a device plugin, nor a DRA driver runs.",
            "Name them:",
        ),
        "gpu_nodes_names",
        ["gpu-01", "gpu-02"],
        known=False,
    )


def about_cut_off(found: Findings) -> Iterator[Entry]:
    """DaemonSets that the taint keeps off GPU nodes, with the toleration that keeps them there."""
    if "DaemonSet" in found.unread:
        yield Entry(("Not known: DaemonSets could not be read.",))
    elif not found.cut_off:
        yield Entry(("None.",))
    for one in found.cut_off:
        needed = "; ".join(", ".join(f"{key}: {value}" for key, value in each.items()) for each in one.tolerations)
        what = f" ({one.purpose})" if one.purpose else ""
        yield Entry(
            (
                f"{one.namespace}/{one.name}{what} leaves {one.nodes} GPU nodes at its next update. It needs",
                f"  {{{needed}}}:",
                f"  {one.how}.",
            )
        )
