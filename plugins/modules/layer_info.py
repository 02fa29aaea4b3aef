#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that says which layers a cluster has, and whether it still holds them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: layer_info
short_description: Which layers a cluster has, and whether it still holds them
version_added: 0.1.0
description:
  - Reads what M(gpu_cluster.hardening.layer) and M(gpu_cluster.hardening.gpu_nodes) keep in the cluster, and compares
    the current revision of each layer with what is there.
  - Where C(managedFields) do not tell whether an object is as recorded, the server is asked by dry run.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  names:
    description: Only these layers.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.layers
  - gpu_cluster.hardening.attributes.info
seealso:
  - module: gpu_cluster.hardening.layer
  - module: gpu_cluster.hardening.layer_rollback
"""

EXAMPLES = r"""
- name: Look at all layers
  gpu_cluster.hardening.layer_info:
  register: status
"""

RETURN = r"""
layers:
  description: Every layer, in the order in which they were first applied.
  returned: success
  type: list
  elements: dict
  sample:
    - name: rbac
      since: "2026-11-28T17:30:00Z"
      revision: 2
      applied_at: "2026-11-28T18:02:11Z"
      applied_by: kubernetes-admin
      collection_version: 0.1.0
      members: 12
      holds: false
      differences: [{kind: Role, namespace: ml-training, name: ml-trainer-role, state: differs}]
      revisions:
        - number: 1
          applied_at: "2026-11-28T17:30:00Z"
          applied_by: kubernetes-admin
          note: ""
          collection_version: 0.1.0
          complete: true
  contains:
    holds:
      description: Whether the cluster holds the current revision. Null where its content is not kept.
      type: bool
    differences:
      description:
        - Members that are V(missing), that V(differ) from what was recorded, that V(left) the layer as their label is
          gone, or that are V(surplus). V(unknown) where the user may not ask the server.
      type: list
      elements: dict
"""

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.status import work_info

ARGUMENT_SPEC = {
    "names": {"type": "list", "elements": "str", "default": []},
    **LAYER_OPTIONS,
    **CONNECTION_OPTIONS,
}

DOOR = Door(ARGUMENT_SPEC, work_info)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
