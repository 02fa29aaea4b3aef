# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server refuses what the policies refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]


def test_every_policy_is_bound(read: Read) -> None:
    """A policy without a binding judges nothing."""
    policies = {item["metadata"]["name"] for item in read("validatingadmissionpolicies")["items"]}
    bound = {item["spec"]["policyName"] for item in read("validatingadmissionpolicybindings")["items"]}
    assert policies
    assert policies == bound


def test_what_the_layer_applied_is_guarded(kubectl: Read) -> None:
    """Someone who may edit policies, but is no hardener, cannot take one away."""
    made = "validatingadmissionpolicybinding/image-digests.gpu-cluster.hardening"
    done = kubectl("get", made, "--output=jsonpath={.spec.validationActions}")
    assert "Deny" in done.stdout
