# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that checks the settings of External Secrets and plans where the operator runs and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.plan import plan
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.planned_settings import planned_settings


def external_secrets(settings: Mapping[str, Any]) -> Json:
    """See plugins/filter/external_secrets.yml."""
    return planned_settings(lambda given: plan(given, _read_file), settings)


def _read_file(path: str) -> str:
    return Path(path).expanduser().read_text(encoding="utf-8")


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Json]]:
        """The filters by name."""
        return {"external_secrets": external_secrets}
