# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup that takes CustomResourceDefinitions out of a file with a known SHA-256."""

from __future__ import annotations

DOCUMENTATION = r"""
name: crds
short_description: Take CustomResourceDefinitions out of a file with a known SHA-256
version_added: 0.1.0
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
description:
  - Reads a file with CustomResourceDefinitions, from this machine or from an address, refuses it if its SHA-256 is
    another one, and gives those that serve the kinds that are asked for. Talks to no cluster.
  - A download is kept in C(~/.cache/gpu_cluster.hardening/files), or below C($XDG_CACHE_HOME), by its SHA-256, so it is
    fetched once. The proxies of the environment are used, and the certificate of the server is checked.
  - Conversion webhooks are left out of the definitions.
options:
  _terms:
    description: Absolute path or address (C(https)) of the file, one only.
    type: list
    elements: str
    required: true
  sha256:
    description: SHA-256 of the file.
    type: str
    required: true
  kinds:
    description: The kinds that are wanted, with the keys C(api_version) and C(kind). Each must be served by the file.
    type: list
    elements: dict
    required: true
  allow_http:
    description: Accept an address without TLS.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Apply the definition of ExternalSecret
  gpu_cluster.hardening.manifests:
    manifests: "{{ query('gpu_cluster.hardening.crds', bundle, sha256=bundle_sha256, kinds=kinds) }}"
  vars:
    bundle: https://raw.githubusercontent.com/external-secrets/external-secrets/v2.9.0/deploy/crds/bundle.yaml
    bundle_sha256: 08b08d88e9522436698d6c90510b530d491081fbf92015faa7a571bb8b50bc5b
    kinds: [{api_version: external-secrets.io/v1, kind: ExternalSecret}]
"""

RETURN = r"""
_list:
  description: The definitions, in the order of O(kinds).
  type: list
  elements: dict
"""

import os
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import cache_folder
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.crd_file import take_crds
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.pinned_file import Pinned, read_pinned


class LookupModule(LookupBase):
    """What Ansible looks for in this file."""

    def run(self, terms: list[str], variables: Any = None, **options: Any) -> list[dict[str, Any]]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=options)
        if len(terms) != 1 or not terms[0]:
            raise AnsibleLookupError("crds: give the path or the address of one file")
        file = Pinned(str(terms[0]), str(self.get_option("sha256")), self.get_option("allow_http"))
        try:
            content = read_pinned(file, cache_folder(os.environ, "files"))
            return take_crds(content.decode(errors="replace"), self.get_option("kinds"), file.shown)
        except HardeningError as error:
            raise AnsibleLookupError(error.message) from None
