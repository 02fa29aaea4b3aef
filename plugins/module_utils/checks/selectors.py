# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label selectors of policies, as the API spells them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.label_selector import (
    matches,
    read_label_selector,
)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector is about something with these labels; an empty one is about everything, none about nothing."""
    return selector is not None and matches(read_label_selector(selector), labels)
