#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that writes initial values into Vault and says which are missing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_secrets
short_description: Write initial values into a KV engine of Vault, and say which are missing
version_added: 0.1.0
description:
  - Writes properties that are not there yet. A property that is there keeps its value, unless O(overwrite) is true.
    Properties that are not named are never touched.
  - Every write says which version it replaces (check-and-set), so that nothing is lost if somebody else writes at the
    same moment.
  - Says which properties of O(expected) are not there afterwards.
  - Without O(overwrite) no value is read, only the names of properties.
  - No value appears in results, diffs or logs.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  kv_mount:
    description: Mount of the KV engine. It must be there, and be of version 2.
    type: str
    default: secret
  values:
    description: By path below the mount, by property, the value. All values are strings.
    type: dict
    default: {}
  overwrite:
    description: Replace values that differ.
    type: bool
    default: false
  expected:
    description: What must be there, for instance what C(data) of the stages' Secrets names.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path below the mount.
        type: str
        required: true
      property:
        description: Property that must be there. Empty if any will do.
        type: str
        default: ""
      key:
        description: Key of a Secret that needs it, for the message.
        type: str
        default: ""
  missing:
    description:
      - What to do about what is missing. V(fail) writes nothing then. V(ignore) does not look.
    type: str
    choices: [ignore, warn, fail]
    default: warn
extends_documentation_fragment:
  - gpu_cluster.hardening.vault_connection
  - gpu_cluster.hardening.attributes
seealso:
  - module: gpu_cluster.hardening.vault_access
"""

EXAMPLES = r"""
- name: Write the token of the model registry if there is none
  gpu_cluster.hardening.vault_secrets:
    url: https://vault.example.com:8200
    values:
      ml/model-registry:
        access-token: "{{ registry_token }}"

- name: Fail if a value is missing that the stages need
  gpu_cluster.hardening.vault_secrets:
    url: https://vault.example.com:8200
    expected:
      - {path: ml/model-registry, property: access-token}
      - {path: ml/model-signing, property: cosign-private-key}
    missing: fail
"""

RETURN = r"""
objects:
  description: One entry for each path of O(values).
  returned: success, and failure after some paths were written
  type: list
  elements: dict
  sample:
    - {path: ml/model-registry, action: configured, properties: [access-token], verified: true}
  contains:
    action:
      description: V(created) if nothing was there, V(configured), or V(unchanged).
      type: str
    properties:
      description: Names of the properties that were written.
      type: list
      elements: str
    verified:
      description: False in check mode if the mount is not there yet.
      type: bool
counts:
  description: Number of paths by action.
  returned: success
  type: dict
  sample: {created: 1, unchanged: 1}
missing:
  description: What of O(expected) is not there.
  returned: success
  type: list
  elements: dict
  sample:
    - {path: ml/model-signing, property: cosign-private-key}
failures:
  description: The same with a message, if it is an error.
  returned: failure because of O(missing=fail)
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import MASKED, Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import (
    VAULT_OPTIONS,
    read_vault_settings,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.kv import Wanted, write_values
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.session import vault_session
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.values import check_values

ARGUMENT_SPEC = {
    "kv_mount": {"type": "str", "default": "secret"},
    "values": {"type": "dict", "no_log": True, "default": {}},
    "overwrite": {"type": "bool", "default": False},
    "expected": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "str", "required": True},
            "property": {"type": "str", "default": ""},
            "key": {"type": "str", "no_log": False, "default": ""},
        },
    },
    "missing": {"type": "str", "choices": ["ignore", "warn", "fail"], "default": "warn"},
    **VAULT_OPTIONS,
}


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """Write what is not there, as the module's parameters say; the result and warnings."""
    params = call.params
    settings = read_vault_settings(params)
    check_values(params["kv_mount"], params["values"], params["expected"])
    wanted = Wanted(params["kv_mount"], params["values"], params["overwrite"], params["expected"], params["missing"])
    call.no_log_values.update({settings.token} - {""})  # it may come from a file
    with vault_session(settings) as client:
        result, warnings = write_values(client, wanted, call.check_mode)
    return result, [*settings.warnings(), *warnings]


DOOR = Door(ARGUMENT_SPEC, work, {"values": lambda _values: MASKED})


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
