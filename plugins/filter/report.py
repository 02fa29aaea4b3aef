# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that makes the text of a report in one of several formats."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.formats import render


def report(reports: object, format: str = "json", previous: object = ()) -> str:  # noqa: A002  its name in playbooks
    """See plugins/filter/report.yml."""
    try:
        text = render(reports, format, previous)
    except HardeningError as error:
        raise AnsibleFilterError(error.message) from None
    return wrap_var(text)  # type: ignore[no-any-return]  # texts of a cluster are no templates


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """The filters by name."""
        return {"report": report}
