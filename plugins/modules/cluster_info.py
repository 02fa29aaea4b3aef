#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that takes a first look at a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Check that a cluster can be reached and serves what is needed
version_added: 0.1.0
description:
  - Fails if the API server cannot be reached, refuses the credentials, is too old, or lacks a kind. Changes nothing.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  minimum_version:
    description: The oldest Kubernetes version that will do, as a string; YAML reads 1.40 without quotes as 1.4.
    type: raw
    default: "1.30"
  kinds:
    description: Kinds to ask the server for.
    type: list
    elements: dict
    default: []
    suboptions:
      api_version:
        description: Group and version, for instance V(networking.k8s.io/v1).
        type: str
        required: true
      kind:
        description: The kind, for instance V(NetworkPolicy).
        type: str
        required: true
      required:
        description: Fail if the server does not serve it. Otherwise RV(served) says whether it does.
        type: bool
        default: true
  survey:
    description:
      - Variables of the model to hold against the cluster, as the role C(cluster) hands them over. RV(remarks) says
        what a user should know, and is warned of. The module fails where no name would resolve afterwards.
      - What may not be read is passed over.
    type: dict
    default: {}
    suboptions:
      layers:
        description: Roles of the play, which decide what is looked at.
        type: list
        elements: str
        default: []
      stages:
        description: The stages.
        type: list
        elements: dict
        default: []
      endpoints:
        description: What stages name in C(ingress) and C(egress).
        type: dict
        default: {}
      dns:
        description: Where the pods of the cluster's DNS are.
        type: dict
        default: {}
      prometheus:
        description: Where the pods of Prometheus are.
        type: dict
        default: {}
      texts:
        description: Lists of hosts and images by variable, which may still be those of the example.
        type: dict
        default: {}
      images:
        description: Images by variable, which may have a digest.
        type: dict
        default: {}
      locked:
        description: Whether a lock pins images.
        type: bool
        default: false
  accepted_remarks:
    description: Names of remarks that are known and meant.
    type: list
    elements: str
    choices: [certificate, dns, dns_cache, examples, networks, policies, selectors, tags]
    default: []
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.attributes.info
"""

EXAMPLES = r"""
- name: Require a cluster with NetworkPolicies
  gpu_cluster.hardening.cluster_info:
    minimum_version: "1.30"
    kinds:
      - {api_version: networking.k8s.io/v1, kind: NetworkPolicy}

- name: Ask for the Prometheus Operator
  gpu_cluster.hardening.cluster_info:
    kinds:
      - {api_version: monitoring.coreos.com/v1, kind: ServiceMonitor, required: false}
  register: cluster

- name: Say whether it is there
  ansible.builtin.debug:
    msg: "{{ cluster.served | selectattr('served') | map(attribute='kind') }}"
"""

RETURN = r"""
server:
  description: Address of the API server.
  returned: success
  type: str
  sample: https://10.0.0.10:6443
ca_cert:
  description: The certificates (PEM) that its certificate was checked against, empty if those were the system's.
  returned: success
  type: str
  sample: "-----BEGIN CERTIFICATE-----..."
version:
  description: Its version.
  returned: success
  type: str
  sample: v1.37.2
platform:
  description: Its operating system and architecture.
  returned: success
  type: str
  sample: linux/amd64
served:
  description: Whether the server serves each of O(kinds), in their order.
  returned: success
  type: list
  elements: dict
  sample:
    - api_version: monitoring.coreos.com/v1
      kind: ServiceMonitor
      served: false
remarks:
  description: What was found by O(survey) and is not accepted.
  returned: success
  type: list
  elements: dict
  sample:
    - name: policies
      text: "Nobody is seen to enforce NetworkPolicies: there is only Flannel, which does not."
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.cluster import inspect_cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.look import survey
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.question import read_question
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.remarks import NAMES

ARGUMENT_SPEC = {
    "minimum_version": {"type": "raw", "default": "1.30"},  # as str, 1.40 would become 1.4 without a word
    "kinds": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "api_version": {"type": "str", "required": True},
            "kind": {"type": "str", "required": True},
            "required": {"type": "bool", "default": True},
        },
    },
    "survey": {
        "type": "dict",
        "default": {},
        "options": {
            "layers": {"type": "list", "elements": "str", "default": []},
            "stages": {"type": "list", "elements": "dict", "default": []},
            **{name: {"type": "dict", "default": {}} for name in ("endpoints", "dns", "prometheus", "texts", "images")},
            "locked": {"type": "bool", "default": False},
        },
    },
    "accepted_remarks": {"type": "list", "elements": "str", "choices": list(NAMES), "default": []},
    **CONNECTION_OPTIONS,
}


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    params = call.params
    client = connect(params)
    facts = inspect_cluster(client, params["minimum_version"], params["kinds"])
    found = survey(client, read_question(params["survey"]), facts["version"], params["accepted_remarks"])
    texts = [{"name": remark.name, "text": remark.text} for remark in found]
    return {"changed": False, **facts, "remarks": texts}, [remark.text for remark in found]


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
