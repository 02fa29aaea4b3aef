#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that takes away everything that this collection applied to a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: layer_removal
short_description: Take away everything that this collection applied to a cluster
version_added: 0.1.0
description:
  - Makes every layer that the cluster knows the empty set, the last one first, and forgets it. No variable of the
    inventory is needed.
  - Objects that others made stay, as do namespaces, CustomResourceDefinitions and claims unless they are asked for.
    Nodes get back the labels and taints that they had before.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  names:
    description: Only these layers.
    type: list
    elements: str
    default: []
  delete_namespaces:
    description: Delete namespaces that this collection made, with everything in them.
    type: bool
    default: false
  delete_crds:
    description: Delete CustomResourceDefinitions that this collection applied, with all objects of their kinds.
    type: bool
    default: false
  delete_claims:
    description: Delete PersistentVolumeClaims that this collection made, with their data.
    type: bool
    default: false
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.layers
  - gpu_cluster.hardening.wait
  - gpu_cluster.hardening.attributes
seealso:
  - module: gpu_cluster.hardening.layer
  - module: gpu_cluster.hardening.layer_info
"""

EXAMPLES = r"""
- name: Take everything away
  gpu_cluster.hardening.layer_removal:
"""

RETURN = r"""
layers:
  description:
    - What was done to each layer, as M(gpu_cluster.hardening.layer) or M(gpu_cluster.hardening.gpu_nodes) returns it,
      with its name.
  returned: success, and failure after some layers were changed
  type: list
  elements: dict
  sample: [{name: rbac, changed: true, counts: {deleted: 12}, revision: {number: 0, new: false}}]
"""

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import WAIT_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.removal import work_removal

ARGUMENT_SPEC = {
    "names": {"type": "list", "elements": "str", "default": []},
    "delete_namespaces": {"type": "bool", "default": False},
    "delete_crds": {"type": "bool", "default": False},
    "delete_claims": {"type": "bool", "default": False},
    **LAYER_OPTIONS,
    **CONNECTION_OPTIONS,
    **WAIT_OPTIONS,
}

DOOR = Door(ARGUMENT_SPEC, work_removal)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
