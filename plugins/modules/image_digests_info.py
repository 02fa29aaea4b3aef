#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that asks registries for the digests of images."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_digests_info
short_description: Find the digests of container images
version_added: 0.1.0
description:
  - Asks registries, over the API of the OCI distribution specification, which digest a tag has, and whether a digest is
    there. It is the digest of the index of all platforms, or of the manifest where an image has no index.
  - The digest is computed from the bytes that the registry sends. A registry that says or sends anything else is
    refused.
  - Talks to registries only, not to a cluster.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  images:
    description:
      - The images, as C(registry/repository:tag), C(registry/repository@digest) or both. The registry must be named,
        also V(docker.io).
      - With both, the digest must be there; O(moved_tags) says what happens if the tag has another one by now.
    type: list
    elements: str
    required: true
  moved_tags:
    description: What to do about a tag that does not have the digest beside it, V(fail) or V(warn).
    type: str
    choices: [fail, warn]
    default: fail
  platforms:
    description: Platforms that every image must be for, such as V(linux/amd64).
    type: list
    elements: str
    default: []
  registries:
    description: What is to be known of registries. One that needs none of it need not be listed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The registry, with its port if it has one, as it stands in the images.
        type: str
        required: true
      mirror:
        description:
          - Registry to ask in its stead, with a path if it has its copies below one, such as
            V(registry.example.com/hub). The registry itself is then never asked.
          - What is to be known of the mirror goes into an entry of its own.
        type: str
      username:
        description: User of the registry. Without it, the configuration of Docker is looked into.
        type: str
      password:
        description: Password or access token of the user.
        type: str
      ca_cert:
        description: Path of a certificate authority in PEM form to trust for it, beside those of the system.
        type: path
      plain_http:
        description: Ask it without TLS. Do not use it for a registry that is not on the same machine.
        type: bool
        default: false
  docker_config:
    description:
      - Path of the configuration of Docker with the credentials that C(docker login) or C(podman login) has stored
        (C(auths), C(credHelpers), C(credsStore)).
      - By default C($DOCKER_CONFIG/config.json), then C(~/.docker/config.json), if it is there.
    type: path
  timeout:
    description: Seconds for everything together. Requests are repeated until then while a registry is busy or away.
    type: int
    default: 60
  request_timeout:
    description: Seconds that one request may take.
    type: int
    default: 15
  concurrency:
    description: Most images that are asked for at once.
    type: int
    default: 8
requirements:
  - urllib3 (Python package, a dependency of kubernetes, for the interpreter that runs the modules)
notes:
  - E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY) are respected.
seealso:
  - plugin: gpu_cluster.hardening.image_lock
    plugin_type: lookup
extends_documentation_fragment:
  - gpu_cluster.hardening.attributes.info
"""

EXAMPLES = r"""
- name: Find the digest of an image for both kinds of nodes
  gpu_cluster.hardening.image_digests_info:
    images: [nvcr.io/nvidia/k8s-device-plugin:v0.20.0]
    platforms: [linux/amd64, linux/arm64]
  register: found

- name: Show it
  ansible.builtin.debug:
    msg: "{{ found.images[0].digest }}"

- name: Ask the mirror of the site
  gpu_cluster.hardening.image_digests_info:
    images: [docker.io/falcosecurity/falco:0.44.1]
    registries:
      - name: docker.io
        mirror: registry.example.com:5000/hub
      - name: registry.example.com:5000
        ca_cert: /etc/ssl/site-ca.pem
        username: reader
        password: "{{ registry_password }}"
"""

RETURN = r"""
images:
  description: What was found, in the order of O(images). After a failure, only the images that were found.
  returned: always
  type: list
  elements: dict
  contains:
    image:
      description: As it was asked for.
      type: str
      sample: nvcr.io/nvidia/k8s-device-plugin:v0.20.0
    repository:
      description: Its repository with the registry.
      type: str
      sample: nvcr.io/nvidia/k8s-device-plugin
    tag:
      description: Its tag; empty if there was none.
      type: str
      sample: v0.20.0
    digest:
      description: Digest of its index, or of its manifest.
      type: str
      sample: sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
    media_type:
      description: Media type of that document.
      type: str
      sample: application/vnd.oci.image.index.v1+json
    size:
      description: Size of that document in bytes.
      type: int
      sample: 1609
    platforms:
      description: Platforms of the index. Of an image without index, its platform if O(platforms) asks for any.
      type: list
      elements: str
      sample: [linux/amd64, linux/arm64]
    tag_digest:
      description: What the tag means now. Differs from the digest only with O(moved_tags=warn).
      type: str
      sample: sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
failures:
  description: What could not be found, and why.
  returned: failure of an image
  type: list
  elements: dict
  sample:
    - image: nvcr.io/nvidia/k8s-device-plugin:v0.0.0
      registry: nvcr.io
      reason: NotFound
      status: 404
      message: "nvcr.io answers 404 MANIFEST_UNKNOWN: nvidia/k8s-device-plugin has no tag v0.0.0 there"
"""

import os
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.digests import Resolved, Wishes, resolve
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.credentials import find_docker_config
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.endpoints import Endpoints, read_settings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.transport import Patience, Transport

ARGUMENT_SPEC = {
    "images": {"type": "list", "elements": "str", "required": True},
    "moved_tags": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
    "platforms": {"type": "list", "elements": "str", "default": []},
    "registries": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "mirror": {"type": "str"},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "ca_cert": {"type": "path"},
            "plain_http": {"type": "bool", "default": False},
        },
    },
    "docker_config": {"type": "path"},
    "timeout": {"type": "int", "default": 60},
    "request_timeout": {"type": "int", "default": 15},
    "concurrency": {"type": "int", "default": 8},
}


def look_up(params: dict[str, Any]) -> Resolved:
    """Do what the options say."""
    endpoints = Endpoints(read_settings(params["registries"]))
    patience = Patience(params["timeout"], params["request_timeout"], params["concurrency"])
    config = find_docker_config(params["docker_config"] or "", os.environ)
    client = RegistryClient(endpoints, Transport(endpoints, patience), config)
    wishes = Wishes(tuple(params["platforms"]), params["moved_tags"])
    return resolve(client, endpoints, params["images"], wishes, patience.concurrency)


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    resolved = look_up(call.params)
    return {"changed": False, "images": resolved.images}, resolved.warnings


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
