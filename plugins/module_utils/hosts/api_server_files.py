# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the API server reads at its start, but the audit policy. Pure.

Source: https://kubernetes.io/docs/reference/config-api/ (apiserver-admission v1, apiserver-encryption v1,
apiserver-config v1, apiserver-eventratelimit v1alpha1)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

_GROUP = "apiserver.config.k8s.io/v1"
HEALTH_PATHS = ("/livez", "/readyz", "/healthz")


def admission(pod_security: Mapping[str, Any] | None, limits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Defaults of Pod Security, and the limits of events.

    Args:
        pod_security: ``enforce``, ``audit``, ``warn`` (levels), ``version`` and ``exempt_namespaces``; None for none.
        limits: of EventRateLimit, as it spells them.
    """
    plugins: list[dict[str, Any]] = []
    if limits:
        configuration: dict[str, Any] = {
            "apiVersion": "eventratelimit.admission.k8s.io/v1alpha1",
            "kind": "Configuration",
            "limits": [dict(limit) for limit in limits],
        }
        plugins.append({"name": "EventRateLimit", "configuration": configuration})
    if pod_security is not None:
        defaults: dict[str, str] = {}
        for mode in ("enforce", "audit", "warn"):
            defaults |= {mode: pod_security[mode], f"{mode}-version": pod_security["version"]}
        configuration = {
            "apiVersion": "pod-security.admission.config.k8s.io/v1",
            "kind": "PodSecurityConfiguration",
            "defaults": defaults,
            "exemptions": {
                "usernames": [],
                "runtimeClasses": [],
                "namespaces": list(pod_security["exempt_namespaces"]),
            },
        }
        plugins.append({"name": "PodSecurity", "configuration": configuration})
    return {"apiVersion": _GROUP, "kind": "AdmissionConfiguration", "plugins": plugins}


def authentication(further_paths: Sequence[str]) -> dict[str, Any]:
    """Who does not say who he is may ask for the API server's health, and for nothing else."""
    conditions = [{"path": path} for path in (*HEALTH_PATHS, *further_paths)]
    return {
        "apiVersion": _GROUP,
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": conditions},
    }


def encryption(key: str, resources: Sequence[str], writes: bool) -> dict[str, Any]:
    """Secrets are encrypted before they reach etcd.

    Args:
        key: 32 bytes in base64.
        resources: what is encrypted.
        writes: whether new content is encrypted; without it, it can only be read. Where there are several API servers,
            all must be able to read it before one writes it.
    """
    require_key(key)
    secretbox = {"secretbox": {"keys": [{"name": key_name(key), "secret": key}]}}
    providers: list[dict[str, Any]] = [secretbox, {"identity": {}}]
    return {
        "apiVersion": _GROUP,
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": list(resources), "providers": providers if writes else providers[::-1]}],
    }


def key_name(key: str) -> str:
    """A name that tells keys apart and nothing about them."""
    return "key-" + hashlib.sha256(f"name of {key}".encode()).hexdigest()[:8]


def require_key(key: str) -> None:
    """Refuse what is no key, without showing it."""
    try:
        size = len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != 32:
        raise HardeningError(
            "host_control_plane_encryption_key must be 32 random bytes in base64:"
            " head -c 32 /dev/urandom | base64, kept in Ansible Vault."
        )
