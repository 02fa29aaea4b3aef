# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server makes of labels. Our own reading is held against it without a server, and the server itself."""

from __future__ import annotations

BY_KUBELET = {
    "nvidia.com/gpu.present": True,
    "node-type": True,
    "feature.node.kubernetes.io/pci-10de.present": True,
    "node.kubernetes.io/instance-type": True,
    "topology.kubernetes.io/zone": True,
    "notkubernetes.io/x": True,
    "node-restriction.kubernetes.io/node-type": False,
    "site.node-restriction.kubernetes.io/node-type": False,
    "node-role.kubernetes.io/gpu": False,
    "kubernetes.io/role": False,
    "example.k8s.io/pool": False,
}
"""Whether a kubelet may give its own node a label of this key."""

LABELS = {"pool": "gpu", "size": "8", "zone": "", "example.com/a.b": "x"}
SELECTORS = {
    "pool": True,
    "!pool": False,
    "! missing": True,
    "pool=gpu": True,
    "pool == gpu": True,
    "pool!=gpu": False,
    "missing!=gpu": True,
    "zone=": True,
    "pool in (cpu, gpu)": True,
    "pool in(cpu)": False,
    "pool notin (cpu)": True,
    "missing notin (cpu)": True,
    "size>7": True,
    "size<8": False,
    "pool=gpu,size=8,example.com/a.b=x": True,
    "pool in (gpu,big), size=9": False,
}
"""Whether a selector selects an object with these labels."""
