# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the variables of all roles of a play at once, before the first of them changes anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import join_failures
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.role_settings import (
    failed_plans,
    misspelt,
    read_spec,
    wrong_values,
)
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.run_selection import PREFIX
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.worked_out import WorkedOut

ROLES = Path(__file__).resolve().parents[2] / "roles"


class ActionModule(ActionBase):  # type: ignore[misc]
    """Reads what every role of this collection documents and compares it with what the play has."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _VALID_ARGS = frozenset({"plans"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with everything that is wrong, or say which roles were looked at."""
        variables = task_vars or {}
        result = dict(super().run(tmp, variables))
        specs = {path.name: read_spec(path) for path in sorted(ROLES.iterdir()) if path.is_dir()}
        played = [name.removeprefix(PREFIX) for name in variables.get("ansible_play_role_names", ())]
        roles = ["cluster", *(name for name in dict.fromkeys(played) if name in specs and name != "cluster")]
        value_of = WorkedOut(self._templar, variables)
        problems = wrong_values({role: specs[role] for role in roles}, variables, value_of)
        problems += misspelt(variables, [name for spec in specs.values() for name in spec])
        # A plan of wrong values would only say the same again.
        problems = problems or failed_plans(self._task.args.get("plans", ()), variables, value_of)
        if problems:
            message = join_failures("Wrong settings, nothing was changed", problems)
            return {**result, "failed": True, "msg": message}
        return {**result, "changed": False, "roles": roles}
