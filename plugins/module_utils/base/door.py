# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A door: what a module does, apart from the process that does it.

A process of its own runs it by ``run_as_module``, Ansible's own process by ``plugin_utils/in_process.py``. Both give
the result that ``answer`` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.diff_text import readable
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

MASKED = "<masked>"


class Call(Protocol):
    """What a door knows of the task that calls it. An AnsibleModule is one.

    Attributes:
        params: the options, validated.
        check_mode: whether nothing may be changed.
        no_log_values: texts that must not appear in the result; a door adds secrets that it read from elsewhere.
    """

    params: dict[str, Any]
    check_mode: bool
    no_log_values: set[str]


@dataclass(frozen=True)
class Door:
    """A module.

    Attributes:
        options: the argument spec.
        work: does it: the result of a call, and warnings. It raises HardeningError, and nothing else, if it fails.
        hidden: of options with secrets in them, what the invocation shows instead of their values.
        rules: ``required_if`` and the like, by their names.
    """

    options: Mapping[str, Mapping[str, Any]]
    work: Callable[[Call], tuple[Mapping[str, Any], Sequence[str]]]
    hidden: Mapping[str, Callable[[Any], object]] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)

    def invocation(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What a result says of the options that were given."""
        shown = {name: hide(params[name]) for name, hide in self.hidden.items() if params.get(name) is not None}
        return {"module_args": {**params, **shown}}

    def refused_invocation(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The same, where options are not valid: they may be of any type."""
        return {"module_args": {**params, **{name: MASKED for name in self.hidden if name in params}}}


def teller(call: Call) -> Callable[[str], None]:
    """How a call tells a user who waits for it; a process of its own has nobody who listens before it ends."""
    tell: Callable[[str], None] = getattr(call, "tell", lambda _text: None)
    return tell


def answer(door: Door, call: Call, diff: bool, whole: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Do what a call asks for.

    Args:
        door: what does it.
        call: what is asked for.
        diff: whether a diff is.
        whole: whether the diff shows all of new objects.

    Returns:
        The whole result, with ``failed`` and ``msg`` in it if it failed, and the warnings, each once. The diff is left
        out where nobody asked for one: of thousands of objects it is large.
    """
    warnings: Sequence[str] = ()
    result: Mapping[str, Any]
    invocation = door.invocation(call.params)
    try:
        result, warnings = door.work(call)
    except HardeningError as error:
        failures = {"failures": error.failures} if error.failures else {}
        result = {**failures, **error.partial, "failed": True, "msg": error.message}
    wanted = {key: value for key, value in result.items() if key != "diff"}
    if diff and "diff" in result:
        wanted["diff"] = readable(result["diff"], whole)
    return {**wanted, "invocation": invocation}, list(dict.fromkeys(warnings))


def run_as_module(door: Door) -> None:
    """Be the module of a door: options on stdin, the result on stdout."""
    module = _door_module(door)
    result, warnings = answer(door, module, module._diff, module._verbosity > 0)
    for text in warnings:
        module.warn(text)
    end = module.fail_json if result.get("failed") else module.exit_json
    end(**result)


def _door_module(door: Door) -> AnsibleModule:
    class DoorModule(AnsibleModule):  # type: ignore[misc]
        """Hides secrets also where the options are not valid, which ends in the constructor."""

        def fail_json(self, msg: str, **details: Any) -> NoReturn:
            details.setdefault("invocation", door.refused_invocation(self.params))
            super().fail_json(msg, **details)
            raise AssertionError("fail_json returned")

    # no_log keeps the invocation out of the system log.
    return DoorModule(
        argument_spec=dict(door.options), supports_check_mode=True, no_log=bool(door.hidden), **door.rules
    )
