# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the connection options that every module has."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``connection`` fragment; the argument spec is ``module_utils/api/connection.py``."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file, or several separated by colons, which are merged as kubectl does. The first file that
        sets the current context decides.
      - Without it E(KUBECONFIG), then C(~/.kube/config), then the service account of the pod that Ansible runs in.
    type: path
  context:
    description: Context of the kubeconfig. Its current context by default.
    type: str
  host:
    description: Address of the API server, for instance C(https://10.0.0.10:6443). No kubeconfig is then read.
    type: str
  api_key:
    description: Bearer token. Replaces the credentials of the kubeconfig.
    type: str
  ca_cert:
    description: Path of the certificate authority that the server's certificate is checked against.
    type: path
  client_cert:
    description: Path of a client certificate.
    type: path
  client_key:
    description: Path of the key of O(client_cert), by default in the same file.
    type: path
  validate_certs:
    description: Check the server's certificate. Do not switch it off outside a laboratory.
    type: bool
    default: true
  impersonate_user:
    description:
      - User in whose name requests are made, as with C(kubectl --as).
      - Without it C(as) of the kubeconfig's user, and without that nobody else.
    type: str
  impersonate_groups:
    description:
      - Groups of the impersonated user, as with C(kubectl --as-group).
      - Without it C(as-groups) of the kubeconfig's user.
    type: list
    elements: str
  request_timeout:
    description: Seconds that one request may take, its answer included to the last byte.
    type: int
    default: 30
  retry_timeout:
    description:
      - Seconds for which requests are repeated while the server answers 429 or 5xx or breaks the connection.
      - They are counted once for all requests of a task, from the first failure on, until one that was repeated passes.
      - The first contact is given 10 seconds at most, so that a wrong address is noticed soon; an internal error whose
        cause may stay, such as an admission webhook that does not answer, 15 seconds.
    type: int
    default: 60
  concurrency:
    description: Most requests that are under way at once.
    type: int
    default: 16
requirements:
  - urllib3 >= 2.0 (Python package, for the interpreter that runs the modules)
  - PyYAML >= 5.4 (for a kubeconfig)
  - PySocks (for a SOCKS proxy)
"""
