#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that makes a part of a machine exactly some files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_files
short_description: Make a part of a machine exactly these files, and take it back
version_added: 0.1.0
description:
  - A part of a machine, such as its container toolkit, is exactly O(files). What an earlier run of the part wrote and
    this one does not want goes back to what was there before.
  - What is replaced is kept first, with its owner, mode and sum, in O(store). Each file is replaced by one rename. A
    run that is killed anywhere is healed by the next one.
  - Programs judge the new files before one of them is in place (O(validate)). If a file cannot be written or a step
    fails, the old files come back, and the steps are done again.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  name:
    description: Name of the part.
    type: str
    required: true
  state:
    description:
      - V(present) makes the part exactly O(files).
      - V(absent) puts the very bytes back that were there before, with their owner and mode.
    type: str
    choices: [present, absent]
    default: present
  files:
    description: All files of the part.
    type: list
    elements: dict
    default: []
    suboptions: &file
      path:
        description: Where it is. No link, and no folder that others may write to.
        type: str
        required: true
      content:
        description: All of it.
        type: str
        required: true
      mode:
        description: Permissions, in octal.
        type: str
        default: "0644"
      owner:
        description: A user of the machine.
        type: str
        default: root
      group:
        description: A group of the machine.
        type: str
        default: root
      sensitive:
        description: Do not show its content in a diff.
        type: bool
        default: false
  validate:
    description:
      - Commands, as lists of words, that must end with 0 before a file is replaced. C({stage}) stands for a folder that
        has the new files under their paths.
    type: list
    elements: list
    default: []
  drafts:
    description: Further files in that folder, for the commands alone. C({stage}) in their content is that folder.
    type: list
    elements: dict
    default: []
    suboptions: *file
  steps:
    description:
      - What to do once a file has changed, in this order. Steps that a run did not come to are owed, and the next run
        does them.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: A unit of systemd, which must be active afterwards.
        type: str
        default: ""
      action:
        description: An action of C(systemctl); V(try-restart) only for a unit that is active.
        type: str
        default: restart
      command:
        description: A program and its arguments, where no service is named.
        type: list
        elements: str
        default: []
      settle:
        description: Seconds for which the service must stay up.
        type: int
        default: 3
      paths:
        description: Files that ask for this step. All of the part, if none is named.
        type: list
        elements: str
        default: []
  disrupts:
    description: Why running work would lose its GPU by a change. It is returned if there is one.
    type: str
    default: ""
  reboot_owed:
    description: Why a reboot is needed before all of a change counts. It is returned if there is one.
    type: str
    default: ""
  keep_open:
    description:
      - Leave it to M(gpu_cluster.hardening.host_parts) to call the change good, or to undo it.
    type: bool
    default: false
extends_documentation_fragment:
  - gpu_cluster.hardening.host_store
  - gpu_cluster.hardening.attributes
attributes:
  check_mode:
    description: Says what would be written, lets the programs judge it, and changes nothing.
  diff_mode:
    description: Shows the lines that change, but not of files that are sensitive.
  idempotent:
    description: A second run writes nothing, does no step, and changes no time of a file.
seealso:
  - module: gpu_cluster.hardening.host_info
  - module: gpu_cluster.hardening.host_parts
"""

EXAMPLES = r"""
- name: Options of the driver
  gpu_cluster.hardening.host_files:
    name: driver
    files:
      - path: /etc/modprobe.d/90-gpu-cluster-hardening.conf
        content: |
          options nvidia NVreg_RestrictProfilingToAdminUsers=1
    steps:
      - command: [update-initramfs, -u]

- name: As it was before
  gpu_cluster.hardening.host_files:
    name: driver
    state: absent
"""

RETURN = r"""
files:
  description: Files that changed, with what was done (created, replaced or removed).
  returned: success
  type: list
  elements: dict
  sample: [{path: /etc/modprobe.d/90-gpu-cluster-hardening.conf, action: created}]
steps:
  description: What was done for them.
  returned: success
  type: list
  elements: str
  sample: [update-initramfs -u]
kept:
  description: Where files are now that somebody else had changed since they were written.
  returned: success
  type: dict
  sample: {}
disrupts:
  description: Why running work would lose its GPU by the change, or empty.
  returned: success
  type: str
  sample: ""
reboot_owed:
  description: Why a reboot is needed, or empty.
  returned: success
  type: str
  sample: ""
open:
  description: Whether the part has a change that nobody has called good yet.
  returned: success
  type: bool
  sample: false
"""

from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.module_exit import fail, succeed
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.change import Done, Part, make
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.judging import judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.moves import read_wanted
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.programs import run
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.report import (
    result_of,
    shown_options,
    warnings_of,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.store import (
    STORE_OPTION,
    Store,
    read_step,
)

FILE_OPTIONS = {
    "path": {"type": "str", "required": True},
    "content": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "sensitive": {"type": "bool", "default": False},
}
STEP_OPTIONS = {
    "service": {"type": "str", "default": ""},
    "action": {"type": "str", "default": "restart"},
    "command": {"type": "list", "elements": "str", "default": []},
    "settle": {"type": "int", "default": 3},
    "paths": {"type": "list", "elements": "str", "default": []},
}
ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "files": {"type": "list", "elements": "dict", "options": FILE_OPTIONS, "default": []},
    "validate": {"type": "list", "elements": "list", "default": []},
    "drafts": {"type": "list", "elements": "dict", "options": FILE_OPTIONS, "default": []},
    "steps": {"type": "list", "elements": "dict", "options": STEP_OPTIONS, "default": []},
    "disrupts": {"type": "str", "default": ""},
    "reboot_owed": {"type": "str", "default": ""},
    "keep_open": {"type": "bool", "default": False},
    **STORE_OPTION,
}


def work(params: dict[str, Any], check: bool, temporary: str) -> Done:
    """Make the part what the options say."""
    present = params["state"] == "present"
    wanted = read_wanted(params["files"] if present else [])
    drafts = read_wanted(params["drafts"] if present else [])
    steps = [read_step(step) for step in params["steps"]]
    asked = partial(judge, wanted, drafts, params["validate"], run, temporary)
    part = Part(params["name"], Store(params["store"]), run)
    if check:
        return make(part, wanted, steps, asked, check)
    with part.store.locked():
        return make(part, wanted, steps, asked, check, params["keep_open"])


def main() -> None:
    """Entry point."""
    # no_log keeps contents of files out of the system log.
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True, no_log=True)
    hidden = shown_options(module.params)
    try:
        done = work(module.params, module.check_mode, module.tmpdir)
    except HardeningError as error:
        fail(module, error, **hidden)
    except OSError as error:
        fail(module, HardeningError(f"{error.filename}: {error.strerror}. The next run goes on from there."), **hidden)
    told = {name: module.params[name] if done.changed else "" for name in ("disrupts", "reboot_owed")}
    succeed(module, {**result_of(done), **told}, warnings_of(done, module.params["store"]), **hidden)


if __name__ == "__main__":
    main()
