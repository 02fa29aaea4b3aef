# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found out about a cluster. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import Found
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.api_audience import Audience
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.distribution import Distribution
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.gpu_nodes import GpuNodes
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.node_agents import CutOff
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.prometheus import Scraper
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.running import Running
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.enforcement import Enforcement


@dataclass(frozen=True)
class Findings:
    """All of it.

    Attributes:
        version: of the API server; empty where it is not known.
        network: which plugins there are, and who enforces policies.
        dns: the value of ``gpu_cluster_dns``; None where it was not found.
        scrapers: who scrapes, the likeliest first.
        rule_labels: what rules must have to be read.
        audience: of tokens of the API server; None where it was not found.
        gpus: the GPU nodes.
        sockets: of the container runtimes.
        components: who provides the GPU stack already.
        cut_off: DaemonSets that the taint keeps off GPU nodes.
        running: what runs already.
        unread: by kind, why nothing is known of it.
    """

    version: str
    distribution: Distribution
    network: Enforcement
    dns: Mapping[str, Any] | None
    scrapers: tuple[Scraper, ...]
    rule_labels: Mapping[str, str]
    audience: Audience | None
    gpus: GpuNodes
    sockets: tuple[str, ...]
    components: tuple[Found, ...]
    cut_off: tuple[CutOff, ...]
    running: Running
    unread: Mapping[str, str]
