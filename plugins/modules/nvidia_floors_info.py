#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that holds NVIDIA's programs against the versions without a published hole, and changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nvidia_floors_info
short_description: Find versions of NVIDIA's programs that have published holes
version_added: 0.1.0
description:
  - Finds NVIDIA's driver, container toolkit, GPU Operator, device plugin, MIG manager, DCGM, dcgm-exporter and others
    in the images of what runs, whoever installed it, in the labels that GPU Feature Discovery gives nodes, and in what
    the GPU Operator is set to. Says which are older than the first version without a hole that NVIDIA has published.
  - Knows what NVIDIA had published on the day in RV(table.taken). It asks nobody but the cluster. Changes nothing.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  versions:
    description:
      - Versions to judge instead of looking at a cluster, such as those of packages on a machine. Nothing is asked.
    type: list
    elements: dict
    suboptions:
      product:
        description: What it is.
        type: str
        required: true
        choices:
          - driver
          - vgpu_manager
          - container_toolkit
          - gpu_operator
          - device_plugin
          - mig_manager
          - dcgm
          - dcgm_exporter
          - dra_driver
          - gdrcopy
          - kai_scheduler
          - triton
      version:
        description: Its version, such as V(580.159.03). What is before and after the numbers does not matter.
        type: str
        required: true
      where:
        description: Where it was found, for the result.
        type: str
        default: ""
      cdi:
        description: Whether containers get GPUs by CDI, which some holes need. Without it these count, too.
        type: bool
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.attributes.info
seealso:
  - module: gpu_cluster.hardening.gpu_components_info
"""

EXAMPLES = r"""
- name: Look at all that a cluster has
  gpu_cluster.hardening.nvidia_floors_info:
  register: nvidia

- name: Refuse versions with holes
  ansible.builtin.assert:
    that: nvidia.floors | rejectattr('ok') | length == 0

- name: Judge the driver of a machine
  gpu_cluster.hardening.nvidia_floors_info:
    versions:
      - {product: driver, version: "{{ driver.stdout }}", where: "{{ inventory_hostname }}"}
"""

RETURN = r"""
floors:
  description: One entry for each product and version. What has the same version is one entry.
  returned: success
  type: list
  elements: dict
  sample:
    - product: driver
      where: Node gpu-1, gpu-2, gpu-3 and 5 more
      found: 580.126.20
      floor: 580.159.03
      ok: false
      cves: [CVE-2026-24187]
      note:
  contains:
    product:
      description: What it is, see O(versions[].product).
      type: str
    where:
      description: Where it is.
      type: str
    found:
      description: Its version; null if none can be read.
      type: str
    floor:
      description: The oldest version without a published hole, of the same branch if that still gets fixes.
      type: str
    ok:
      description: Whether it has no published hole; null if no version can be read.
      type: bool
    cves:
      description: The holes it has, the worst first.
      type: list
      elements: str
    note:
      description: What else is to be said, such as that its branch gets no fixes any more.
      type: str
table:
  description: What is known of holes.
  returned: success
  type: dict
  sample: {source: "https://github.com/NVIDIA/product-security, <year>/CVE_index.csv", taken: "2026-08-18"}
  contains:
    source:
      description: Where NVIDIA publishes them.
      type: str
    taken:
      description: The day up to which they are known.
      type: str
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.judge import judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.look import given, in_cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.products import PRODUCTS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.table import SOURCE, TAKEN

ARGUMENT_SPEC = {
    "versions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "product": {"type": "str", "required": True, "choices": list(PRODUCTS)},
            "version": {"type": "str", "required": True},
            "where": {"type": "str", "default": ""},
            "cdi": {"type": "bool"},
        },
    },
    **CONNECTION_OPTIONS,
}


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    versions = call.params["versions"]
    found = in_cluster(connect(call.params)) if versions is None else given(versions)
    return {"changed": False, "floors": judge(found), "table": {"source": SOURCE, "taken": TAKEN}}, []


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
