# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How YAML is read: as plain values, and by libyaml in a tenth of the time, where PyYAML was built with it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

with suppress(ImportError):  # whoever needs it says what to install
    import yaml


def safe_loader() -> Any:
    """A loader for ``yaml.load``."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
