# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control plane is built from, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import (
    BuildPlan,
    cache_folder,
    plan_programs,
)

SOURCES = ("go.mod", "go.sum", "main.go")
BINARY = "control-plane"
KUBERNETES_MODULE = re.compile(r"^\s*k8s\.io/kubernetes v(\d+)\.(\d+)\.(\d+)$", re.MULTILINE)


def plan_build(sources: Path, environment: Mapping[str, str]) -> BuildPlan:
    """Decide how the control plane is built, and where it is kept.

    Raises:
        HardeningError: a source file is missing, or go.mod does not say which Kubernetes it is.
    """
    go_mod = sources / "go.mod"
    flags = build_flags(go_mod.read_text(encoding="utf-8")) if go_mod.is_file() else ()
    cache = cache_folder(environment, BINARY)
    return plan_programs("the control plane", sources, SOURCES, flags, {BINARY: "."}, cache)


def build_flags(go_mod: str) -> tuple[str, ...]:
    """Arguments of ``go build``. The API server reports the version that go.mod pins."""
    match = KUBERNETES_MODULE.search(go_mod)
    if match is None:
        raise HardeningError("sources: go.mod does not require k8s.io/kubernetes.")
    major, minor, patch = match.groups()
    package = "k8s.io/component-base/version"
    variables = {"gitVersion": f"v{major}.{minor}.{patch}", "gitMajor": major, "gitMinor": minor}
    settings = " ".join(f"-X {package}.{name}={value}" for name, value in variables.items())
    return ("-mod=mod", "-trimpath", "-buildvcs=false", f"-ldflags=-s -w {settings}")
