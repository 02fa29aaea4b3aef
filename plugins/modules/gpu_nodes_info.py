#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that finds GPU nodes and changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_nodes_info
short_description: Find the GPU nodes of a cluster
version_added: 0.1.0
description:
  - Finds GPU nodes just as M(gpu_cluster.hardening.gpu_nodes) does, and changes nothing.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.node_selection
  - gpu_cluster.hardening.attributes.info
seealso:
  - module: gpu_cluster.hardening.gpu_nodes
"""

EXAMPLES = r"""
- name: Find all GPU nodes
  gpu_cluster.hardening.gpu_nodes_info:
  register: found

- name: Show the models
  ansible.builtin.debug:
    msg: "{{ found.nodes | map(attribute='gpu_type') | unique }}"
"""

RETURN = r"""
nodes:
  description: One entry for each GPU node.
  returned: success
  type: list
  elements: dict
  sample:
    - name: gpu-node-1
      gpu_type: a100
      product: NVIDIA-A100-SXM4-80GB
      gpus: 8
      mig: {}
      labels: {node-type: gpu}
      taints: []
      control_plane: false
      schedulable: true
      ready: true
      found_by: [gfd, nfd, allocatable]
      confirmed: false
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.report import node_facts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import (
    SELECTION_OPTIONS,
    read_nodes,
    selection,
)


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    chosen = selection(call.params)
    _everyone, selected = read_nodes(connect(call.params), "", chosen)
    return {"changed": False, "nodes": [node_facts(node) for node in selected]}, []


DOOR = Door({**SELECTION_OPTIONS, **CONNECTION_OPTIONS}, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
