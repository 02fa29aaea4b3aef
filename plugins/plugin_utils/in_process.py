# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a door in Ansible's own process, where a module would be one more Python on the same machine.

Ansible loads an action before it forks a worker for each task, and with it the client library and the filters of this
collection: no task imports them again. The result is the module's, and everywhere else the module runs: over another
connection, with become, async, an environment of its own, or another interpreter.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any, ClassVar

from ansible import constants as C  # noqa: N812 - as everywhere in Ansible
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Door, answer

# A worker that looks for one of them loads all.
for _filter in sorted((Path(__file__).parents[1] / "filter").glob("[!_]*.py")):
    importlib.import_module(f"ansible_collections.gpu_cluster.hardening.plugins.filter.{_filter.stem}")
display = Display()


@dataclass
class TaskCall:
    """A call from a task; what a door needs of an AnsibleModule."""

    params: dict[str, Any]
    check_mode: bool
    no_log_values: set[str]

    def tell(self, text: str) -> None:
        """Show a user who waits a line; Ansible's own process prints it, though a worker says it."""
        display.display(str(remove_values(text, self.no_log_values)))


class InProcessAction(NormalAction):  # type: ignore[misc]
    """The action of a door. A subclass names the door."""

    door: ClassVar[Door]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the door here, or its module where that is something else."""
        if not self._is_at_home(task_vars or {}):
            return dict(super().run(tmp, task_vars))
        arguments = plain(self._task.args)
        with _as_a_module_sees_it(self._loader.get_basedir()):
            result = call(
                self.door, arguments, self._task.check_mode, self._task.diff, self._task.action, display.verbosity > 0
            )
        return dict(wrap_var(result))  # texts of a server are no templates

    def _is_at_home(self, task_vars: Mapping[str, Any]) -> bool:
        """Whether the module would be started on this machine, by this user, with this interpreter."""
        return (
            self._connection.transport == "local"
            and self._connection.become is None
            and not self._task.async_val
            and not any(self._task.environment or ())
            and self._interpreter(task_vars) == sys.executable
        )

    def _interpreter(self, task_vars: Mapping[str, Any]) -> str:
        """Path of the interpreter that is asked for; something else where it has yet to be found."""
        delegate = self._task.delegate_to
        variables = task_vars.get("ansible_delegated_vars", {}).get(delegate, {}) if delegate else task_vars
        configured = C.config.get_config_value("INTERPRETER_PYTHON", variables=variables)
        return str(self._templar.template(configured)).strip()


def call(
    door: Door, arguments: Mapping[str, Any], check_mode: bool, diff: bool, name: str, whole: bool = False
) -> dict[str, Any]:
    """Do what a door's module does with its arguments, and return what it would print.

    Args:
        door: the door.
        arguments: as the task gives them, in the types of JSON.
        check_mode: whether nothing may be changed.
        diff: whether the result has a diff.
        name: of the module, as the task says it.
        whole: whether the diff shows all of new objects.
    """
    validation = ArgumentSpecValidator(dict(door.options), **door.rules).validate(arguments)
    asked = TaskCall(validation.validated_parameters, check_mode, set(validation._no_log_values))
    if validation.error_messages:
        message = validation.errors.msg
        if isinstance(validation.errors[0], UnsupportedError):
            message = f"Unsupported parameters for ({name}) module: {message}"
        result = {"failed": True, "msg": message, "invocation": door.refused_invocation(asked.params)}
        warnings: list[str] = []
    else:
        result, warnings = answer(door, asked, diff, whole)
    aliases = [f"Both option {both['option']} and its alias {both['alias']} are set." for both in validation._warnings]
    if aliases or warnings:
        result["warnings"] = [*aliases, *warnings]
    if validation._deprecations:
        result["deprecations"] = validation._deprecations
    return _without(plain(result), asked.no_log_values)


def _without(result: dict[str, Any], secrets: set[str]) -> dict[str, Any]:
    """A result as AnsibleModule prints it: without secrets, but never with another ``changed`` or ``failed``."""
    kept = {key: value for key, value in result.items() if value is None or isinstance(value, bool)}
    return {**remove_values(result, secrets), **kept} if secrets else result


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments or a result as they are after their way through JSON, to a module or from it."""
    return dict(json.loads(json.dumps(value, default=_as_json)))


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return list(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if hasattr(value, "__ENCRYPTED__"):  # a value that ansible-vault encrypted, on cores before 2.19
        return str(value)
    raise TypeError(type(value).__name__)


@contextmanager
def _as_a_module_sees_it(folder: str) -> Iterator[None]:
    """The working folder of a module, no terminal, no log, and temporary files that end with the task.

    A worker ends without what libraries do at the end of a process, and the client library writes keys to files.
    """
    before, handlers, temporary = os.getcwd(), logging.root.handlers[:], tempfile.tempdir
    with (
        tempfile.TemporaryDirectory(dir=C.DEFAULT_LOCAL_TMP) as own,
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        try:
            os.chdir(folder)
            logging.root.handlers[:] = []
            tempfile.tempdir = own
            yield
        finally:
            tempfile.tempdir = temporary
            logging.root.handlers[:] = handlers
            os.chdir(before)
