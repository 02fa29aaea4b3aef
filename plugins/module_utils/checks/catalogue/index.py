# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue import (
    accounts,
    admission,
    components,
    exposure,
    gpu_operator,
    gpu_use,
    host_access,
    images,
    layers,
    namespaces,
    network,
    nodes,
    pods,
    proof,
    rights,
    secrets,
    watching,
    ways_in,
)

CHECKS = (
    *namespaces.CHECKS,
    *host_access.CHECKS,
    *pods.CHECKS,
    *gpu_use.CHECKS,
    *rights.CHECKS,
    *ways_in.CHECKS,
    *accounts.CHECKS,
    *network.CHECKS,
    *exposure.CHECKS,
    *nodes.CHECKS,
    *images.CHECKS,
    *secrets.CHECKS,
    *admission.CHECKS,
    *components.CHECKS,
    *gpu_operator.CHECKS,
    *watching.CHECKS,
    *layers.CHECKS,
    *proof.CHECKS,
)
"""In the order of a report."""
