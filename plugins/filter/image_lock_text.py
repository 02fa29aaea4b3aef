# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that makes the text of a lock of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.lock import read_locked_images
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.image_lock_file import lock_text


def image_lock_text(lock: object, images: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> str:
    """See plugins/filter/image_lock_text.yml."""
    entry = Entry("lock", lock)
    locked = read_locked_images(entry)
    if entry.problems:
        raise AnsibleFilterError(join_failures("The lock of images cannot be used", entry.problems))
    if len(images) != len(found):
        raise AnsibleFilterError(f"image_lock_text: {len(images)} images, but {len(found)} results; give one for each")
    return lock_text(locked, images, found)


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """The filters by name."""
        return {"image_lock_text": image_lock_text}
