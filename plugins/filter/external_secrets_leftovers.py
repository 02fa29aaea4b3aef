# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that names what the role external_secrets applied earlier and is no longer to be there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.leftovers import leftovers


def external_secrets_leftovers(
    plan: Mapping[str, Any], found: Mapping[str, Any], stages: object = (), state: str = "present"
) -> dict[str, list[dict[str, Any]]]:
    """See plugins/filter/external_secrets_leftovers.yml."""
    known = stages if isinstance(stages, list | tuple) else ()
    unwanted = leftovers(plan, found, [stage["namespace"] for stage in known], state == "present")
    return {"fetched": unwanted.fetched, "rest": unwanted.rest, "kinds": unwanted.kinds}


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., dict[str, list[dict[str, Any]]]]]:
        """The filters by name."""
        return {"external_secrets_leftovers": external_secrets_leftovers}
