# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real promtool and Prometheus, built once on a machine from the sources that tests/servers/prometheus pins."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import (
    build,
    cache_folder,
    find_go,
    go_folders,
    plan_programs,
)
from sandbox_access import CHECKOUT

SOURCES = CHECKOUT / "tests" / "servers" / "prometheus"
MODULE = "github.com/prometheus/prometheus"
# Without service discovery, which is most of it and needs the libraries of all clouds.
FLAGS = ("-trimpath", "-buildvcs=false", "-tags=remove_all_sd", "-ldflags=-s -w")
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"


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


def build_programs(log: Path) -> Programs:
    """Build them unless they are in the user's cache; four minutes on two cores."""
    plan = plan_programs(
        "Prometheus",
        SOURCES,
        ("go.mod", "go.sum"),
        FLAGS,
        {name: f"{MODULE}/cmd/{name}" for name in ("promtool", "prometheus")},
        cache_folder(os.environ, "prometheus"),
    )
    build(plan, log)
    return Programs(plan.folder)


def prometheus_rule_crd() -> Path:
    """The CustomResourceDefinition of PrometheusRule, as the Prometheus Operator publishes it in its Go module."""
    go = find_go(go_folders(os.environ))
    done = subprocess.run(
        [str(go), "mod", "download", "-json", OPERATOR],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        timeout=600,
    )
    folder = Path(json.loads(done.stdout)["Dir"]) / "example" / "prometheus-operator-crd"
    return folder / "monitoring.coreos.com_prometheusrules.yaml"
