# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a task's variables, each worked out once. Ansible works one out anew in each place that reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible.utils.unsafe_proxy import wrap_var

try:
    from ansible.template import is_trusted_as_template
except ImportError:  # before ansible-core 2.19

    def is_trusted_as_template(value: object) -> bool:
        """Whether Ansible would read a text as a template."""
        return not hasattr(value, "__UNSAFE__")


OTHER = re.compile(r"\s*\{\{\s*(?P<name>[A-Za-z_]\w*)\s*\}\}\s*")


class WorkedOut:
    """Looks up variables by name. What one of them reads of others is not worked out again."""

    def __init__(self, templar: Any, variables: Mapping[str, Any]) -> None:
        self._templar = templar
        self._raw = variables
        self._values = dict(variables)
        self._begun: set[str] = set()
        self._done: set[str] = set()
        templar.available_variables = self._values

    def __call__(self, name: str) -> Any:
        """The value of a variable.

        Raises:
            KeyError: there is no such variable.
            Exception: of many types, if its template fails; in each place that asks for it.
        """
        if name not in self._done:
            self._begun.add(name)
            other = self._other(self._raw[name])
            value = self(other) if other else self._templar.template(self._raw[name])
            self._values[name] = wrap_var(value)  # texts of a value are no templates
            self._done.add(name)
        return self._values[name]

    def _other(self, raw: object) -> str:
        """The variable that a template does no more than read; empty if it does more, or reads itself."""
        found = OTHER.fullmatch(raw) if isinstance(raw, str) and is_trusted_as_template(raw) else None
        name = found["name"] if found else ""
        return name if name in self._raw and (name in self._done or name not in self._begun) else ""
