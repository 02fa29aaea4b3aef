#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that makes a cluster hold exactly the objects of a layer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: layer
short_description: Make a cluster hold exactly the objects of a layer
version_added: 0.1.0
description:
  - A layer is an apply set (KEP-3659). Its members are applied as M(gpu_cluster.hardening.manifests) applies them, and
    what an earlier run of the same layer applied and this one does not want is removed.
  - The members carry the label C(applyset.kubernetes.io/part-of). A ConfigMap C(layer-<name>) knows which kinds and
    namespaces they have, so that nothing is lost when a run is interrupted; the next one heals it.
  - The last five contents of a layer are kept as revisions, without the values of Secrets; see
    M(gpu_cluster.hardening.layer_rollback) and M(gpu_cluster.hardening.layer_info).
  - What others made is never deleted; our fields are given up (action V(released)).
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  name:
    description: Name of the layer.
    type: str
    required: true
  manifests:
    description:
      - The members, as mappings. A C(List) is taken as its items; null documents are skipped.
      - With O(state=absent), objects that are removed even if they do not carry the label of the layer, as long as
        O(field_manager) applied them.
      - The values of a Secret never appear in results, diffs, logs or revisions.
    type: list
    elements: raw
    default: []
  state:
    description: V(absent) makes the layer the empty set.
    type: str
    choices: [present, absent]
    default: present
  existing:
    description:
      - What to do with objects that are there and that O(field_manager) never applied.
      - V(adopt) applies them, V(fail) refuses the whole layer, V(ignore) leaves them as they are.
    type: str
    choices: [adopt, fail, ignore]
    default: adopt
  field_manager:
    description: The name under which fields are owned.
    type: str
    default: gpu_cluster.hardening
  force:
    description: Take over fields that another field manager owns. Without it such a conflict is an error.
    type: bool
    default: false
  rehearse:
    description:
      - Try every new object as a dry run before the first one is written.
      - Without it, a new object costs one request instead of two, and a refusal shows only when other objects are
        written already. What is there and differs is tried in any case.
    type: bool
    default: true
  replace:
    description:
      - Objects, as C(namespace/name), that are deleted and made anew where what differs cannot be changed. What a Job
        runs is such a thing.
    type: list
    elements: str
    default: []
  requires:
    description:
      - Objects that must be there before the layer is applied. In check mode what is missing is only warned of, as the
        layers before this one have not made it yet.
    type: list
    elements: dict
    default: []
    suboptions:
      api_version:
        description: Version of the API.
        type: str
        default: v1
      kind:
        description: Kind of the object.
        type: str
        required: true
      namespace:
        description: Its namespace, if it has one.
        type: str
      name:
        description: Its name.
        type: str
        required: true
      hint:
        description: What to do if it is missing.
        type: str
        default: ""
      made_by:
        description:
          - Kinds of which an object of the same name will make it. While there is one, what is missing is only warned
            of.
        type: list
        elements: dict
        default: []
        suboptions:
          api_version:
            description: Version of the API.
            type: str
            required: true
          kind:
            description: The kind, such as V(ExternalSecret).
            type: str
            required: true
  keep:
    description: Members of an earlier run that stay as they are, although they are not among O(manifests).
    type: list
    elements: dict
    default: []
    suboptions:
      api_version:
        description: Version of the API.
        type: str
        default: v1
      kind:
        description: Kind of the object.
        type: str
        required: true
      namespace:
        description: Its namespace, if it has one.
        type: str
      name:
        description: Its name.
        type: str
        required: true
  on_violation:
    description:
      - What to do if running pods violate the Pod Security level of a namespace among O(manifests), or if what runs
        would not be admitted again by policies among them that deny nothing yet. V(fail) changes nothing.
      - Such policies are tried with copies that only warn and dry runs of all workloads that somebody made, as the user
        of the connection. In check mode nothing is tried, as that takes the copies; V(ignore) does not try them either.
    type: str
    choices: [fail, warn, ignore]
    default: fail
  delete_namespaces:
    description:
      - Delete namespaces that are no longer members, and everything in them. Otherwise only our labels and annotations
        on them are given up.
    type: bool
    default: false
  delete_crds:
    description:
      - Delete CustomResourceDefinitions that are no longer members, and all objects of their kinds. Otherwise they are
        left as they are.
    type: bool
    default: false
  delete_claims:
    description:
      - Delete PersistentVolumeClaims that are no longer members, and the data that their volumes hold. Otherwise they
        are left as they are.
    type: bool
    default: false
  purge:
    description: With O(state=absent), forget the layer, too, so that it cannot be rolled back.
    type: bool
    default: false
  render_to:
    description:
      - Write the members to files in a folder of the layer's name below this one, with a kustomization, and send
        nothing. Secrets with values are left out.
    type: path
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.layers
  - gpu_cluster.hardening.wait
  - gpu_cluster.hardening.attributes
seealso:
  - module: gpu_cluster.hardening.manifests
  - name: KEP-3659
    description: Apply sets.
    link: https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune
"""

EXAMPLES = r"""
- name: Let the cluster hold exactly these policies
  gpu_cluster.hardening.layer:
    name: my-policies
    manifests: "{{ lookup('ansible.builtin.template', 'policies.yaml.j2') | from_yaml_all }}"

- name: Take them all away
  gpu_cluster.hardening.layer:
    name: my-policies
    state: absent
"""

RETURN = r"""
objects:
  description: One entry for each member, and for each object that was removed.
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
        - V(created), V(configured), V(unchanged), V(replaced), V(deleted), or V(released) (our fields were given up).
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
revision:
  description: Number of the revision that the cluster holds, 0 for none, and whether it is a new one.
  returned: success
  type: dict
  sample: {number: 3, new: false}
violations:
  description: Running pods that violate a level; also C(failures) of a failed task.
  returned: success
  type: list
  elements: dict
  sample:
    - namespace: ml-training
      level: restricted:latest
      pod: notebook-0
      others: 2
      reasons: [allowPrivilegeEscalation != false, runAsNonRoot != true]
refused:
  description: Workloads that policies of this layer would not admit again; also C(failures) of a failed task.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: Deployment
      namespace: ml-serving
      name: legacy
      policy: image-digests.gpu-cluster.hardening
      message: 'container server: image "registry.internal/server:v1" is not pinned'
files:
  description: Folder that was written.
  returned: with O(render_to)
  type: str
  sample: rendered/rbac
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

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.object_diff import mask_manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import WAIT_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.requirements import (
    REFERENCE_OPTIONS,
    REQUIRES_OPTIONS,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.work import work_layer

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "manifests": {"type": "list", "elements": "raw", "default": []},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "existing": {"type": "str", "choices": ["adopt", "fail", "ignore"], "default": "adopt"},
    "field_manager": {"type": "str", "default": "gpu_cluster.hardening"},
    "force": {"type": "bool", "default": False},
    "rehearse": {"type": "bool", "default": True},
    "replace": {"type": "list", "elements": "str", "default": []},
    "requires": {"type": "list", "elements": "dict", "default": [], "options": REQUIRES_OPTIONS},
    "keep": {"type": "list", "elements": "dict", "default": [], "options": REFERENCE_OPTIONS},
    "on_violation": {"type": "str", "choices": ["fail", "warn", "ignore"], "default": "fail"},
    "delete_namespaces": {"type": "bool", "default": False},
    "delete_crds": {"type": "bool", "default": False},
    "delete_claims": {"type": "bool", "default": False},
    "purge": {"type": "bool", "default": False},
    "render_to": {"type": "path"},
    **LAYER_OPTIONS,
    **CONNECTION_OPTIONS,
    **WAIT_OPTIONS,
}


DOOR = Door(ARGUMENT_SPEC, work_layer, {"manifests": lambda manifests: [mask_manifest(body) for body in manifests]})


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
