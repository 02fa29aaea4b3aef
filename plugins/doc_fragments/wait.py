# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the wait options."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``wait`` fragment; the argument spec is ``module_utils/api/wait.py``."""

    DOCUMENTATION = r"""
options:
  wait:
    description: Wait until what was applied is ready, or what was deleted is gone.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for all objects together.
    type: int
    default: 120
"""
