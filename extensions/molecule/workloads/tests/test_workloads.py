# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A training job runs as the layers above want it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Read = Callable[..., Any]


def test_the_job_runs_as_nobody_on_a_gpu_node(read: Read) -> None:
    """With the account of its stage, without privileges, on a node that the inventory confirms."""
    pod = read("job", "molecule", "--namespace=ml-training")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "ml-trainer"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["nodeSelector"]["node-restriction.kubernetes.io/node-type"] == "gpu"
    assert [item["resources"]["limits"]["nvidia.com/gpu"] for item in pod["containers"]] == ["1"]
