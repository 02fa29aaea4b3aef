# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock file: its text taken apart, and made. For plugins of the controller, which always has PyYAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.lock import LockedImage, read_locked_images

VERSION = 1
_HEADER = """\
---
# Which digest each image had when it was looked at, written by the playbook gpu_cluster.hardening.lock_images.
# Keep this file under version control. To take what the tags mean now: lock_images with -e lock_images_refresh=true
"""
_BROKEN = (
    "The lock of images cannot be used; put back its last version, or remove what is wrong and run the playbook "
    "gpu_cluster.hardening.lock_images"
)


def parse_lock(text: str, path: str) -> dict[str, LockedImage]:
    """The images of a lock file, by ``repository:tag``.

    Args:
        text: its content.
        path: where it is, for messages.

    Raises:
        HardeningError: with everything that is wrong.
    """
    root = Entry(path, _parse_yaml(text, path))
    keys = root.keys({"version": REQUIRED, "images": REQUIRED})
    if keys["version"].given and keys["version"].value != VERSION:
        keys["version"].refuse(
            f"must be {VERSION}, the only form that is known; a newer collection may have written it"
        )
    images = read_locked_images(keys["images"])
    if root.problems:
        raise HardeningError(join_failures(_BROKEN, root.problems))
    return images


def lock_text(
    lock: Mapping[str, LockedImage], images: Iterable[Mapping[str, Any]], found: Iterable[Mapping[str, Any]]
) -> str:
    """The lock file after images were looked at. The same content is always the same text.

    Args:
        lock: what it holds; images that were not looked at stay.
        images: ``{repository, tag, digest}`` as the variables of the roles name them. One with a digest of its own
            needs no lock.
        found: what a registry knows of each, in the same order: ``{digest, media_type}``.
    """
    entries = dict(lock)
    for image, answer in zip(images, found, strict=True):
        if not image.get("digest"):
            locked = LockedImage(answer["digest"], answer["media_type"])
            entries[f"{image['repository']}:{image['tag']}"] = locked
    body = {
        "version": VERSION,
        "images": {name: image.as_json() for name, image in sorted(entries.items())},
    }
    return _HEADER + yaml.safe_dump(body, sort_keys=False, width=200)


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is there twice: of two digests of one image, nobody knows which was meant."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping."""
        seen = set()
        for key, _value in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice; keep one", key.start_mark
                )
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _parse_yaml(text: str, path: str) -> object:
    try:
        return yaml.load(text, Loader=_StrictLoader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        place = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise HardeningError(f"The lock of images {path} is not YAML{place}: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise HardeningError(f"The lock of images {path} is not YAML: {error}.") from None
