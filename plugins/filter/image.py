# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that checks an image and makes its reference."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import (
    LEADING_VERSION,
    Floor,
    Pins,
    image_reference,
)


def image(
    value: object,
    registry: object = "",
    floor: object = "",
    allow_below_floor: object = False,
    version_pattern: object = LEADING_VERSION,
    reason: str = "",
    name: str = "image",
    lock: object = None,
    require_digest: object = False,
) -> str:
    """See plugins/filter/image.yml."""
    try:
        limits = Floor(floor, version_pattern, reason, allow_below_floor)
        return image_reference(value, registry, limits, name, Pins(lock, require_digest))
    except HardeningError as error:
        raise AnsibleFilterError(error.message) from None


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """The filters by name."""
        return {"image": image}
