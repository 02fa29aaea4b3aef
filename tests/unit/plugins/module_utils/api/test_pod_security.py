# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which of the server's remarks on Pod Security a user reads."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.pod_security import remarks
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import ObjectResult, Outcome

BEYOND = 'would violate PodSecurity "restricted:latest": restricted volume types'


def namespace(name: str, level: str) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": level}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def daemon_set(where: str) -> dict[str, Any]:
    metadata = {"name": "agent", "namespace": where}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": {}}


@pytest.mark.parametrize(
    ("bodies", "told"),
    [
        ([namespace("falco", "privileged"), daemon_set("falco")], False),
        ([namespace("falco", "baseline"), daemon_set("falco")], True),
        ([namespace("falco", "privileged"), daemon_set("falco"), daemon_set("other")], True),
        ([daemon_set("falco")], True),
    ],
)
def test_what_a_layer_runs_in_a_namespace_that_it_made_privileged_is_not_told(bodies: list[Any], told: bool) -> None:
    results = tuple(ObjectResult(manifest, "unchanged", {}, {}) for manifest in parse_manifests(bodies))
    assert remarks(Outcome(results, (BEYOND, "something else")), [], "fail") == [
        *([BEYOND] if told else []),
        "something else",
    ]
