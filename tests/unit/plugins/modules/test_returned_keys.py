# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No module returns a key that Ansible reads: with a list named ``skipped``, a task that changed nodes is skipped."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

MODULES = Path(__file__).resolve().parents[4] / "plugins" / "modules"
NAMES = sorted(path.stem for path in MODULES.glob("*.py"))

# What the task executor, strategies, callbacks and filters of tests (``is skipped``) look for in a result. ``changed``,
# ``failed``, ``msg``, ``diff`` and ``warnings`` are left out: modules return them, and mean what Ansible means.
RESERVED = frozenset(
    {
        "add_group",
        "add_host",
        "ansible_facts",
        "ansible_job_id",
        "ansible_stats",
        "async_result",
        "attempts",
        "backup_file",
        "cmd",
        "delta",
        "deprecations",
        "end",
        "exception",
        "failed_when_result",
        "false_condition",
        "finished",
        "include",
        "include_args",
        "invocation",
        "item",
        "killed",
        "module_stderr",
        "module_stdout",
        "rc",
        "results",
        "results_file",
        "retries",
        "skip_reason",
        "skipped",
        "skipped_reason",
        "start",
        "started",
        "stderr",
        "stderr_lines",
        "stdout",
        "stdout_lines",
        "until",
        "unreachable",
    }
)
# To be renamed with the modules: ``skipped`` of gpu_nodes, and ``retries``, which a loop with ``until`` replaces.
LEFT = {"gpu_nodes": {"skipped"}, "external_secrets_info": {"retries"}}


def returned(module: str) -> set[str]:
    """Keys that a module documents."""
    tree = ast.parse((MODULES / f"{module}.py").read_text(encoding="utf-8"))
    (text,) = (
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "RETURN"
        and isinstance(node.value, ast.Constant)
    )
    return set(yaml.safe_load(str(text)) or {})


@pytest.mark.parametrize("module", NAMES)
def test_no_result_uses_a_key_of_ansible(module: str) -> None:
    keys = returned(module)
    assert keys & RESERVED - LEFT.get(module, set()) == set()
    assert [key for key in keys if key.startswith(("_ansible", "ansible_"))] == []
