#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that finds External Secrets Operators and changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: external_secrets_info
short_description: Find External Secrets Operators and what they may do
version_added: 0.1.0
description:
  - Looks at all Deployments for the External Secrets Operator, whatever installed it, by its image and by the labels of
    its chart. Changes nothing.
  - Warns of each that this collection has not applied, with the rights it has in the whole cluster and does not need to
    fetch the Secrets of stages.
  - Where O(mode) says what is to be, fails if the cluster refuses it.
options:
  mode:
    description:
      - With V(scoped) or V(cluster) another operator that works on the ExternalSecrets of O(namespaces) is refused, and
        a cluster that does not say where its API server is. With V(adopt) one of others must be there.
    type: str
    choices: [scoped, cluster, adopt]
  namespaces:
    description: Namespaces of the ExternalSecrets that are to be.
    type: list
    elements: str
    default: []
  api_server_known:
    description: Whether the address of the API server is known from elsewhere.
    type: bool
    default: false
  brings_kinds:
    description: Whether the definitions of ExternalSecret and SecretStore are applied, too. Else they must be there.
    type: bool
    default: true
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.attributes.info
seealso:
  - module: gpu_cluster.hardening.gpu_components_info
"""

EXAMPLES = r"""
- name: Find an operator that is there already
  gpu_cluster.hardening.external_secrets_info:
  register: found

- name: Show what is wider than it should be
  ansible.builtin.debug:
    msg: "{{ found.operators | map(attribute='wider') }}"
"""

RETURN = r"""
operators:
  description: One entry for each Deployment that runs the operator and was not applied by this collection.
  returned: success
  type: list
  elements: dict
  sample:
    - namespace: external-secrets
      name: external-secrets
      image: ghcr.io/external-secrets/external-secrets:v2.9.0
      version: v2.9.0
      service_account: external-secrets
      watches: ""
      wider: [it reads the Secrets of all namespaces]
  contains:
    version:
      description: Tag of the image, empty where it has none.
      type: str
    service_account:
      description: The account of its pods.
      type: str
    watches:
      description: The namespace it is limited to, empty for all.
      type: str
    wider:
      description: Rights in the whole cluster that it does not need.
      type: list
      elements: str
own:
  description: The same for Deployments that this collection applied, without C(wider).
  returned: success
  type: list
  elements: dict
  sample: []
webhook:
  description: Whether this collection applied a Deployment of the webhook, or of what makes its certificate.
  returned: success
  type: bool
  sample: false
applied:
  description:
    - ExternalSecrets, SecretStores and ClusterSecretStores that this collection applied, as references of manifests.
  returned: success
  type: list
  elements: dict
  sample:
    - apiVersion: external-secrets.io/v1
      kind: SecretStore
      metadata: {name: vault-backend, namespace: ml-serving}
retry_marks:
  description:
    - By C(kind/namespace/name), what the annotation C(gpu-cluster.hardening/retry) of each of RV(applied) should be. It
      changes as long as the object is not ready, so that the operator does not wait until it tries again.
  returned: success
  type: dict
  sample: {SecretStore/ml-serving/vault-backend: "4711"}
api_server:
  description: Rules of a NetworkPolicy that let pods reach the API server.
  returned: success
  type: list
  elements: dict
  sample:
    - to: [{ipBlock: {cidr: 10.0.0.10/32}}]
      ports: [{protocol: TCP, port: 6443}]
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.refusals import (
    OPTIONS,
    Wish,
    refusal,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.survey import survey


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    wish = Wish.read(call.params)
    answer = survey(connect(call.params), needs_kinds=not wish.brings_kinds)
    refused = refusal(answer, wish)
    if refused:
        raise HardeningError(refused)
    return {"changed": False, **answer.result()}, answer.warnings()


DOOR = Door({**OPTIONS, **CONNECTION_OPTIONS}, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
