# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of the alerts: the programs of Prometheus, and the rules that the role makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from alerts.cluster_series import Series
from alerts.programs import Programs, build_programs
from alerts.rule_rendering import render_rules

Labels = dict[str, str]
Check = Callable[..., None]


@pytest.fixture(scope="session")
def programs() -> Programs:
    """promtool and Prometheus."""
    return build_programs()


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rule file with all defaults."""
    return render_rules(tmp_path_factory.mktemp("rules"))


@pytest.fixture
def check(programs: Programs, rules: Path, tmp_path: Path) -> Check:
    """Lets promtool check which alerts fire at a minute: exactly these, by name and telling labels."""

    def run(found: Series, minute: int, *expected: Labels, of: Path = rules, keep: Sequence[str] = TELLING) -> None:
        test: dict[str, Any] = {
            "rule_files": [str(of)],
            "evaluation_interval": "1m",
            "tests": [
                {
                    "interval": "1m",
                    "input_series": [{"series": name, "values": values} for name, values in found.items()],
                    "promql_expr_test": [
                        {
                            "expr": f'sum by ({", ".join(keep)}) (ALERTS{{alertstate="firing"}})',
                            "eval_time": f"{minute}m",
                            "exp_samples": [{"labels": written(labels), "value": 1} for labels in expected],
                        }
                    ],
                }
            ],
        }
        path = tmp_path / "test.json"
        path.write_text(json.dumps(test), encoding="utf-8")
        done = programs.promtool("test", "rules", path)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


TELLING = ("alertname", "namespace", "pod", "node", "Hostname", "gpu", "GPU_I_ID", "xid")


def written(labels: Labels) -> str:
    """Labels as PromQL writes them."""
    return "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"
