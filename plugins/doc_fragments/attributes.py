# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what every module supports."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``attributes`` fragments: for modules that change something, and for those that only read."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Says what would be done, as the server itself predicts it, and changes nothing.
    support: full
  diff_mode:
    description:
      - Shows the difference, without what the server keeps for itself and without the values of Secrets. Of new objects
        it has the main lines; C(-v) shows all.
    support: full
  idempotent:
    description: A second run changes nothing and sends no write request.
    support: full
options: {}
"""

    INFO = r"""
attributes:
  check_mode:
    description: Only reads, so it does the same in check mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: N/A
  idempotent:
    description: Only reads.
    support: N/A
options: {}
"""
