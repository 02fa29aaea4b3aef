# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus finds the alerts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]


def test_the_rules_are_there(read: Read) -> None:
    """In ConfigMaps, as this cluster does not serve PrometheusRules."""
    found = read("configmaps", "--all-namespaces", "--selector=applyset.kubernetes.io/part-of")["items"]
    assert any("alert:" in text for item in found for text in item["data"].values())
