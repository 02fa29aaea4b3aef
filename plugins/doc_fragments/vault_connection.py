# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options with which modules reach Vault."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``vault_connection`` fragment; the argument spec is ``module_utils/vault/connection.py``."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of Vault, for instance C(https://vault.example.com:8200). Required.
      - E(ANSIBLE_HASHI_VAULT_ADDR) or E(VAULT_ADDR) is used if it is not set.
    type: str
  namespace:
    description:
      - Namespace of OpenBao, Vault Enterprise or HCP.
      - E(ANSIBLE_HASHI_VAULT_NAMESPACE) or E(VAULT_NAMESPACE) is used if it is not set.
    type: str
  ca_cert:
    description:
      - Path of the certificates (PEM) of the CA that Vault's certificate is checked against. By default those that the
        system trusts.
      - E(ANSIBLE_HASHI_VAULT_CA_CERT) or E(VAULT_CACERT) is used if it is not set.
    type: path
  validate_certs:
    description: Check Vault's certificate. Do not switch it off outside a laboratory.
    type: bool
    default: true
  auth_method:
    description:
      - V(token) uses a token that is there. V(approle) and V(jwt) log in, and revoke their token at the end.
      - V(jwt) also logs in to a mount of the Kubernetes auth method, with O(mount_point=kubernetes).
    type: str
    choices: [token, approle, jwt]
    default: token
  mount_point:
    description: Mount of the auth method that is logged in to. By default the name of the method.
    type: str
  token:
    description:
      - The token. E(ANSIBLE_HASHI_VAULT_TOKEN) or E(VAULT_TOKEN) is used if it is not set, and then O(token_file).
    type: str
  token_path:
    description: Folder of O(token_file).
    type: path
    default: "~"
  token_file:
    description: File with the token; C(vault login) writes this one.
    type: str
    default: .vault-token
  role_id:
    description:
      - Role to log in to. With V(approle) its ID, with V(jwt) its name.
      - E(ANSIBLE_HASHI_VAULT_ROLE_ID) is used if it is not set.
    type: str
  secret_id:
    description: Secret ID of an AppRole. E(ANSIBLE_HASHI_VAULT_SECRET_ID) is used if it is not set.
    type: str
  jwt:
    description: The JWT to log in with. E(ANSIBLE_HASHI_VAULT_JWT) is used if it is not set.
    type: str
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 30
  retry_timeout:
    description:
      - Seconds for which requests are repeated while Vault answers 412, 429 or 5xx or breaks the connection, those of
        one run together.
      - The first contact is given 10 seconds at most, so that a wrong address is noticed soon.
    type: int
    default: 60
requirements:
  - hvac >= 2.0.0 (Python package, for the interpreter that runs the modules)
"""
