# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes proposed exceptions as YAML that a person can take lines from. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.tuning import Group

_HEAD = """---
# Proposed exceptions, from {alerts} alerts. Nothing here is in force: take what you accept into falco_exceptions of the
# inventory. What is silent then stays silent for whoever does the same on purpose.
"""


def proposals_text(groups: Sequence[Group], profiles: Sequence[Mapping[str, Any]] = ()) -> str:
    """The file of proposals.

    Args:
        groups: all groups; those without a proposal become comments.
        profiles: of images, from a trial.
    """
    lines = [_HEAD.format(alerts=sum(group.count for group in groups))]
    proposed = [group for group in groups if group.exception]
    lines.append("falco_exceptions:\n" if proposed else "falco_exceptions: []\n")
    for group in proposed:
        lines.append(_comment(group, "  "))
        lines.append(f"  - rule: {json.dumps(group.rule)}\n    name: {json.dumps(group.exception)}\n    values:\n")
        lines += [f"      - [{', '.join(json.dumps(cell) for cell in row)}]\n" for row in group.values]
    if profiles:
        lines.append("\n# What serving images did in the trial. With this, whatever else they do is an alert.\n")
        lines.append("falco_image_profiles:\n")
        lines += [f"  - {json.dumps(profile)}\n" for profile in profiles]
    others = [group for group in groups if not group.exception]
    if others:
        lines.append("\n# Nothing is proposed for these:\n")
        lines += [f"#\n# {_plain(group.rule)}: {group.reason}\n{_comment(group, '')}" for group in others]
    return "".join(lines)


def _comment(group: Group, indent: str) -> str:
    where = f"{_plain(group.process) or '?'} below {_plain(group.parent) or '?'} in {_plain(group.image) or 'no image'}"
    return (
        f"{indent}# {group.count} times from {_plain(group.first)} to {_plain(group.last)}: {where}\n"
        f"{indent}#   {_plain(group.example)}\n"
    )


def _plain(text: str) -> str:
    """A text on one line, whatever was in it."""
    return json.dumps(text, ensure_ascii=True)[1:-1]
