#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that brings layers back to what they were."""

from __future__ import annotations

DOCUMENTATION = r"""
module: layer_rollback
short_description: Bring layers back to what they were
version_added: 0.1.0
description:
  - Applies an earlier revision of a layer, or of all layers, and removes what it did not have. That is a new revision.
  - The values of Secrets are not kept in revisions, so Secrets stay as they are.
  - All revisions are looked up before anything is changed.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  name:
    description: The layer. Without it, all that the cluster knows.
    type: str
  to_revision:
    description: Number of the revision. Without it and O(to_time), the one before the current one.
    type: int
  to_time:
    description:
      - Bring back what the cluster held at this time, in UTC, such as V(2026-11-28T17:30:00Z).
      - A layer that did not exist then becomes the empty set.
    type: str
  force:
    description: Take over fields that another field manager owns.
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
- name: Undo the last change of the network policies
  gpu_cluster.hardening.layer_rollback:
    name: network_policies

- name: Bring everything back to this morning
  gpu_cluster.hardening.layer_rollback:
    to_time: "2026-11-28T06:00:00Z"
"""

RETURN = r"""
layers:
  description:
    - What was done to each layer, as M(gpu_cluster.hardening.layer) or M(gpu_cluster.hardening.gpu_nodes) returns it,
      with its name.
  returned: success, and failure after some layers were changed
  type: list
  elements: dict
  sample: [{name: rbac, changed: true, counts: {configured: 1, unchanged: 11}, revision: {number: 3, new: true}}]
"""

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import WAIT_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.rollback import work_rollback

ARGUMENT_SPEC = {
    "name": {"type": "str"},
    "to_revision": {"type": "int"},
    "to_time": {"type": "str"},
    "force": {"type": "bool", "default": False},
    **LAYER_OPTIONS,
    **CONNECTION_OPTIONS,
    **WAIT_OPTIONS,
}

DOOR = Door(ARGUMENT_SPEC, work_rollback, rules={"mutually_exclusive": [("to_revision", "to_time")]})


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
