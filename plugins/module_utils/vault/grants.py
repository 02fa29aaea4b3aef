# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may read what in Vault: what a user asks for, and the policies, roles and mounts it stands for. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_label_problem,
    dns_subdomain_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.secret_keys import path_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import is_loopback

Json = dict[str, Any]

MOUNT_DESCRIPTION = "Made by gpu_cluster.hardening"
# Without the policy `default` a token may not even look itself up, which the operator does before it reads, nor revoke
# itself, which it does afterwards.
_OWN_TOKEN = {"auth/token/lookup-self": "read", "auth/token/revoke-self": "update"}
_MARK = re.compile(r"# Made by gpu_cluster\.hardening for stage (\S+), auth mount (\S+)\.")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_RESERVED_MOUNTS = ("auth", "sys", "cubbyhole", "identity")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*")
SHORTEST_TTL = 120
"""Seconds. The operator takes a token that ends within a minute for one that has ended."""


@dataclass(frozen=True)
class Grant:
    """One stage and the paths below the KV mount that it may read."""

    stage: str
    namespace: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Access:
    """Everything of Vault's side, as it shall be.

    Attributes:
        kv_mount: of the KV engine.
        auth_mount: of the Kubernetes auth method.
        prefix: begins the name of every policy and role.
        service_account: in the namespace of each stage.
        audience: that its tokens must have.
        token_ttl: seconds.
        token_max_ttl: seconds.
        config: what is wanted of the auth method's configuration, without the reviewer's token.
        reviewer_jwt: the reviewer's token; empty for none.
        renew_reviewer_jwt: write it even if Vault has one, which cannot be compared.
        grants: one for each stage that reads something.
    """

    kv_mount: str
    auth_mount: str
    prefix: str
    service_account: str
    audience: str
    token_ttl: int
    token_max_ttl: int
    config: Mapping[str, Any]
    reviewer_jwt: str = field(default="", repr=False)
    renew_reviewer_jwt: bool = False
    grants: tuple[Grant, ...] = ()

    def name(self, grant: Grant) -> str:
        """Name of the policy and of the role of a stage."""
        return f"{self.prefix}{grant.stage}"

    def warnings(self) -> list[str]:
        """What may not do what is meant."""
        host = str(self.config["kubernetes_host"])
        if host and is_loopback(host):
            return [
                f"kubernetes_host {host} is only what a Vault on this machine can reach; give the address of the API "
                "server as Vault sees it (vault_kubernetes_host)."
            ]
        return []


def read_access(params: Mapping[str, Any]) -> Access:
    """Read and check a module's parameters.

    Raises:
        HardeningError: with everything that is wrong.
    """
    problems: list[str] = []
    present = params["state"] == "present"
    for name in ("kv_mount", "auth_mount"):
        problems += mount_problems(name, params[name])
    if not _PREFIX.fullmatch(params["role_prefix"]):
        problems.append(
            f"role_prefix {params['role_prefix']!r} must be of a-z 0-9 - _ . and begin with a letter or digit"
        )
    problem = dns_subdomain_problem(params["service_account"], "service_account")
    problems += [problem] if problem else []
    if not params["audience"].strip():
        problems.append("audience is empty; without one, a token for anything else would do")
    ttl = _read_duration("token_ttl", params["token_ttl"], problems)
    max_ttl = _read_duration("token_max_ttl", params["token_max_ttl"], problems)
    if ttl and max_ttl and ttl > max_ttl:
        problems.append(f"token_ttl {params['token_ttl']} is longer than token_max_ttl {params['token_max_ttl']}")
    grants = tuple(_read_grant(index, grant, problems) for index, grant in enumerate(params["grants"]))
    for key in ("stage", "namespace"):
        counted = Counter(getattr(grant, key) for grant in grants)
        problems += [f"grants: {key} {value} is there more than once" for value, count in counted.items() if count > 1]
    config = _read_config(params, problems) if present else {"kubernetes_host": ""}
    if problems:
        raise HardeningError(join_failures("The settings of Vault are wrong", problems))
    return Access(
        kv_mount=params["kv_mount"],
        auth_mount=params["auth_mount"],
        prefix=params["role_prefix"],
        service_account=params["service_account"],
        audience=params["audience"],
        token_ttl=ttl,
        token_max_ttl=max_ttl,
        config=config,
        reviewer_jwt=str(params["token_reviewer_jwt"] or ""),
        renew_reviewer_jwt=params["update_token_reviewer_jwt"] == "always",
        grants=grants,
    )


def policy_text(access: Access, grant: Grant) -> str:
    """The policy of a stage: reading exactly its paths, and looking up and revoking its own token."""
    rules = {f"{access.kv_mount}/data/{path}": "read" for path in grant.paths} | _OWN_TOKEN
    mark = f"# Made by gpu_cluster.hardening for stage {grant.stage}, auth mount {access.auth_mount}.\n"
    return mark + "".join(
        f'\npath "{path}" {{\n  capabilities = ["{capability}"]\n}}\n' for path, capability in rules.items()
    )


def made_for(policy: str) -> str:
    """The auth mount of the cluster that a policy was made for; empty if this collection did not make it."""
    match = _MARK.match(policy)
    return match[2] if match else ""


def role_body(access: Access, grant: Grant) -> Json:
    """The role of a stage, as Vault tells it."""
    return {
        "bound_service_account_names": [access.service_account],
        "bound_service_account_namespaces": [grant.namespace],
        "bound_service_account_namespace_selector": "",
        "audience": access.audience,
        "alias_name_source": "serviceaccount_uid",
        "token_policies": [access.name(grant)],
        "token_no_default_policy": True,
        "token_ttl": access.token_ttl,
        "token_max_ttl": access.token_max_ttl,
        "token_explicit_max_ttl": 0,
        "token_period": 0,
        "token_num_uses": 0,  # the operator sends several requests with one token
    }


def mount_problems(name: str, path: str) -> list[str]:
    """What is wrong with the path of a mount."""
    problem = path_problem(path)
    if problem is None and path.split("/")[0] in _RESERVED_MOUNTS:
        problem = f"{path!r} belongs to Vault itself; a mount of the auth method is named without auth/"
    return [f"{name}: {problem}"] if problem else []


def _read_grant(index: int, grant: Mapping[str, Any], problems: list[str]) -> Grant:
    where = f"grants[{index}]"
    paths: Sequence[str] = sorted(set(grant["paths"]))
    found = [
        dns_label_problem(grant["stage"], "stage"),
        dns_label_problem(grant["namespace"], "namespace"),
        None if paths else "paths: there must be at least one",
        *(path_problem(path) for path in paths),
    ]
    problems += [f"{where}: {problem}" for problem in found if problem]
    return Grant(grant["stage"], grant["namespace"], tuple(paths))


def _read_config(params: Mapping[str, Any], problems: list[str]) -> Json:
    host, certificates = (
        str(params["kubernetes_host"] or "").rstrip("/"),
        str(params["kubernetes_ca_cert"] or "").strip(),
    )
    reviewer = str(params["token_reviewer_jwt"] or "")
    if not re.match(r"https?://[^/\s]+", host):
        problems.append(f"kubernetes_host {host!r} is no address such as https://10.0.0.10:6443")
    if certificates and "-----BEGIN CERTIFICATE-----" not in certificates:
        problems.append("kubernetes_ca_cert has no certificate; it must be PEM text, not the name of a file")
    if params["disable_local_ca_jwt"] and not certificates and host.startswith("https:"):
        problems.append(
            "kubernetes_ca_cert is missing, and Vault would trust no certificate; set vault_kubernetes_ca_cert"
        )
    if reviewer and not _JWT.fullmatch(reviewer):
        problems.append("token_reviewer_jwt is no token of a service account")
    return {
        "kubernetes_host": host,
        "kubernetes_ca_cert": certificates,
        "disable_local_ca_jwt": params["disable_local_ca_jwt"],
    }


def _read_duration(name: str, text: str, problems: list[str]) -> int:
    """Seconds of ``10m``, ``1h30m`` or ``600``."""
    match = _DURATION.fullmatch(text)
    if text.isdecimal():
        seconds = int(text)
    elif match and text:
        hours, minutes, rest = (int(part or 0) for part in match.groups())
        seconds = hours * 3600 + minutes * 60 + rest
    else:
        problems.append(f"{name} {text!r} is no duration; write such as 10m or 1h")
        return 0
    if seconds < SHORTEST_TTL:
        problems.append(f"{name} {text} is too short; the operator needs a token for at least {SHORTEST_TTL} seconds")
    return seconds
