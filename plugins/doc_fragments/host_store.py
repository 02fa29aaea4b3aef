# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option that modules of machines share."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``host_store`` fragment; the argument spec is ``module_utils/hosts/store.py``."""

    DOCUMENTATION = r"""
options:
  store:
    description: Folder, of root alone, that keeps what was there before.
    type: path
    default: /var/lib/gpu_cluster_hardening
"""
