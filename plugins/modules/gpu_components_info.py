#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that finds who provides the GPU stack and changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_components_info
short_description: Find who provides the device plugin, the GPU exporter and Falco
version_added: 0.1.0
description:
  - Looks at all DaemonSets for the NVIDIA device plugin, dcgm-exporter and Falco, whatever installed them (the GPU
    Operator, a Helm chart, a manifest, HAMi, Volcano), by their images and commands and by the labels of their
    manifests. Changes nothing.
  - Warns if one of them does not tolerate the taints of GPU nodes, and if a node selector leaves GPU nodes out.
  - With O(node_selector), names the GPU nodes that have no pod of a component, or would get none, and the taint that is
    why; and warns if nodes offer GPUs that no DaemonSet provides, as where the device plugin is part of the system.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  components:
    description: What to look for.
    type: list
    elements: str
    choices: [device_plugin, dcgm_exporter, falco]
    default: [device_plugin, dcgm_exporter, falco]
  taints:
    description: Taints of GPU nodes, which what is found should tolerate.
    type: list
    elements: dict
    default: []
    suboptions:
      key:
        description: Key of the taint.
        type: str
        required: true
      value:
        description: Value of the taint.
        type: str
        default: ""
      effect:
        description: Its effect. V(PreferNoSchedule) keeps no pod away.
        type: str
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
        default: NoSchedule
  node_selector:
    description: Labels of the nodes on which a component is meant to run. Nodes are looked at only if it is given.
    type: dict
    default: {}
  planned_nodes:
    description:
      - What a task before this one would make of nodes, as M(gpu_cluster.hardening.gpu_nodes) returns C(nodes) in check
        mode. Their labels are added to those that a node has, and their taints are taken instead of its own.
    type: list
    elements: dict
    default: []
  refuse:
    description:
      - Fail if a component is found that this collection did not apply. The text says what to do about it.
    type: str
    default: ""
  runtime_class:
    description: Name of a RuntimeClass that a component needs. Warns if there is none.
    type: str
    default: ""
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.attributes.info
seealso:
  - module: gpu_cluster.hardening.gpu_nodes_info
"""

EXAMPLES = r"""
- name: Find a device plugin that is there already
  gpu_cluster.hardening.gpu_components_info:
    components: [device_plugin]
    taints:
      - {key: nvidia.com/gpu, value: "true", effect: NoSchedule}
    node_selector: {node-type: gpu}
  register: stack

- name: Show those that will be missing on tainted nodes
  ansible.builtin.debug:
    msg: "{{ stack.components | rejectattr('tolerates') }}"
"""

RETURN = r"""
components:
  description: One entry for each DaemonSet that provides a component and was not applied by this collection.
  returned: success
  type: list
  elements: dict
  sample:
    - component: device_plugin
      namespace: gpu-operator
      name: nvidia-device-plugin-daemonset
      image: nvcr.io/nvidia/k8s-device-plugin:v0.19.3
      version: v0.19.3
      provider: gpu-operator
      tolerates: true
      intolerable_taints: []
  contains:
    version:
      description: Tag of the image, empty where it has none.
      type: str
    provider:
      description: What installed it, V(gpu-operator), V(helm) or V(other).
      type: str
    tolerates:
      description: Whether its pods tolerate all of O(taints).
      type: bool
    intolerable_taints:
      description: Those that they do not tolerate.
      type: list
      elements: dict
own:
  description: The same for DaemonSets that this collection applied.
  returned: success
  type: list
  elements: dict
  sample: []
missing_runtime_class:
  description: The value of O(runtime_class) if there is none, empty otherwise.
  returned: success
  type: str
  sample: ""
nodes:
  description: What O(node_selector) selects.
  returned: if O(node_selector) is given
  type: dict
  sample: {selected: 8, gpu: 9, left_out: [gpu-node-9], unreached: []}
  contains:
    selected:
      description: How many nodes have these labels.
      type: int
    gpu:
      description: How many nodes have NVIDIA GPUs.
      type: int
    left_out:
      description: Names of nodes with GPUs that do not have the labels.
      type: list
      elements: str
    unreached:
      description:
        - GPU nodes from which taints keep a component away, each with C(component), C(node) and C(taints). Where
          nothing provides it, what tolerates just O(taints) is meant.
      type: list
      elements: dict
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.survey import parse_question, survey

COMPONENTS = ["device_plugin", "dcgm_exporter", "falco"]
ARGUMENT_SPEC = {
    "components": {"type": "list", "elements": "str", "choices": COMPONENTS, "default": COMPONENTS},
    "taints": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "key": {"type": "str", "required": True, "no_log": False},
            "value": {"type": "str", "default": ""},
            "effect": {
                "type": "str",
                "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
                "default": "NoSchedule",
            },
        },
    },
    "node_selector": {"type": "dict", "default": {}},
    "planned_nodes": {"type": "list", "elements": "dict", "default": []},
    "refuse": {"type": "str", "default": ""},
    "runtime_class": {"type": "str", "default": ""},
    **CONNECTION_OPTIONS,
}


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    question = parse_question(call.params)
    answer = survey(connect(call.params), question)
    answer.refuse(call.params["refuse"])
    return {"changed": False, **answer.result()}, answer.warnings()


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
