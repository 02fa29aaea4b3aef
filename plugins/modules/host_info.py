#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that says what a machine of a GPU cluster has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: What a machine of a GPU cluster has
version_added: 0.1.0
description:
  - Finds out the distribution of Kubernetes, where it keeps things, which versions of the container runtime, the
    container toolkit and the driver are there, and how the kubelet was started. Only reads, and returns no secret.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  distribution:
    description: The distribution of Kubernetes. Empty to find it out.
    type: str
    choices: ["", kubeadm, kubespray, rke2-server, rke2-agent, k3s-server, k3s-agent]
    default: ""
  paths:
    description: Paths and names of services that differ from those of the distribution, by their names in C(paths).
    type: dict
    default: {}
extends_documentation_fragment:
  - gpu_cluster.hardening.host_store
  - gpu_cluster.hardening.attributes.info
seealso:
  - module: gpu_cluster.hardening.host_files
"""

EXAMPLES = r"""
- name: Look at a machine
  gpu_cluster.hardening.host_info:
  register: machine
"""

RETURN = r"""
host:
  description: The facts.
  returned: success
  type: dict
  sample:
    name: gpu-1
    distribution: kubeadm
    control_plane: false
    paths: {containerd_config: /etc/containerd/config.toml}
    containerd: {version: 2.1.4, config_version: 3, default_runtime: runc, runtimes: [runc]}
    kubelet: {version: 1.37.2, config: /var/lib/kubelet/config.yaml, config_dir: null}
    toolkit: {version: 1.20.2, by_operator: false, char_links: true}
    driver: {version: 595.91.07, loaded: true}
    parts: {container_toolkit: false}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.module_exit import fail, succeed
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.facts import gather
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.machine import Machine
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.part_facts import part_facts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.presets import PRESETS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.store import STORE_OPTION, Store

ARGUMENT_SPEC = {
    "distribution": {"type": "str", "choices": ["", *PRESETS], "default": ""},
    "paths": {"type": "dict", "default": {}},
    **STORE_OPTION,
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params: dict[str, Any] = module.params
    try:
        machine = Machine()
        facts = gather(machine, Store(params["store"]), params["distribution"], params["paths"])
        facts |= part_facts(machine, facts)
    except HardeningError as error:
        fail(module, error)
    succeed(module, {"changed": False, "host": facts})


if __name__ == "__main__":
    main()
