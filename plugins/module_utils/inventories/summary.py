# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found out about a cluster, for programs and for people. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.findings import Findings


def facts(found: Findings) -> dict[str, Any]:
    """As the module returns it."""
    run = found.running
    return {
        "version": found.version,
        "distribution": found.distribution.name,
        "network_plugins": list(found.network.titles),
        "policies_enforced_by": list(found.network.by),
        "dns": found.dns,
        "prometheus": [{"namespace": one.namespace, "pods": dict(one.pods)} for one in found.scrapers],
        "api_audience": found.audience.value if found.audience else None,
        "gpu_nodes": [
            {"name": node.name, "gpu_type": node.gpu_type, "found_by": list(node.found_by)} for node in found.gpus.nodes
        ],
        "components": [one.facts() for one in found.components],
        "cut_off": [{**asdict(one), "tolerations": [dict(each) for each in one.tolerations]} for one in found.cut_off],
        "would_violate": [{**asdict(one), "reasons": list(one.reasons)} for one in run.violations],
        "without_label": list(run.unlabelled),
        "gpus_elsewhere": list(run.elsewhere),
        "unread": dict(found.unread),
    }


def lines(found: Findings) -> list[str]:
    """A summary."""
    run, gpus = found.running, found.gpus
    models = sorted({node.gpu_type for node in gpus.nodes if node.gpu_type})
    told = [
        f"distribution: {found.distribution.name or 'unknown'}, {found.version or 'unknown'}",
        f"network: {', '.join(found.network.titles) or 'no known plugin'}; policies are enforced by "
        f"{', '.join(found.network.by) or 'nobody that is seen'}",
        f"DNS: {_dns(found)}",
        f"Prometheus: {name_some([one.namespace for one in found.scrapers]) or 'not found'}",
        f"GPU nodes: {len(gpus.nodes)}{f' ({name_some(models)})' if models else ''}",
        f"GPU stack: {name_some([f'{one.namespace}/{one.name}' for one in found.components]) or 'none'}",
    ]
    if found.cut_off:
        told.append(f"the taint keeps off: {name_some([f'{one.namespace}/{one.name}' for one in found.cut_off])}")
    if run.violations or run.unlabelled:
        told.append(f"would be refused: {len(run.violations)}; would be cut off: {len(run.unlabelled)}")
    return told


def _dns(found: Findings) -> str:
    if found.dns is None:
        return "not found"
    labels = ",".join(f"{key}={value}" for key, value in found.dns["pods"].items())
    local = found.dns["node_local_addresses"]
    return f"{labels} in {found.dns['namespace']}" + (f", cache at {', '.join(local)}" if local else "")
