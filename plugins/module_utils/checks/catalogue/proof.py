# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was tried, what programs are too old, and waivers that are over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place, Remedy

OBJECTS, ACCOUNTS, LIVE = "probes of objects", "probes of accounts", "live connections"
"""Sorts of probes, as if they were kinds: without them nothing is known."""


def _failed(sort: str) -> Callable[[Cluster], Iterator[Finding]]:
    def find(cluster: Cluster) -> Iterator[Finding]:
        for probe in cluster.probes or ():
            if sort_of(probe) == sort and probe["expected"] == "refused" and probe["got"] == "allowed":
                place = Place(**probe["object"]) if probe["object"] else None
                text = f"{probe['what']}: it should be refused, and is allowed."
                yield Finding(text, place, probe["what"])

    return find


def broken(cluster: Cluster) -> Iterator[Finding]:
    """What should work and is refused: the probes beside it prove nothing then."""
    for probe in cluster.probes or ():
        if probe["expected"] == "allowed" and probe["got"] == "refused":
            place = Place(**probe["object"]) if probe["object"] else None
            text = f"{probe['what']}: it should be allowed, and is refused ({probe['message']})."
            yield Finding(text, place, probe["what"])


def sort_of(probe: Mapping[str, Any]) -> str:
    """Which sort of probe it is: accounts are asked about, objects and connections are tried."""
    return {"account": ACCOUNTS, "connection": LIVE}.get(probe["what"].partition(" ")[0], OBJECTS)


def below_floor(cluster: Cluster) -> Iterator[Finding]:
    """Programs with known holes, as ``floors`` judges them."""
    for entry in cluster.floors or ():
        if entry["ok"] is False:
            names = ", ".join(entry["cves"][:5])
            text = f"{entry['product']} {entry['found']} at {entry['where']} is older than {entry['floor']}" + (
                f" ({names})." if names else "."
            )
            yield Finding(text, None, f"{entry['product']} at {entry['where']}", entry["found"])


def expired(cluster: Cluster) -> Iterator[Finding]:
    """Waivers that are over."""
    for waiver in cluster.waivers:
        if waiver.is_over(cluster.today):
            text = f"The waiver of {waiver.id} by {waiver.owner} ended on {waiver.expires}: {waiver.reason}"
            yield Finding(text, None, f"waiver {waiver.id} {waiver.scope}", waiver.expires)


def _tried(sort: str, otherwise: str = "Nothing was tried.") -> Condition:
    return Condition(
        lambda cluster: sort in cluster.unproven or any(sort_of(probe) == sort for probe in cluster.probes or ()),
        otherwise,
    )


_FLOORS = Condition(lambda cluster: bool(cluster.floors), "No versions were judged.")
CHECKS = (
    Check(
        "GPU-PROOF-001",
        "What must be refused is refused",
        "admission_policies",
        "high",
        "A pod that breaks out, or takes GPUs past the scheduler, was tried on this cluster and would run.",
        Remedy("Run the layer that should refuse it.", "admission_policies", "gpu_cluster_profile"),
        _failed(OBJECTS),
        (OBJECTS,),
        _tried(OBJECTS),
        {"cis": ("5.2.1",), "aisvs": ("4.7.5",)},
    ),
    Check(
        "GPU-PROOF-002",
        "Accounts of stages may not do what they must not",
        "rbac",
        "high",
        "The API server itself says that code in a pod of the stage could do this.",
        Remedy("Run the role rbac, and look for other bindings.", "rbac", "rbac_stages"),
        _failed(ACCOUNTS),
        (ACCOUNTS,),
        _tried(ACCOUNTS),
    ),
    Check(
        "GPU-PROOF-003",
        "What a stage needs is allowed",
        "admission_policies",
        "medium",
        "If an honest pod is refused as well, the refusals above prove nothing, and people will ask for exemptions.",
        Remedy("Look at what refuses it.", "admission_policies", "admission_policies_exemptions"),
        broken,
        (OBJECTS,),
        _tried(OBJECTS),
    ),
    Check(
        "GPU-PROOF-004",
        "No program of NVIDIA has a known hole",
        "device_plugin",
        "critical",
        "Holes of the container toolkit and the driver lead from a pod to the node.",
        Remedy("Upgrade it; docs/floors.md has the versions."),
        below_floor,
        ("Pod", "Node"),
        _FLOORS,
        {"aisvs": ("4.7.5",)},
    ),
    Check(
        "GPU-PROOF-005",
        "No waiver is over",
        "waivers",
        "medium",
        "What was accepted for a time has become permanent, and nobody decided that.",
        Remedy("Decide anew, and give it another date.", None, "verify_waivers"),
        expired,
    ),
    Check(
        "GPU-PROOF-006",
        "No pod reaches what the policies keep from it",
        "network_policies",
        "critical",
        "A pod of the stage connected all the same: whoever should enforce the policies does not.",
        Remedy(
            "Look at the network plugin of the node; docs/verify.md says how it was tried.", None, "verify_live_image"
        ),
        _failed(LIVE),
        (LIVE,),
        _tried(LIVE, "No connection was tried; verify_live_image is not set."),
        {"cis": ("5.3.1",)},
    ),
)
