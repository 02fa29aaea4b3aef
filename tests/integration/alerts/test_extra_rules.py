# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves with promtool that the check of a user's rules refuses what Prometheus refuses, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import promql_samples
import pytest
import template_samples
from alerts.programs import Programs


def accepted(programs: Programs, folder: Path, rules: list[dict[str, object]]) -> tuple[bool, str]:
    path = folder / "rules.json"  # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
    done = programs.promtool("check", "rules", "--lint=none", path)
    return done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_every_right_expression(programs: Programs, tmp_path: Path) -> None:
    rules = [{"record": f"r:{number}", "expr": text} for number, text in enumerate(promql_samples.RIGHT)]
    taken, said = accepted(programs, tmp_path, rules)
    assert taken, said


@pytest.mark.parametrize("text", promql_samples.WRONG)
def test_promtool_refuses_every_wrong_expression(programs: Programs, tmp_path: Path, text: str) -> None:
    taken, _said = accepted(programs, tmp_path, [{"record": "r:x", "expr": text}])
    assert not taken


def test_promtool_takes_every_right_template(programs: Programs, tmp_path: Path) -> None:
    rules = [
        {"alert": f"A{number}", "expr": "up == 0", "annotations": {"summary": text}}
        for number, text in enumerate(template_samples.RIGHT)
    ]
    taken, said = accepted(programs, tmp_path, rules)
    assert taken, said


@pytest.mark.parametrize("text", template_samples.WRONG)
def test_promtool_refuses_every_wrong_template(programs: Programs, tmp_path: Path, text: str) -> None:
    rule = {"alert": "A", "expr": "up == 0", "annotations": {"summary": text}}
    taken, _said = accepted(programs, tmp_path, [rule])
    assert not taken
