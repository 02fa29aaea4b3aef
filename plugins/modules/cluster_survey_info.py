#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that finds out what an inventory for a cluster should say."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_survey_info
short_description: What an inventory for a cluster should say
version_added: 0.1.0
description:
  - Reads a cluster once, or files that C(kubectl get -o yaml) wrote, and finds out what the variables of this
    collection are to be set to, which DaemonSets the taint of GPU nodes would keep off them, and which workloads would
    be refused or cut off. C(docs/survey.md) has what is looked for.
  - Changes nothing. Where namespaces of stages are there, their level of Pod Security is set as a server-side dry run,
    of which the API server says whom it would refuse.
  - What the user may not read is said, and is taken for not found. No Secret is read.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  folder:
    description: Folder of files to read in place of the cluster, such as a must-gather. No request is sent.
    type: path
  stages:
    description: The stages, see C(docs/stages.md).
    type: list
    elements: dict
    default: []
  taints:
    description: Taints that GPU nodes would get.
    type: list
    elements: dict
    default: []
  node_labels:
    description: Labels that GPU nodes would get.
    type: dict
    default: {}
  confirmed_node_labels:
    description: Labels that they would get once somebody else than the node says that it is one.
    type: dict
    default: {}
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.layers
  - gpu_cluster.hardening.attributes.info
seealso:
  - module: gpu_cluster.hardening.cluster_info
  - module: gpu_cluster.hardening.cluster_audit_info
"""

EXAMPLES = r"""
- name: Look at a cluster
  gpu_cluster.hardening.cluster_survey_info:
    stages: "{{ gpu_cluster_stages }}"
    taints: "{{ gpu_cluster_node_taints }}"
  register: survey
"""

RETURN = r"""
found:
  description: What was found out; null for what was not.
  returned: success
  type: dict
  sample:
    distribution: kubespray
    network_plugins: [Calico]
    policies_enforced_by: [Calico]
    dns: {namespace: kube-system, pods: {k8s-app: kube-dns}, node_local_addresses: [169.254.25.10]}
    cut_off: [{namespace: node-feature-discovery, name: nfd-worker, purpose: node-feature-discovery}]
sections:
  description:
    - The same as variables, in the order of an inventory. What is not V(known) is an example, to be written as a
      comment.
  returned: success
  type: list
  elements: dict
  sample:
    - title: Networks
      entries:
        - comment: ["NetworkPolicies are enforced by Calico."]
          variable: ""
          value: null
          known: true
lines:
  description: A summary for people.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.work import work_survey
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER_OPTIONS

_DICTS = {"type": "list", "elements": "dict", "default": []}
ARGUMENT_SPEC = {
    "folder": {"type": "path"},
    "stages": _DICTS,
    "taints": _DICTS,
    "node_labels": {"type": "dict", "default": {}},
    "confirmed_node_labels": {"type": "dict", "default": {}},
    **LAYER_OPTIONS,
    **CONNECTION_OPTIONS,
}

DOOR = Door(ARGUMENT_SPEC, work_survey)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
