# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server holds afterwards, read by its own kubectl."""

from __future__ import annotations

import json
import os
from pathlib import Path

from testinfra.host import Host

SANDBOX = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / ".sandbox"

testinfra_hosts = ["local://"]


def test_gpu_nodes_keep_other_work_away(host: Host) -> None:
    kubectl = f"{SANDBOX}/bin/kubectl --kubeconfig={SANDBOX}/kubeconfig"
    nodes = json.loads(host.check_output(f"{kubectl} get nodes --selector=node-type=gpu --output=json"))["items"]
    assert {node["metadata"]["labels"]["gpu-type"] for node in nodes} == {"a100", "h100"}
    for node in nodes:
        assert "nvidia.com/gpu" in {taint["key"] for taint in node["spec"]["taints"]}
