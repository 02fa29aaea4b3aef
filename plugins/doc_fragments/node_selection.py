# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that select nodes."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``node_selection`` fragment; the argument spec is ``module_utils/nodes/selection.py``."""

    DOCUMENTATION = r"""
options:
  discover:
    description:
      - Select nodes that are seen to have NVIDIA GPUs, by the labels of GPU Feature Discovery or Node Feature
        Discovery, by allocatable C(nvidia.com/gpu), C(nvidia.com/gpu.shared) or C(nvidia.com/mig-*), or by a
        ResourceSlice of the driver C(gpu.nvidia.com).
      - A node says all of that of itself.
    type: bool
    default: true
  label_selector:
    description: Select also nodes that match this label selector, for instance V(pool=gpu).
    type: str
    default: ""
  names:
    description: Select also these nodes. It is an error if one does not exist.
    type: list
    elements: str
    default: []
"""
