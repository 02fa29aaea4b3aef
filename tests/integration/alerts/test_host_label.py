# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves with promtool that alerts name the node, whichever way the DCGM exporter spells the label that has it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from alerts.cluster_series import FORMS, MINUTES, Cluster, Series, always, renamed, without

SPELLINGS: dict[str, Callable[[Series], Series]] = {
    "Hostname": dict,
    "Hostname, and a label hostname of the target": lambda found: {
        name.replace("Hostname=", 'hostname="10.0.0.9:9400", Hostname='): values for name, values in found.items()
    },
    "hostname": renamed,
    "hostname, and a label hostname of the target": lambda found: renamed(found, target_has_one=True),
    # While a DaemonSet is updated, some exporters are new and some are not.
    "both": lambda found: {
        **{name: values for name, values in found.items() if 'Hostname="gpu-1"' in name or "Hostname" not in name},
        **renamed({name: values for name, values in found.items() if 'Hostname="gpu-2"' in name}),
    },
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_healthy_cluster_raises_nothing(check: Callable[..., None], form: str, spelling: str) -> None:
    check(SPELLINGS[spelling](Cluster(form).healthy()), 60)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_node_of_what_is_wrong_is_named(check: Callable[..., None], spelling: str) -> None:
    cluster = Cluster("honored")
    pod = {"namespace": "notebooks", "pod": "xmr-0"}
    found = cluster.healthy() | cluster.pod("notebooks", "xmr-0", "default", "gpu-2")
    found |= cluster.gpu("DEV_GPU_UTIL", always(99), "gpu-2", gpu="3", **pod)
    found |= cluster.gpu("DEV_MEM_COPY_UTIL", always(1), "gpu-2", gpu="3", **pod)
    found |= cluster.gpu("DEV_FB_USED", always(79000), "gpu-2", gpu="3", **pod)
    found |= cluster.gpu("DEV_FB_FREE", always(1000), "gpu-2", gpu="3", **pod)
    found |= cluster.gpu("DEV_XID_ERRORS", f"0+0x50 79+0x{MINUTES - 51}", "gpu-2", gpu="3", **pod)
    spot = {"Hostname": "gpu-2", "gpu": "3"}
    check(
        SPELLINGS[spelling](found),
        60,
        {"alertname": "UnexpectedGPUUsage", **pod, **spot},
        {"alertname": "UnexpectedGPUAllocation", **pod, **spot},
        {"alertname": "GPUMiningPattern", **pod, **spot},
        {"alertname": "GPUMemoryExhaustion", **spot},
        {"alertname": "GPUXidErrors", **spot, "xid": "79"},
    )


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_metrics_of_a_node_prove_that_it_has_an_exporter(check: Callable[..., None], spelling: str) -> None:
    gone = without(Cluster("honored").healthy(), "dcgm-exporter-")
    metrics = {name: values for name, values in Cluster("honored").healthy().items() if "DCGM_" in name}
    check(SPELLINGS[spelling](gone | metrics), 60)
