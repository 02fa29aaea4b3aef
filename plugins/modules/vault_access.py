#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that lets stages read their secrets in Vault."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_access
short_description: Let service accounts read exactly the paths in Vault that their stage needs
version_added: 0.1.0
description:
  - Makes a KV engine of version 2 and a Kubernetes auth method if they are not there, configures the auth method, and
    gives each stage one policy that reads exactly its paths and one role that is bound to one service account, one
    namespace and one audience.
  - Takes away policies and roles of stages that are not in O(grants) any more. It knows them by O(role_prefix) and by
    the first line of the policy, which also says for which auth mount it was made; all others are left alone.
  - Reads first. If something is in the way or the token lacks a right, all of that is reported and nothing is written.
    What is as wanted costs no write.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  state:
    description:
      - V(absent) deletes the policies and roles that this module made for O(auth_mount). Mounts stay, see
        O(delete_auth_mount) and O(delete_kv_mount).
    type: str
    choices: [present, absent]
    default: present
  grants:
    description: The stages that read something, and what.
    type: list
    elements: dict
    default: []
    suboptions:
      stage:
        description: Name of the stage. With O(role_prefix) before it, the name of its policy and role.
        type: str
        required: true
      namespace:
        description: Its namespace in the cluster.
        type: str
        required: true
      paths:
        description: Paths below O(kv_mount) that it may read, without C(data/).
        type: list
        elements: str
        required: true
  kv_mount:
    description: Mount of the KV engine.
    type: str
    default: secret
  auth_mount:
    description: Mount of the Kubernetes auth method, one for each cluster.
    type: str
    default: kubernetes
  role_prefix:
    description: Begins the names of policies and roles.
    type: str
    default: gpu-cluster-
  service_account:
    description: Name of the account, in the namespace of each stage, whose tokens are accepted.
    type: str
    default: vault-reader
  audience:
    description: Audience that these tokens must have.
    type: str
    default: vault
  token_ttl:
    description: How long a token of Vault lives that such an account gets.
    type: str
    default: 10m
  token_max_ttl:
    description: How long it lives at most, if it is renewed.
    type: str
    default: 30m
  kubernetes_host:
    description: Address of the API server, as Vault reaches it. Required with O(state=present).
    type: str
  kubernetes_ca_cert:
    description: Certificates (PEM text) of the CA of the API server.
    type: str
  disable_local_ca_jwt:
    description:
      - Keep Vault from using the CA and the token of the pod that it runs in. Without O(token_reviewer_jwt) it then
        reviews a token with that same token.
    type: bool
    default: true
  token_reviewer_jwt:
    description: Token of a service account that may create C(tokenreviews). Without it, Vault keeps none.
    type: str
  update_token_reviewer_jwt:
    description:
      - Vault does not tell the token that it has. With V(on_create) it is written if Vault has none, or if something
        else of the configuration changes; with V(always) at every run, which then is a change.
    type: str
    choices: [on_create, always]
    default: on_create
  delete_auth_mount:
    description:
      - With O(state=absent), delete the mount of the auth method, too, if this module made it. V(empty) keeps it while
        it has other roles.
    type: str
    choices: [never, empty, always]
    default: never
  delete_kv_mount:
    description:
      - With O(state=absent), delete the mount of the KV engine, too, if this module made it. V(empty) keeps it while
        there is a value; V(always) deletes every value in it.
    type: str
    choices: [never, empty, always]
    default: never
  force:
    description:
      - Take over policies and roles of these names that this module did not make, and an auth method that is set up for
        another API server. Without it they are errors.
    type: bool
    default: false
extends_documentation_fragment:
  - gpu_cluster.hardening.vault_connection
  - gpu_cluster.hardening.attributes
seealso:
  - module: gpu_cluster.hardening.vault_secrets
"""

EXAMPLES = r"""
- name: Let the stage serving read two paths
  gpu_cluster.hardening.vault_access:
    url: https://vault.example.com:8200
    ca_cert: /etc/ssl/vault-ca.pem
    kubernetes_host: https://10.0.0.10:6443
    kubernetes_ca_cert: "{{ lookup('ansible.builtin.file', 'cluster-ca.pem') }}"
    grants:
      - stage: serving
        namespace: ml-serving
        paths: [ml/model-registry, ml/model-signing]

- name: Take it away again
  gpu_cluster.hardening.vault_access:
    url: https://vault.example.com:8200
    state: absent
"""

RETURN = r"""
objects:
  description: One entry for each object, in the order in which they are dealt with.
  returned: success, and failure after some objects were changed
  type: list
  elements: dict
  sample:
    - {kind: Policy, name: gpu-cluster-serving, action: created, reason: ""}
  contains:
    kind:
      description: V(KVMount), V(AuthMount), V(AuthConfig), V(Policy) or V(Role).
      type: str
    name:
      description: Its name, or the path of the mount.
      type: str
    action:
      description:
        - V(created), V(configured), V(unchanged), V(deleted), or V(kept) if it should be deleted and there is a reason
          against it.
      type: str
    reason:
      description: Why it was kept.
      type: str
counts:
  description: Number of objects by action.
  returned: success
  type: dict
  sample: {created: 4, unchanged: 1}
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.access import bring_about
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import (
    VAULT_OPTIONS,
    is_loopback,
    read_vault_settings,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.grants import read_access
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.live import Live
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.plan import (
    Removal,
    Step,
    plan_absent,
    plan_present,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.session import vault_session

DELETIONS = {"type": "str", "choices": ["never", "empty", "always"], "default": "never"}
ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "grants": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "stage": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "paths": {"type": "list", "elements": "str", "required": True},
        },
    },
    "kv_mount": {"type": "str", "default": "secret"},
    "auth_mount": {"type": "str", "default": "kubernetes"},
    "role_prefix": {"type": "str", "default": "gpu-cluster-"},
    "service_account": {"type": "str", "default": "vault-reader"},
    "audience": {"type": "str", "default": "vault"},
    "token_ttl": {"type": "str", "no_log": False, "default": "10m"},
    "token_max_ttl": {"type": "str", "no_log": False, "default": "30m"},
    "kubernetes_host": {"type": "str"},
    "kubernetes_ca_cert": {"type": "str"},
    "disable_local_ca_jwt": {"type": "bool", "default": True},
    "token_reviewer_jwt": {"type": "str", "no_log": True},
    "update_token_reviewer_jwt": {
        "type": "str",
        "no_log": False,
        "choices": ["on_create", "always"],
        "default": "on_create",
    },
    "delete_auth_mount": DELETIONS,
    "delete_kv_mount": DELETIONS,
    "force": {"type": "bool", "default": False},
    **VAULT_OPTIONS,
}


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """Plan and take the steps, as the module's parameters say; the result and warnings."""
    params = call.params
    settings, access = read_vault_settings(params), read_access(params)
    call.no_log_values.update({settings.token} - {""})  # it may come from a file
    if access.warnings() and not is_loopback(settings.url):
        raise HardeningError("\n".join(access.warnings()))  # there is no cluster on Vault's own machine
    removal = Removal(params["delete_auth_mount"], params["delete_kv_mount"])

    def plan(live: Live) -> list[Step]:
        present = params["state"] == "present"
        return plan_present(access, live, params["force"]) if present else plan_absent(access, live, removal)

    with vault_session(settings) as client:
        result = bring_about(client, access, plan, call.check_mode, removal.kv_mount == "empty")
    return result, [*settings.warnings(), *access.warnings()]


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
