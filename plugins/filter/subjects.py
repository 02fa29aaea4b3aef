# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that checks subjects and spells them as a binding does."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.subjects import Subject, read_subjects


def subjects(value: object, name: str) -> list[Subject]:
    """See plugins/filter/subjects.yml."""
    problems: list[str] = []
    found = read_subjects(Entry(name, value, problems))
    if problems:
        raise AnsibleFilterError(join_failures("The subjects are wrong", problems))
    return found


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., list[Subject]]]:
        """The filters by name."""
        return {"subjects": subjects}
