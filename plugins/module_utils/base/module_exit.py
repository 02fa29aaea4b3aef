# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every module ends: warnings shown, the invocation free of secrets, failures with all they carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError


def succeed(module: AnsibleModule, result: Mapping[str, Any], warnings: Iterable[str] = (), **hidden: object) -> None:
    """Exit with a result. ``hidden`` replaces parameters in the invocation that is returned."""
    for text in warnings:
        module.warn(text)
    module.exit_json(**_wanted(module, result), **_invocation(module, hidden))


def fail(module: AnsibleModule, error: HardeningError, **hidden: object) -> NoReturn:
    """Exit with an error and what was done before it."""
    result = {"failures": error.failures, **error.partial} if error.failures else error.partial
    module.fail_json(msg=error.message, **_wanted(module, result), **_invocation(module, hidden))
    raise AssertionError("fail_json returned")


def _wanted(module: AnsibleModule, result: Mapping[str, Any]) -> dict[str, Any]:
    """The result without its diff where nobody asked for one: of thousands of objects it is large."""
    return {key: value for key, value in result.items() if key != "diff" or module._diff}


def _invocation(module: AnsibleModule, hidden: Mapping[str, object]) -> dict[str, Any]:
    return {"invocation": {"module_args": {**module.params, **hidden}}}
