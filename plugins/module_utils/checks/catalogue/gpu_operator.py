# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How NVIDIA's GPU Operator is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy, place_of

Json = Mapping[str, Any]
ENVVAR = "ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED"
_OPERATOR = Remedy("Change the ClusterPolicy of the GPU Operator.")


def _policy_specs(cluster: Cluster) -> Iterator[tuple[Json, Json]]:
    for item in cluster.of("ClusterPolicy"):
        yield item, item.get("spec") or {}


def envvar(cluster: Cluster) -> Iterator[Finding]:
    """Toolkits of the GPU Operator that obey the variable of any pod."""
    for item, spec in _policy_specs(cluster):
        toolkit = spec.get("toolkit") or {}
        value = {str(entry.get("name")): str(entry.get("value")) for entry in toolkit.get("env") or ()}.get(
            ENVVAR, "true"
        )
        if toolkit.get("enabled", True) and value.lower() != "false":
            text = f"{place_of(item)}: any pod gets the GPUs that its NVIDIA_VISIBLE_DEVICES names."
            yield Finding(text, place_of(item), f"spec.toolkit.env[{ENVVAR}]", value)


def without_cdi(cluster: Cluster) -> Iterator[Finding]:
    """GPU Operators that do not use CDI."""
    for item, spec in _policy_specs(cluster):
        if (spec.get("cdi") or {}).get("enabled") is False:
            text = f"{place_of(item)}: GPUs are named by variables and not by CDI."
            yield Finding(text, place_of(item), "spec.cdi.enabled", "false")


def engine(cluster: Cluster) -> Iterator[Finding]:
    """GPU Operators that run DCGM's host engine for the network."""
    for item, spec in _policy_specs(cluster):
        if (spec.get("dcgm") or {}).get("enabled") is True:
            text = f"{place_of(item)}: DCGM's host engine runs for itself, privileged and without a login."
            yield Finding(text, place_of(item), "spec.dcgm.enabled", "true")


_BY_OPERATOR = Condition(lambda cluster: bool(cluster.of("ClusterPolicy")), "There is no GPU Operator.")
_GPU = {"aisvs": ("4.7.5",)}
CHECKS = (
    Check(
        "GPU-CMP-010",
        "The toolkit does not obey variables of pods",
        "device_plugin",
        "critical",
        "NVIDIA_VISIBLE_DEVICES=all in an image then gives every GPU of the node, past scheduler and quota.",
        _OPERATOR,
        envvar,
        ("ClusterPolicy",),
        _BY_OPERATOR,
        _GPU,
    ),
    Check(
        "GPU-CMP-011",
        "The GPU Operator uses CDI",
        "device_plugin",
        "medium",
        "Holes of the legacy path, such as CVE-2024-0132, are not open with CDI.",
        _OPERATOR,
        without_cdi,
        ("ClusterPolicy",),
        _BY_OPERATOR,
        _GPU,
    ),
    Check(
        "GPU-CMP-012",
        "The GPU Operator runs no host engine",
        "dcgm_exporter",
        "medium",
        "Its port 5555 knows no login; the exporter has an engine of its own.",
        _OPERATOR,
        engine,
        ("ClusterPolicy",),
        _BY_OPERATOR,
    ),
)
