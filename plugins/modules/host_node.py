#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that knows the node of a machine, empties it of what uses GPUs, and gives it back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_node
short_description: Know the node of a machine, empty it of what uses GPUs, and give it back
version_added: 0.1.0
description:
  - Runs where Ansible runs, and talks to the API server.
  - A node that this module cordons has the annotation C(gpu-cluster.hardening/cordoned), with the GPUs that it had, so
    that a later run knows its own cordon and takes it back. What others cordoned stays cordoned.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  name:
    description: Name of the node.
    type: str
    required: true
  state:
    description:
      - V(known) only reads. It fails if the machine is another one than the node.
      - V(drained) cordons the node and evicts pods that use GPUs, as their budgets allow. Pods of DaemonSets and those
        without GPUs stay. If one does not go, the node is uncordoned.
      - V(serving) waits until the node is ready with the GPUs that it had, and uncordons it if this module cordoned it.
    type: str
    choices: [known, drained, serving]
    default: known
  machine:
    description: Facts of the machine, C(host) of M(gpu_cluster.hardening.host_info).
    type: dict
    default: {}
  on_dependent_pods:
    description:
      - What to do if running pods rely on GPUs by a variable (NVIDIA_VISIBLE_DEVICES), which a hardened machine does
        not obey.
    type: str
    choices: [fail, warn, ignore]
    default: ignore
  gpus:
    description: The GPUs that the node had, by the name of the resource. Of a node that was drained it is known.
    type: dict
    default: {}
  timeout:
    description: Seconds to wait, for pods to go or for the node to be ready.
    type: int
    default: 300
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.attributes
attributes:
  check_mode:
    description: Only reads.
  diff_mode:
    description: Shows nothing.
    support: none
seealso:
  - module: gpu_cluster.hardening.host_info
"""

EXAMPLES = r"""
- name: Make sure that the machine is the node
  gpu_cluster.hardening.host_node:
    name: gpu-1
    machine: "{{ looked.host }}"
    on_dependent_pods: fail
  delegate_to: localhost
"""

RETURN = r"""
node:
  description: The node as it was found.
  returned: success
  type: dict
  sample:
    name: gpu-1
    ready: true
    gpus: {nvidia.com/gpu: 8}
    cordoned: false
    cordoned_by_us: false
dependents:
  description: Running pods that rely on GPUs by a variable.
  returned: success
  type: list
  elements: dict
  sample: [{namespace: default, name: notebook, reason: sees GPUs that it did not ask for}]
evicted:
  description: Pods that went.
  returned: success
  type: list
  elements: str
  sample: [ml-training/train-1-x7kf9]
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.dependents import dependents, describe
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.node import (
    Watch,
    drain,
    give_back,
    gpus_of,
    is_ready,
    note_of,
    other_machine,
    pods_on,
    read_node,
)

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["known", "drained", "serving"], "default": "known"},
    "machine": {"type": "dict", "default": {}},
    "on_dependent_pods": {"type": "str", "choices": ["fail", "warn", "ignore"], "default": "ignore"},
    "gpus": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 300},
    **CONNECTION_OPTIONS,
}


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    params, warnings = call.params, []
    client, name, machine = connect(params), params["name"], params["machine"]
    node = read_node(client, name)
    if machine and (problem := other_machine(node, machine)):
        raise HardeningError(
            f"{machine['name']} is not the node {name}: {problem}. Correct gpu_host_node, or the address in the"
            " inventory. Nothing was changed."
        )
    found: list[dict[str, str]] = []
    if machine.get("gpu_containers"):
        found = dependents(machine["gpu_containers"], pods_on(client, name))
    if found and params["on_dependent_pods"] != "ignore":
        text = f"On node {name}, {describe(found)}."
        if params["on_dependent_pods"] == "fail":
            raise HardeningError(f"{text} Move them to requests of nvidia.com/gpu, or set on_dependent_pods to warn.")
        warnings.append(text)
    changed, evicted = False, []
    if not call.check_mode and params["state"] == "drained":
        evicted = drain(client, name, found, Watch(params["timeout"]))
        changed = note_of(node) is None or bool(evicted)
    elif not call.check_mode and params["state"] == "serving":
        changed = give_back(client, name, {k: int(v) for k, v in params["gpus"].items()}, Watch(params["timeout"]))
    facts = {
        "name": name,
        "ready": is_ready(node),
        "gpus": gpus_of(node),
        "cordoned": bool((node.get("spec") or {}).get("unschedulable")),
        "cordoned_by_us": note_of(node) is not None,
    }
    return {"changed": changed, "node": facts, "dependents": found, "evicted": evicted}, warnings


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
