#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that tries admission policies on what runs, before they refuse it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: admission_rehearsal
short_description: Say what of the running workloads new admission policies would refuse
version_added: 0.1.0
description:
  - Compares policies and bindings with those of the cluster. If some will deny where nothing does now, makes copies
    of them that only warn, sends all workloads that run as dry runs under other names, and takes the copies away.
  - What is made by another workload, is over, or is in a namespace that they do not look at is not tried.
  - The requests are made as the user of the connection, so what that user may do in spite of a policy is not named.
  - Nothing is sent if nothing gets harder, or nothing runs. In check mode nothing is tried, as that takes the copies.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  manifests:
    description: ValidatingAdmissionPolicies and their bindings as they are going to be applied. The rest is skipped.
    type: list
    elements: dict
    required: true
  on_violation:
    description:
      - V(warn) names what would be refused, V(fail) also fails before anything is applied, V(ignore) tries nothing.
    type: str
    choices: [fail, warn, ignore]
    default: warn
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.attributes
seealso:
  - module: gpu_cluster.hardening.layer
"""

EXAMPLES = r"""
- name: Say what would be refused
  gpu_cluster.hardening.admission_rehearsal:
    manifests: "{{ lookup('ansible.builtin.file', 'policies.yaml') | from_yaml_all | list }}"
    on_violation: fail
"""

RETURN = r"""
refused:
  description: Workloads that run and would not be admitted again.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: Deployment
      namespace: ml-serving
      name: legacy
      policy: image-digests.gpu-cluster.hardening
      message: "container server: image \"registry.internal/server:v1\" is not pinned"
tried:
  description: How many workloads were tried; 0 if nothing gets harder.
  returned: success
  type: int
  sample: 12
"""

from dataclasses import asdict
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.rehearsal import (
    pending,
    rehearse,
    workloads,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures

ARGUMENT_SPEC = {
    "manifests": {"type": "list", "elements": "dict", "required": True},
    "on_violation": {"type": "str", "choices": ["fail", "warn", "ignore"], "default": "warn"},
    **CONNECTION_OPTIONS,
}
IN_CHECK_MODE = (
    "Admission policies get harder. What runs and would be refused is tried in the run itself, as that takes copies of "
    "them that warn; check mode makes nothing."
)


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    nothing = {"changed": False, "refused": [], "tried": 0}
    if call.params["on_violation"] == "ignore":
        return nothing, []
    client = connect(call.params)
    objects = pending(client, call.params["manifests"])
    bodies = workloads(client, objects) if objects else []
    if not bodies:
        return nothing, []
    if call.check_mode:
        return nothing, [IN_CHECK_MODE]
    found = rehearse(client, objects, bodies)
    lines = [f"{item.kind} {item.namespace}/{item.name} ({item.policy}): {item.message}" for item in found]
    if found and call.params["on_violation"] == "fail":
        raise HardeningError(
            join_failures("What runs would not be admitted again, nothing was changed", lines)
            + "\nIt would keep running. Fix it, exempt it, or set admission_policies_on_violation: warn.",
            failures=[asdict(item) for item in found],
        )
    warnings = [f"Runs, but would not be admitted again: {line}" for line in lines]
    return {**nothing, "refused": [asdict(item) for item in found], "tried": len(bodies)}, warnings


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
