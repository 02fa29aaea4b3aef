#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that calls changes of a machine good, undoes them, or takes all of them back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_parts
short_description: Call changes of a machine good, undo them, or take all of them back
version_added: 0.1.0
description:
  - Knows the parts of a machine that M(gpu_cluster.hardening.host_files) wrote, from the machine alone.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  state:
    description:
      - V(accepted) calls changes good that were kept open. They cannot be undone any more.
      - V(undone) undoes changes that were kept open, and does their steps again. It does nothing to a part that has
        none.
      - V(absent) puts the very bytes back that were there before the part, with their owner and mode.
    type: str
    choices: [accepted, undone, absent]
    required: true
  names:
    description: Names of parts. All by default.
    type: list
    elements: str
extends_documentation_fragment:
  - gpu_cluster.hardening.host_store
  - gpu_cluster.hardening.attributes
attributes:
  check_mode:
    description: Says what would be done, and changes nothing.
  diff_mode:
    description: Shows the lines that change, but not of files that are sensitive.
  idempotent:
    description: A second run writes nothing and does no step.
seealso:
  - module: gpu_cluster.hardening.host_files
"""

EXAMPLES = r"""
- name: Undo what this run has changed
  gpu_cluster.hardening.host_parts:
    state: undone
"""

RETURN = r"""
parts:
  description: What was done with each part that was changed.
  returned: success
  type: list
  elements: dict
  sample:
    - name: container_toolkit
      changed: true
      files: [{path: /etc/nvidia-container-runtime/config.toml, action: replaced}]
      steps: [restart containerd]
      kept: {}
      open: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.module_exit import fail, succeed
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.change import Done, Part, accept, make, undo
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.programs import run
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.report import result_of, warnings_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.store import STORE_OPTION, Store

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["accepted", "undone", "absent"], "required": True},
    "names": {"type": "list", "elements": "str"},
    **STORE_OPTION,
}


def treat(part: Part, state: str, check: bool) -> Done:
    """Do with one part what is asked for."""
    if state == "accepted":
        accept(part, check)
        return Done((), (), {}, False)
    if state == "undone":
        return undo(part, check)
    return make(part, {}, (), lambda: None, check)


def work(store: Store, names: list[str], state: str, check: bool) -> dict[str, Done]:
    """What was done with each part. All are tried, the last ones first."""
    done: dict[str, Done] = {}
    problems: list[str] = []
    for name in reversed(names):
        try:
            done[name] = treat(Part(name, store, run), state, check)
        except HardeningError as error:
            problems.append(error.message)
        except OSError as error:
            problems.append(f"{name}: {error.filename}: {error.strerror}")
    if problems:
        raise HardeningError(join_failures("Not all parts of this machine could be treated", problems))
    return done


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params: dict[str, Any] = module.params
    store = Store(params["store"])
    try:
        names = params["names"] if params["names"] is not None else store.parts()
        if module.check_mode or not names:
            done = work(store, names, params["state"], module.check_mode)
        else:
            with store.locked():
                done = work(store, names, params["state"], module.check_mode)
    except HardeningError as error:
        fail(module, error)
    results = {name: result_of(one) for name, one in done.items()}
    diff = [entry for result in results.values() for entry in result.pop("diff")]
    parts = [{"name": name, **result} for name, result in results.items() if result["changed"]]
    warnings = [text for one in done.values() for text in warnings_of(one, params["store"])]
    succeed(module, {"changed": bool(parts), "parts": parts, "diff": diff}, warnings)


if __name__ == "__main__":
    main()
