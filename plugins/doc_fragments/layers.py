# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options of what reads or writes layers."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``layers`` fragment; the argument spec is ``module_utils/layers/identity.py``."""

    DOCUMENTATION = r"""
options:
  parent_namespace:
    description:
      - The namespace of the layers' own ConfigMaps. The first layer makes it, and the removal of the last one takes it
        away, if this collection made it.
    type: str
    default: gpu-cluster-hardening
"""
