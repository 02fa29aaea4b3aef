#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that says what is wrong with a GPU cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_audit_info
short_description: What is wrong with a GPU cluster
version_added: 0.1.0
description:
  - Reads a cluster once, or files that C(kubectl get -o yaml) wrote, and judges it by the checks of C(docs/verify.md).
    Whether this collection has hardened it does not matter.
  - Changes nothing, unless O(live_image) is set. With O(probes), pods and objects that must be refused are sent as
    server-side dry runs, and the API server is asked what the accounts of the stages may do.
  - What the user may not list makes the checks that need it V(unknown); they never pass. No Secret is read.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  name:
    description: What the report calls the cluster; also the name of its file.
    type: str
    required: true
  folder:
    description:
      - Folder of files to read in place of the cluster, such as a must-gather. No request is sent.
    type: path
  stages:
    description: The stages, see C(docs/stages.md). Those without a namespace are a finding.
    type: list
    elements: dict
    default: []
  taints:
    description: Taints of GPU nodes.
    type: list
    elements: dict
    default: []
  node_labels:
    description: Labels of GPU nodes.
    type: dict
    default: {}
  confirmed_node_labels:
    description: Labels of GPU nodes that no kubelet can set.
    type: dict
    default: {}
  registries:
    description: Where images of stages come from. Without any it is not looked at.
    type: list
    elements: str
    default: []
  stage_registries:
    description: By name of a stage, where its images come from instead. Probes use the first.
    type: dict
    default: {}
  expected_layers:
    description: Layers of this collection that there should be.
    type: list
    elements: str
    default: []
  waivers:
    description: What is accepted.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: Id of a check, or a pattern such as V(GPU-HOST-*).
        type: str
        required: true
      scope:
        description: Patterns of C(namespace), C(kind) and C(name) of the object. What is left out matches everything.
        type: dict
        default: {}
      reason:
        description: Why.
        type: str
        required: true
      owner:
        description: Who has accepted it.
        type: str
        required: true
      expires:
        description: The last day on which it counts, such as V(2027-01-31). After it, it is a finding itself.
        type: str
        required: true
  shipped_waivers:
    description: The same, of the role. Nobody is told that they cover nothing.
    type: list
    elements: dict
    default: []
  probes:
    description: Try what must be refused. Needs rights to create pods and subjectaccessreviews; without, it is unknown.
    type: bool
    default: true
  live_image:
    description:
      - An image with C(python3), pinned to its digest and approved in all stages. With it a pod is started in each
        stage, with the labels and the account of the stage. It tries by TCP to reach a pod of each group of the matrix
        and the API server, and is deleted. What came of it counts, and not what was computed. Not in check mode.
      - This is all that the module ever makes. Without an image it makes nothing.
    type: str
    default: ""
  live_seconds:
    description: Seconds after which such a pod is given up.
    type: int
    default: 120
  refusing_policies:
    description: Admission policies of this collection that should refuse in stages. Only these are tried.
    type: list
    elements: str
    default: []
  trial_stages:
    description: Names of stages in which policies of pods only warn.
    type: list
    elements: str
    default: []
  fail_on:
    description: The lowest severity of an open finding that makes the status in the summary of RV(report) V(fail).
    type: str
    choices: [critical, high, medium, low, never]
    default: high
  report_directory:
    description:
      - Folder of the report, C(<name>.json) and so on. A file is written at once or not at all, and only its owner can
        read it, as it says how to get in. Not in check mode.
      - If it has C(<name>.json) of an earlier run, V(html), V(markdown) and V(sarif) say what has changed since.
    type: path
  formats:
    description: Formats of the report, a file each. C(docs/reports.md) says what they are for.
    type: list
    elements: str
    choices: [html, json, markdown, junit, sarif, ctrf, openreports]
    default: [json, html]
  return_report:
    description: Return the whole report, and not its summary alone.
    type: bool
    default: true
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.layers
  - gpu_cluster.hardening.attributes.info
seealso:
  - module: gpu_cluster.hardening.layer_info
  - module: gpu_cluster.hardening.cluster_info
"""

EXAMPLES = r"""
- name: Look at a cluster
  gpu_cluster.hardening.cluster_audit_info:
    name: metal
    stages: "{{ gpu_cluster_stages }}"
    taints: "{{ gpu_cluster_node_taints }}"
  register: audit

- name: Look at a dump of another one
  gpu_cluster.hardening.cluster_audit_info:
    name: customer
    folder: must-gather
    fail_on: never
"""

RETURN = r"""
report:
  description: What was found, as docs/verify.md describes it.
  returned: success
  type: dict
  sample:
    summary: {status: fail, fail_on: high, checks: {fail: 12}, findings: {critical: 1, high: 7}}
lines:
  description: A summary for people.
  returned: success
  type: list
  elements: str
complaint:
  description: The worst findings with what to do about them. Empty if the status is V(pass).
  returned: success
  type: str
written:
  description: Paths of the files.
  returned: success
  type: list
  elements: str
  sample: [/srv/reports/metal.json, /srv/reports/metal.html]
json:
  description: Path of the JSON among them, which pages of a fleet and later runs are made with; else empty.
  returned: success
  type: str
  sample: /srv/reports/metal.json
"""

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import FAIL_ON
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.work import work_audit
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.formats import FORMATS

_DICTS = {"type": "list", "elements": "dict", "default": []}
_TEXTS = {"type": "list", "elements": "str", "default": []}
_WAIVER = {
    "id": {"type": "str", "required": True},
    "scope": {"type": "dict", "default": {}},
    "reason": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "expires": {"type": "str", "required": True},
}
ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "folder": {"type": "path"},
    "stages": _DICTS,
    "taints": _DICTS,
    "node_labels": {"type": "dict", "default": {}},
    "confirmed_node_labels": {"type": "dict", "default": {}},
    "registries": _TEXTS,
    "stage_registries": {"type": "dict", "default": {}},
    "expected_layers": _TEXTS,
    "waivers": {**_DICTS, "options": _WAIVER},
    "shipped_waivers": _DICTS,
    "probes": {"type": "bool", "default": True},
    "live_image": {"type": "str", "default": ""},
    "live_seconds": {"type": "int", "default": 120},
    "refusing_policies": _TEXTS,
    "trial_stages": _TEXTS,
    "fail_on": {"type": "str", "choices": list(FAIL_ON), "default": "high"},
    "report_directory": {"type": "path"},
    "formats": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": ["json", "html"]},
    "return_report": {"type": "bool", "default": True},
    **LAYER_OPTIONS,
    **CONNECTION_OPTIONS,
}

DOOR = Door(ARGUMENT_SPEC, work_audit)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
