#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that applies or removes many manifests in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: manifests
short_description: Apply or remove many Kubernetes manifests in one call
version_added: 0.1.0
description:
  - Applies any number of manifests of any kinds by server-side apply, concurrently and in the order they need
    (namespaces and CustomResourceDefinitions, then accounts, roles and policies, then the rest, then workloads,
    then admission).
  - Objects that already are as wanted cost no write request. What differs is first tried as a dry run; if the server
    would refuse one object, nothing is changed and all refusals are reported.
  - Unknown fields are refused, not dropped.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  manifests:
    description:
      - The manifests, as mappings. A C(List) is taken as its items; null documents are skipped.
      - The values of a Secret never appear in results, diffs or logs.
    type: list
    elements: raw
    required: true
  state:
    description:
      - V(present) applies the manifests.
      - V(absent) removes what O(field_manager) applied, and only that. Objects that another manager created or applies
        too are left to it, without the fields that only O(field_manager) owned (action V(released)).
        An object that was there before and names no maker, such as one of C(kubectl create serviceaccount), got the
        annotation C(gpu-cluster.hardening/adopted) when it was first applied, and is left, too.
        An object whose kind the server does not serve is absent.
    type: str
    choices: [present, absent]
    default: present
  field_manager:
    description:
      - The name under which fields are owned. Manifests of the same object from two places need two names, or each
        removes what the other one set.
    type: str
    default: gpu_cluster.hardening
  force:
    description:
      - Take over fields that another field manager owns. Without it such a conflict is an error that names the owner.
    type: bool
    default: false
  delete_namespaces:
    description:
      - With O(state=absent), delete namespaces and everything in them. Otherwise only our labels and annotations
        on them are given up.
    type: bool
    default: false
  delete_crds:
    description:
      - With O(state=absent), delete CustomResourceDefinitions and all objects of their kinds.
      - They are left as they are otherwise.
    type: bool
    default: false
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.wait
  - gpu_cluster.hardening.attributes
seealso:
  - module: kubernetes.core.k8s
"""

EXAMPLES = r"""
- name: Apply everything in a template
  gpu_cluster.hardening.manifests:
    manifests: "{{ lookup('ansible.builtin.template', 'policies.yaml.j2') | from_yaml_all }}"

- name: Remove it again
  gpu_cluster.hardening.manifests:
    manifests: "{{ lookup('ansible.builtin.template', 'policies.yaml.j2') | from_yaml_all }}"
    state: absent
"""

RETURN = r"""
objects:
  description: One entry for each manifest, in the order in which they were given.
  returned: success, and failure after some objects were changed
  type: list
  elements: dict
  sample:
    - api_version: v1
      kind: ConfigMap
      namespace: ml-training
      name: training-config
      action: configured
      verified: true
      reason: ""
  contains:
    action:
      description:
        - V(created), V(configured), V(unchanged), V(deleted), or V(released) (our fields were given up).
      type: str
    verified:
      description: False in check mode where the server could not be asked, as the namespace or kind is not there yet.
      type: bool
    reason:
      description: Why nothing, or something else than asked, was done.
      type: str
counts:
  description: Number of objects by action.
  returned: success
  type: dict
  sample: {created: 2, unchanged: 10}
failures:
  description: Every object that was, or would be, refused.
  returned: failure
  type: list
  elements: dict
  sample:
    - where: manifests[3]
      api_version: v1
      kind: ConfigMap
      namespace: ml-training
      name: training-config
      reason: Forbidden
      message: 'configmaps is forbidden: User "jane" cannot create resource "configmaps"'
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.apply import ApplyOptions, apply_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.object_diff import mask_manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.remove import RemoveOptions, remove_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import Outcome, module_result
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import Ownership
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import WAIT_OPTIONS, wait_seconds
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module, teller

ARGUMENT_SPEC = {
    "manifests": {"type": "list", "elements": "raw", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "field_manager": {"type": "str", "default": "gpu_cluster.hardening"},
    "force": {"type": "bool", "default": False},
    "delete_namespaces": {"type": "bool", "default": False},
    "delete_crds": {"type": "bool", "default": False},
    **CONNECTION_OPTIONS,
    **WAIT_OPTIONS,
}


def run(call: Call) -> Outcome:
    """Apply or remove, as the module's parameters say."""
    params = call.params
    manifests = parse_manifests(params["manifests"])
    client = connect(params)
    if params["state"] == "present":
        ownership = Ownership(params["field_manager"], params["force"])
        options = ApplyOptions(ownership, call.check_mode, wait_seconds(params), tell=teller(call))
        return apply_manifests(client, manifests, options)
    options = RemoveOptions(
        params["field_manager"],
        params["delete_namespaces"],
        params["delete_crds"],
        check=call.check_mode,
        wait_seconds=wait_seconds(params),
    )
    return remove_manifests(client, manifests, options)


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    outcome = run(call)
    return module_result(outcome), outcome.warnings


DOOR = Door(ARGUMENT_SPEC, work, {"manifests": lambda manifests: [mask_manifest(manifest) for manifest in manifests]})


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
