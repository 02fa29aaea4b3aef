# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces that Kubernetes makes for itself."""

from __future__ import annotations

SYSTEM = ("kube-system", "kube-public", "kube-node-lease")
