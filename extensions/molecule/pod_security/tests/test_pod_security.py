# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces of the stages refuse needless privileges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Read = Callable[..., Any]


@pytest.mark.parametrize(
    ("namespace", "level"), [("ml-training", "restricted"), ("ml-serving", "baseline"), ("ml-monitoring", "restricted")]
)
def test_the_server_refuses_a_privileged_pod(kubectl: Read, read: Read, namespace: str, level: str) -> None:
    """And the namespace says at which level."""
    labels = read("namespace", namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == level
    overrides = '{"spec": {"containers": [{"name": "x", "image": "x", "securityContext": {"privileged": true}}]}}'
    done = kubectl("run", "x", f"--namespace={namespace}", "--image=x", "--dry-run=server", f"--overrides={overrides}")
    assert done.rc == 1
    assert "violates PodSecurity" in done.stderr
