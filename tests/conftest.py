# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives tests what the templates of a role come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from role_templates import Objects, Render, render_in


@pytest.fixture(scope="session")
def render_role(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Renders all templates of a role once for each case, a mapping of variables; answers by the name of the case."""

    def render(role: str, cases: Mapping[str, Mapping[str, Any]]) -> dict[str, Objects]:
        return render_in(tmp_path_factory.mktemp(role), role, cases)

    return render
