# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real promtool and Prometheus, built once on a machine from the sources that tests/servers/prometheus pins."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from server_programs import go_module, server_program

OPERATOR = ("github.com/prometheus-operator/prometheus-operator", "v0.85.0")


@dataclass(frozen=True)
class Programs:
    """The folder of the programs."""

    folder: Path

    @property
    def prometheus(self) -> Path:
        """The server."""
        return self.folder / "prometheus"

    def promtool(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run promtool; the caller looks at the exit code."""
        command = [str(self.folder / "promtool"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def build_programs() -> Programs:
    """Build them unless they are in the user's cache; four minutes on two cores."""
    return Programs(server_program("prometheus").parent)


def prometheus_rule_crd() -> Path:
    """The CustomResourceDefinition of PrometheusRule, as the Prometheus Operator publishes it in its Go module."""
    folder = go_module(*OPERATOR) / "example" / "prometheus-operator-crd"
    return folder / "monitoring.coreos.com_prometheusrules.yaml"
