#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that narrows modes of files of a machine, and brings them back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_modes
short_description: Narrow modes of files of a machine, and bring them back
version_added: 0.1.0
description:
  - Takes bits of modes away that are not allowed, and sets owners. No bit is ever added, links are not followed, and no
    content is read.
  - What owner and mode were at first is kept in O(store).
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  name:
    description: Name under which the first modes are kept.
    type: str
    required: true
  state:
    description:
      - V(present) makes O(rules) hold.
      - V(absent) brings owners and modes back where nobody has changed them since.
    type: str
    choices: [present, absent]
    default: present
  rules:
    description: What is allowed. The first rule for a path counts; a pattern without files is none.
    type: list
    elements: dict
    default: []
    suboptions:
      pattern:
        description: Path of files or folders, as a shell takes it.
        type: str
        required: true
      mode:
        description: The most that is allowed, in octal.
        type: str
        required: true
      owner:
        description: A user of the machine; empty for any.
        type: str
        default: root
      group:
        description: A group of the machine; empty for any.
        type: str
        default: root
extends_documentation_fragment:
  - gpu_cluster.hardening.host_store
  - gpu_cluster.hardening.attributes
attributes:
  check_mode:
    description: Says what would be narrowed, and changes nothing.
  diff_mode:
    description: Shows owners and modes.
  idempotent:
    description: A second run changes nothing.
seealso:
  - module: gpu_cluster.hardening.host_files
"""

EXAMPLES = r"""
- name: Nobody but root reads private keys
  gpu_cluster.hardening.host_modes:
    name: keys
    rules:
      - {pattern: /etc/kubernetes/pki/*.key, mode: "0600"}
"""

RETURN = r"""
paths:
  description: What was narrowed, or brought back.
  returned: success
  type: list
  elements: str
  sample: [/etc/kubernetes/pki/ca.key]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.module_exit import fail, succeed
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.modes import (
    Access,
    Ledger,
    Narrowing,
    narrow,
    narrowings,
    widen,
    widenings,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.store import STORE_OPTION, Store

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "rules": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "pattern": {"type": "str", "required": True},
            "mode": {"type": "str", "required": True},
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "root"},
        },
    },
    **STORE_OPTION,
}


def work(params: dict[str, Any], check: bool) -> list[Narrowing]:
    """Do what the options say. Returns what was needed."""
    ledger = Ledger(params["store"], params["name"])
    present = params["state"] == "present"
    needed = narrowings(params["rules"]) if present else widenings(ledger)
    if check or (present and not needed) or (not present and not ledger.read()):
        return needed
    with Store(params["store"]).locked():
        (narrow if present else widen)(ledger, needed)
    return needed


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        done = work(module.params, module.check_mode)
    except HardeningError as error:
        fail(module, error)
    except OSError as error:
        fail(module, HardeningError(f"{error.filename}: {error.strerror}. The next run goes on from there."))
    diff = {side: "".join(f"{one.path} {_words(getattr(one, side))}\n" for one in done) for side in ("before", "after")}
    succeed(module, {"changed": bool(done), "paths": [one.path for one in done], "diff": diff})


def _words(access: Access) -> str:
    return f"{access.mode:04o} {access.uid}:{access.gid}"


if __name__ == "__main__":
    main()
