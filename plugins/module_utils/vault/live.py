# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Vault has, and what of it stands in the way of what is wanted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import is_loopback
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.grants import Access, made_for

Object = Mapping[str, Any]
_ADVICE = "; choose another gpu_cluster_vault_role_prefix, or set vault_force to take it over"


@dataclass(frozen=True)
class Live:
    """What Vault has now.

    Attributes:
        mounts: secrets engines by path, without the slash at its end: ``{type, options, description}``.
        auths: auth methods by path, the same.
        config: of the Kubernetes auth method; None if it has none.
        policies: text by name: those with the prefix.
        roles: by name: those with the prefix.
        other_roles: names of all other roles of the auth method.
        has_data: whether there is anything below the KV mount; asked only if it is to be deleted.
    """

    mounts: Mapping[str, Object] = field(default_factory=dict)
    auths: Mapping[str, Object] = field(default_factory=dict)
    config: Object | None = None
    policies: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, Object] = field(default_factory=dict)
    other_roles: Sequence[str] = ()
    has_data: bool = False


def kv_problem(path: str, mounts: Mapping[str, Object]) -> str | None:
    """Why there is no KV engine of version 2 at a path, and none can be made there; None if there is, or can be."""
    mount = mounts.get(path)
    if mount is None:
        return _overlap(path, mounts)
    if mount.get("type") != "kv":
        return (
            f"{path} is a secrets engine of type {mount.get('type')}, not kv; choose another gpu_cluster_vault_kv_mount"
        )
    version = (mount.get("options") or {}).get("version") or "1"
    if str(version) != "2":
        return (
            f"{path} is a KV engine of version {version}, and only version 2 checks what it replaces. "
            f"Upgrade it with `vault kv enable-versioning {path}`, or choose another gpu_cluster_vault_kv_mount"
        )
    return None


def mount_conflicts(access: Access, live: Live) -> list[str]:
    """Why the two mounts are not, and cannot become, what is wanted."""
    problems = [kv_problem(access.kv_mount, live.mounts)]
    auth = live.auths.get(access.auth_mount)
    if auth is None:
        problems.append(_overlap(access.auth_mount, live.auths, "auth/"))
    elif auth.get("type") != "kubernetes":
        problems.append(
            f"auth/{access.auth_mount} is of type {auth.get('type')}, not kubernetes; choose another "
            "gpu_cluster_vault_auth_mount"
        )
    return [problem for problem in problems if problem]


def _overlap(path: str, mounts: Mapping[str, Object], prefix: str = "") -> str | None:
    """Vault has no mount below another one."""
    for other in sorted(mounts):
        if path.startswith(f"{other}/") or other.startswith(f"{path}/"):
            return f"{prefix}{path} cannot be mounted, as {prefix}{other} is; choose another path"
    return None


def foreign_objects(access: Access, live: Live) -> list[str]:
    """What has our names but was not made by us, or was made for another cluster."""
    problems = []
    host = str((live.config or {}).get("kubernetes_host") or "")
    # An address of Vault's own machine is no cluster of somebody else, but one that was wrong.
    if host and host.rstrip("/") != access.config["kubernetes_host"] and not is_loopback(host):
        problems.append(
            f"auth/{access.auth_mount} is set up for the cluster {host}, not {access.config['kubernetes_host']}. Give "
            "each cluster a mount of its own (gpu_cluster_vault_auth_mount), or set vault_force if this one has moved"
        )
    for grant in access.grants:
        name = access.name(grant)
        policy, role = live.policies.get(name), live.roles.get(name)
        owner = made_for(policy) if policy is not None else access.auth_mount
        if not owner:
            problems.append(f"there is a policy {name} that this collection did not make{_ADVICE}")
        elif owner != access.auth_mount:
            problems.append(f"the policy {name} is that of the cluster with auth mount {owner}{_ADVICE}")
        if role is not None and name not in (role.get("token_policies") or []):
            problems.append(f"there is a role {name} that this collection did not make{_ADVICE}")
    return problems
