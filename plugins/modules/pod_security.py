#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that sets Pod Security levels on namespaces."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_security
short_description: Namespaces with Pod Security levels
version_added: 0.1.0
description:
  - Makes namespaces and sets their Pod Security Standards levels and versions.
  - Before a level is enforced the server is asked, by dry run, which running pods would violate it.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  namespaces:
    description: The namespaces. A mode that is left out is not set.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the namespace.
        type: str
        required: true
      enforce:
        description: Pods that violate this level are refused.
        type: str
      enforce_version:
        description: Version of Kubernetes whose standard is meant, V(latest) or of the form V(v1.37).
        type: str
        default: latest
      audit:
        description: Violations of this level are noted in the audit log.
        type: str
      audit_version:
        description: See O(namespaces[].enforce_version).
        type: str
        default: latest
      warn:
        description: Violations of this level are answered with a warning.
        type: str
      warn_version:
        description: See O(namespaces[].enforce_version).
        type: str
        default: latest
      labels:
        description: Further labels of the namespace.
        type: dict
        default: {}
  state:
    description: V(absent) gives the labels up. A namespace is never deleted.
    type: str
    choices: [present, absent]
    default: present
  on_violation:
    description: What to do if running pods violate a level that is to be enforced. V(fail) changes nothing.
    type: str
    choices: [fail, warn, ignore]
    default: fail
  force:
    description: Take over labels that another field manager owns.
    type: bool
    default: false
  field_manager:
    description:
      - The name under which the labels are owned. It differs from the one of M(gpu_cluster.hardening.manifests), so
        that applying a manifest of the same namespace there does not take the levels away.
    type: str
    default: gpu_cluster.hardening.pod_security
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.attributes
seealso:
  - name: Pod Security Standards
    description: What the levels forbid.
    link: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

EXAMPLES = r"""
- name: Let only pods without needless privileges run
  gpu_cluster.hardening.pod_security:
    namespaces:
      - name: ml-training
        enforce: restricted
        warn: restricted
"""

RETURN = r"""
objects:
  description: One entry for each namespace, as M(gpu_cluster.hardening.manifests) returns them.
  returned: success
  type: list
  elements: dict
  sample: [{api_version: v1, kind: Namespace, namespace: null, name: ml-training, action: created, verified: true}]
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
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.apply import ApplyOptions
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.remove import RemoveOptions, remove_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import Outcome, module_result
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import Ownership
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.pod_security import (
    Violation,
    describe,
    enforce,
    namespace_manifests,
)

NAMESPACE_OPTIONS = {
    "name": {"type": "str", "required": True},
    "enforce": {"type": "str"},
    "enforce_version": {"type": "str", "default": "latest"},
    "audit": {"type": "str"},
    "audit_version": {"type": "str", "default": "latest"},
    "warn": {"type": "str"},
    "warn_version": {"type": "str", "default": "latest"},
    "labels": {"type": "dict", "default": {}},
}
ARGUMENT_SPEC = {
    "namespaces": {"type": "list", "elements": "dict", "required": True, "options": NAMESPACE_OPTIONS},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "on_violation": {"type": "str", "choices": ["fail", "warn", "ignore"], "default": "fail"},
    "force": {"type": "bool", "default": False},
    "field_manager": {"type": "str", "default": "gpu_cluster.hardening.pod_security"},
    **CONNECTION_OPTIONS,
}


def run(call: Call) -> tuple[Outcome, list[Violation]]:
    """Enforce the levels or give them up, as the module's parameters say."""
    params = call.params
    manifests = namespace_manifests(params["namespaces"])
    client = connect(params)
    if params["state"] == "absent":
        options = RemoveOptions(params["field_manager"], check=call.check_mode)
        return remove_manifests(client, manifests, options), []
    ownership = Ownership(params["field_manager"], params["force"])
    return enforce(client, manifests, ApplyOptions(ownership, call.check_mode), params["on_violation"])


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    outcome, violations = run(call)
    return {**module_result(outcome), "violations": [describe(violation) for violation in violations]}, outcome.warnings


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
