#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that runs a Kubernetes control plane with simulated nodes on this machine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sandbox
short_description: Run a real Kubernetes control plane with simulated GPU nodes on this machine
version_added: 0.1.0
description:
  - Starts etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok, all from one binary, which it builds
    from Go sources once and keeps in the user's cache folder.
  - Nodes are simulated by kwok. Pods that are scheduled on them become Running without running anything.
  - Everything else is in O(directory). All ports are on the loopback address, with TLS and RBAC.
  - Linux only.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  state:
    description:
      - V(built) only builds the binary.
      - V(started) starts what does not run, and leaves alone what does. Nodes are created or deleted as needed.
      - V(stopped) ends the processes that it started. The data stay.
      - V(absent) also deletes what it made in O(directory).
    type: str
    choices: [built, started, stopped, absent]
    default: started
  directory:
    description: Where the sandbox is kept. Two sandboxes in two directories do not disturb each other.
    type: path
    required: true
  sources:
    description: Folder with C(go.mod), C(go.sum) and C(main.go) of the binary. Needed to build and to start.
    type: path
  gpu_nodes:
    description: Groups of GPU nodes, labelled as GPU Feature Discovery labels real ones.
    type: list
    elements: dict
    default: []
    suboptions:
      prefix:
        description: Nodes are named with this and a number, from 0.
        type: str
        required: true
      count:
        description: How many.
        type: int
        required: true
      product:
        description: Value of the label C(nvidia.com/gpu.product).
        type: str
        required: true
      memory:
        description: Memory of a GPU in MiB, label C(nvidia.com/gpu.memory).
        type: int
        default: 81920
      gpus:
        description: GPUs of a node, allocatable as C(nvidia.com/gpu).
        type: int
        default: 8
      family:
        description: Architecture, label C(nvidia.com/gpu.family).
        type: str
      compute:
        description: Compute capability, such as V(8.0).
        type: str
      machine:
        description: Machine type, label C(nvidia.com/gpu.machine).
        type: str
  cpu_nodes:
    description: Number of nodes without GPUs.
    type: int
    default: 0
  control_plane_nodes:
    description: Number of control-plane nodes, labelled and tainted as kubeadm does.
    type: int
    default: 0
  timeout:
    description: Seconds until everything must be healthy and every node Ready. Building is not counted.
    type: int
    default: 300
attributes:
  check_mode:
    description: Says which components and how many nodes would change, and changes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: N/A
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Start a cluster of eight GPU nodes
  gpu_cluster.hardening.sandbox:
    directory: "{{ playbook_dir }}/.sandbox"
    sources: "{{ playbook_dir }}/control-plane"
    gpu_nodes:
      - {prefix: gpu-a100, count: 8, product: NVIDIA-A100-SXM4-80GB}
    control_plane_nodes: 1

- name: Stop it and delete its files
  gpu_cluster.hardening.sandbox:
    directory: "{{ playbook_dir }}/.sandbox"
    state: absent
"""

RETURN = r"""
binary:
  description: The control plane binary.
  returned: when O(state) is V(built) or V(started)
  type: str
  sample: /home/jane/.cache/gpu_cluster.hardening/control-plane/3f6c/control-plane
build_needed:
  description: Whether the binary had to be built, or in check mode has to be.
  returned: when O(state=built)
  type: bool
  sample: false
kubeconfig:
  description: Kubeconfig of the cluster's administrator.
  returned: when O(state) is V(started)
  type: str
  sample: /home/jane/hardening/.sandbox/kubeconfig
kubectl:
  description: A kubectl of the cluster's version.
  returned: when O(state) is V(started)
  type: str
  sample: /home/jane/hardening/.sandbox/bin/kubectl
components:
  description: Components that were started or stopped.
  returned: when O(state) is V(started), V(stopped) or V(absent)
  type: list
  elements: str
  sample: [kube-scheduler]
nodes:
  description: How many nodes were created and deleted, and how many were left alone.
  returned: when O(state) is V(started)
  type: dict
  sample: {created: 11, deleted: 0, unchanged: 0}
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.build import plan_build
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import build
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.lifecycle import start, tear_down
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.nodes import (
    control_plane_group,
    cpu_group,
    gpu_group,
    make_nodes,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import SandboxPaths

GPU_GROUP_SPEC = {
    "prefix": {"type": "str", "required": True},
    "count": {"type": "int", "required": True},
    "product": {"type": "str", "required": True},
    "memory": {"type": "int", "default": 81920},
    "gpus": {"type": "int", "default": 8},
    "family": {"type": "str"},
    "compute": {"type": "str"},
    "machine": {"type": "str"},
}
ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["built", "started", "stopped", "absent"], "default": "started"},
    "directory": {"type": "path", "required": True},
    "sources": {"type": "path"},
    "gpu_nodes": {"type": "list", "elements": "dict", "default": [], "options": GPU_GROUP_SPEC},
    "cpu_nodes": {"type": "int", "default": 0},
    "control_plane_nodes": {"type": "int", "default": 0},
    "timeout": {"type": "int", "default": 300},
}


def run(call: Call) -> dict[str, Any]:
    """Bring the sandbox into the state that the module's parameters say."""
    params = call.params
    paths = SandboxPaths(Path(params["directory"]).absolute())
    if params["state"] in ("stopped", "absent"):
        return tear_down(paths, params["state"] == "absent", call.check_mode)
    plan = plan_build(Path(params["sources"]), os.environ)
    if params["state"] == "built":
        changed = not plan.is_built if call.check_mode else build(plan, paths.build_log)
        return {"changed": changed, "binary": str(plan.binary), "build_needed": changed}
    groups = [
        *(gpu_group(group) for group in params["gpu_nodes"]),
        cpu_group(params["cpu_nodes"]),
        control_plane_group(params["control_plane_nodes"]),
    ]
    return start(paths, plan, make_nodes(groups, datetime.now(UTC)), params["timeout"], call.check_mode)


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    try:
        return run(call), []
    except PermissionError as error:
        raise HardeningError(
            f"{error.filename} belongs to somebody else: {error.strerror}. Set sandbox_directory to a folder of your "
            "own, or use a checkout of your own."
        ) from None


DOOR = Door(
    ARGUMENT_SPEC,
    work,
    rules={"required_if": [("state", "built", ["sources"]), ("state", "started", ["sources"])]},
)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
