# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as JSON: the report itself."""

from __future__ import annotations

import json

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Report


def json_text(report: Report) -> str:
    """In ASCII, so that no text of a cluster can break the file's encoding."""
    return json.dumps(report, indent=2) + "\n"
