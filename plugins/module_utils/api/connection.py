# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection options of every module, and where the access to an API server that they stand for comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.access import (
    Access,
    access_by_kubeconfig,
    access_by_options,
    access_in_cluster,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.kubeconfig import (
    choose,
    kubeconfig_files,
    read_kubeconfig,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

CONNECTION_OPTIONS: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "ca_cert": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "validate_certs": {"type": "bool", "default": True},
    "impersonate_user": {"type": "str"},
    "impersonate_groups": {"type": "list", "elements": "str"},
    "request_timeout": {"type": "int", "default": 30},
    "retry_timeout": {"type": "int", "default": 60},
    "concurrency": {"type": "int", "default": 16},
}
"""Argument spec fragment; its documentation is the ``connection`` doc fragment."""


@dataclass(frozen=True)
class Limits:
    """How patient and how parallel a client is.

    Attributes:
        request_timeout: seconds one request may take, its answer included to the last byte.
        retry_timeout: seconds for which requests are repeated while the server answers 429, 5xx or not at all.
        concurrency: most requests under way at once.
    """

    request_timeout: float = 30.0
    retry_timeout: float = 60.0
    concurrency: int = 16


def limits(params: Mapping[str, Any]) -> Limits:
    """Read and check the limits in a module's parameters."""
    for name in ("request_timeout", "concurrency"):
        if params[name] < 1:
            raise HardeningError(f"{name} must be at least 1, got {params[name]}.")
    if params["retry_timeout"] < 0:
        raise HardeningError(f"retry_timeout must not be negative, got {params['retry_timeout']}.")
    return Limits(params["request_timeout"], params["retry_timeout"], params["concurrency"])


def find_access(params: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Access:
    """Find out what connection options stand for. Sends nothing; runs no plugin yet.

    Sources, first match wins: ``host`` (with ``api_key`` or a client certificate), ``kubeconfig``, ``KUBECONFIG`` or
    ``~/.kube/config``, the service account of the pod this runs in. Options given beside a kubeconfig override it.

    Raises:
        HardeningError: a file is missing or malformed, the context is unknown, or there is nothing to connect to.
    """
    known = os.environ if environment is None else environment
    if params.get("host"):
        return access_by_options(params, known)
    named = str(params.get("kubeconfig") or known.get("KUBECONFIG") or "")
    files = kubeconfig_files(named or "~/.kube/config")
    kubeconfig = read_kubeconfig(named or str(files[0]), files)
    if kubeconfig.is_empty and not named and known.get("KUBERNETES_SERVICE_HOST"):
        return access_in_cluster(params, known)
    if not kubeconfig.files:
        wanted = f"Kubeconfig {named} does not exist" if named else "There is no kubeconfig"
        raise HardeningError(
            f"{wanted}. Set the kubeconfig option (gpu_cluster_kubeconfig in the playbook), KUBECONFIG, "
            "or host with api_key."
        )
    return access_by_kubeconfig(choose(kubeconfig, params.get("context")), params, known)
