#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that labels and taints GPU nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_nodes
short_description: Label and taint GPU nodes, many in one call
version_added: 0.1.0
description:
  - Finds GPU nodes, derives the GPU model of each, and sets labels and taints on those that differ. Foreign labels and
    taints stay.
  - Nothing is changed if one node's patch would be refused, or if the taints would leave no schedulable node. Nodes
    that are not confirmed get none in that case, so that what nodes say of themselves cannot end a run.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  state:
    description:
      - V(present) sets labels and taints.
      - V(absent) gives up the labels and taints that were set, where they still are as they were set. A label or
        taint that was there before stays, and one that was replaced comes back.
    type: str
    choices: [present, absent]
    default: present
  labels:
    description:
      - Labels of every GPU node.
      - One that a kubelet cannot set on its own node, such as those under C(node-restriction.kubernetes.io/), is given
        only to nodes that are confirmed by O(names), or by an O(label_selector) of which no kubelet can set any label.
        It is taken back from others.
    type: dict
    default:
      node-type: gpu
      node-restriction.kubernetes.io/node-type: gpu
  gpu_type_label:
    description: Key of the label that names the GPU model, for instance V(a100). Empty for none.
    type: str
    default: gpu-type
  gpu_types:
    description: GPU model by node name, where it is not to be taken from C(nvidia.com/gpu.product).
    type: dict
    default: {}
  taints:
    description: Taints of every GPU node; one for each key and effect.
    type: list
    elements: dict
    default:
      - {key: nvidia.com/gpu, value: "true", effect: NoSchedule}
    suboptions:
      key:
        description: Key of the taint.
        type: str
        required: true
      value:
        description: Value of the taint.
        type: str
      effect:
        description: What happens to pods that do not tolerate it.
        type: str
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
        default: NoSchedule
  allow_control_plane:
    description: Treat control-plane nodes with GPUs like the others. By default they are left alone.
    type: bool
    default: false
  allow_all_schedulable:
    description: Go on even if no node is left for pods without tolerations.
    type: bool
    default: false
  on_intolerant_pods:
    description:
      - What to do if running pods do not tolerate a new taint.
      - V(ignore) also leaves out the warning of DaemonSets that do not tolerate the taints, new or not.
    type: str
    choices: [warn, fail, ignore]
    default: warn
  on_intolerant_network:
    description:
      - What to do if a DaemonSet that is a network plugin would run on a node and does not tolerate a taint that is new
        there. V(fail) changes nothing. Where the taint is there already, it is warned of.
    type: str
    choices: [fail, warn, ignore]
    default: fail
  field_manager:
    description: The name under which labels and taints are set.
    type: str
    default: gpu_cluster.hardening
  layer:
    description:
      - Name of the layer that remembers what was set on which node and what was there before; see
        M(gpu_cluster.hardening.layer).
    type: str
    default: gpu_nodes
  purge:
    description: With O(state=absent), forget the layer, too, so that it cannot be rolled back.
    type: bool
    default: false
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.layers
  - gpu_cluster.hardening.node_selection
  - gpu_cluster.hardening.attributes
seealso:
  - module: gpu_cluster.hardening.gpu_nodes_info
"""

EXAMPLES = r"""
- name: Label and taint every GPU node that can be found
  gpu_cluster.hardening.gpu_nodes:

- name: Two named nodes, which do not say what GPU they have
  gpu_cluster.hardening.gpu_nodes:
    discover: false
    names: [node-1, node-2]
    gpu_types: {node-1: h100, node-2: l40s}
    on_intolerant_pods: fail
"""

RETURN = r"""
nodes:
  description:
    - Every selected node, as it is (or would be) afterwards, with all its taints, and of its labels those that
      O(labels) and O(gpu_type_label) name. M(gpu_cluster.hardening.gpu_nodes_info) returns all labels.
  returned: success
  type: list
  elements: dict
  sample:
    - name: gpu-node-1
      gpu_type: a100
      action: configured
      labels: {node-type: gpu, gpu-type: a100}
      taints: [{key: nvidia.com/gpu, value: "true", effect: NoSchedule}]
      found_by: [gfd, allocatable]
      confirmed: true
left_alone:
  description: Control-plane nodes with GPUs that were left alone.
  returned: success
  type: list
  elements: str
intolerant_pods:
  description: Running pods that do not tolerate what their node got.
  returned: success
  type: list
  elements: dict
  sample: [{namespace: default, name: web-1, node: gpu-node-1, daemon_set: null, evicted: false}]
intolerant_daemon_sets:
  description:
    - DaemonSets that would run on these nodes and do not tolerate O(taints), whether these are new or not. They are
      missing there, or will be at their next update. C(nodes) is on how many, C(network_plugin) is empty where it is
      none.
  returned: success
  type: list
  elements: dict
  sample:
    - namespace: logging
      name: fluent-bit
      taints: [{key: nvidia.com/gpu, value: "true", effect: NoSchedule}]
      nodes: 8
      network_plugin: ""
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER_OPTIONS, read_layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.apply import NodeOptions, harden_nodes
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.report import NodesOutcome, nodes_result
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import SELECTION_OPTIONS, selection
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.wanted import read_wanted

TAINT_OPTIONS = {
    "key": {"type": "str", "required": True, "no_log": False},
    "value": {"type": "str"},
    "effect": {"type": "str", "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"], "default": "NoSchedule"},
}
ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "labels": {
        "type": "dict",
        "default": {"node-type": "gpu", "node-restriction.kubernetes.io/node-type": "gpu"},
    },
    "gpu_type_label": {"type": "str", "default": "gpu-type"},
    "gpu_types": {"type": "dict", "default": {}},
    "taints": {
        "type": "list",
        "elements": "dict",
        "options": TAINT_OPTIONS,
        "default": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
    },
    "allow_control_plane": {"type": "bool", "default": False},
    "allow_all_schedulable": {"type": "bool", "default": False},
    "on_intolerant_pods": {"type": "str", "choices": ["warn", "fail", "ignore"], "default": "warn"},
    "on_intolerant_network": {"type": "str", "choices": ["fail", "warn", "ignore"], "default": "fail"},
    "field_manager": {"type": "str", "default": "gpu_cluster.hardening"},
    "layer": {"type": "str", "default": "gpu_nodes"},
    "purge": {"type": "bool", "default": False},
    **LAYER_OPTIONS,
    **SELECTION_OPTIONS,
    **CONNECTION_OPTIONS,
}


def run(call: Call) -> NodesOutcome:
    """Label and taint, as the module's parameters say."""
    params = call.params
    wanted = read_wanted(params["labels"], params["taints"], params["gpu_type_label"], params["gpu_types"])
    chosen = selection(params)
    options = NodeOptions(
        params["field_manager"],
        read_layer(params["layer"], params["parent_namespace"]),
        params["state"] == "present",
        call.check_mode,
        params["allow_control_plane"],
        params["allow_all_schedulable"],
        params["on_intolerant_pods"],
        params["on_intolerant_network"],
        params["purge"],
    )
    return harden_nodes(connect(params), chosen, wanted, options)


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    outcome = run(call)
    return nodes_result(outcome), outcome.warnings


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
