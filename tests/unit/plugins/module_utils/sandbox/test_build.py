# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control plane is built from."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.build import build_flags, plan_build

GO_MOD = "module x\n\nrequire (\n\tk8s.io/kubernetes v1.37.2\n)\n"


def test_the_server_reports_the_version_that_go_mod_pins() -> None:
    assert "gitVersion=v1.37.2" in build_flags(GO_MOD)[-1]
    assert "gitMinor=37" in build_flags(GO_MOD)[-1]


def test_sources_without_kubernetes_are_refused() -> None:
    with pytest.raises(HardeningError, match="does not require"):
        build_flags("module x\n")


def test_missing_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(HardeningError, match=r"go\.mod, go\.sum, main\.go"):
        plan_build(tmp_path, {"HOME": "/h"})
