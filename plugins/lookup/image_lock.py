# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup that reads a lock of images."""

from __future__ import annotations

DOCUMENTATION = r"""
name: image_lock
short_description: Read the digests of images from a lock file
version_added: 0.1.0
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
description:
  - Gives the images of a lock file as a mapping, for the filter P(gpu_cluster.hardening.image#filter). Talks to no
    registry.
  - A file that does not exist has no images. One that is not as the playbook C(gpu_cluster.hardening.lock_images)
    writes it is refused.
options:
  _terms:
    description: Absolute path of the lock file, one only.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
- name: Show what is locked
  ansible.builtin.debug:
    msg: "{{ lookup('gpu_cluster.hardening.image_lock', inventory_dir ~ '/image-lock.yml') }}"
"""

RETURN = r"""
_raw:
  description: The digest and the media type of each image, by C(repository:tag).
  type: list
  elements: dict
  sample:
    - nvcr.io/nvidia/k8s-device-plugin:v0.20.0:
        digest: sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
        media_type: application/vnd.oci.image.index.v1+json
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.image_lock_file import parse_lock


class LookupModule(LookupBase):
    """What Ansible looks for in this file."""

    def run(self, terms: list[str], variables: Any = None, **options: Any) -> list[dict[str, dict[str, str]]]:  # noqa: ARG002
        """See DOCUMENTATION."""
        if len(terms) != 1 or options:
            raise AnsibleLookupError("image_lock: give the path of one lock file, and nothing else")
        path = Path(terms[0]).expanduser()
        if not path.is_absolute():
            raise AnsibleLookupError(f"image_lock: {terms[0]!r} is not absolute; begin it with inventory_dir")
        try:
            images = parse_lock(path.read_text(encoding="utf-8"), str(path))
        except FileNotFoundError:
            images = {}
        except (OSError, UnicodeDecodeError) as error:
            raise AnsibleLookupError(f"The lock of images {path} cannot be read: {error}") from None
        except HardeningError as error:
            raise AnsibleLookupError(error.message) from None
        return [{name: image.as_json() for name, image in images.items()}]
