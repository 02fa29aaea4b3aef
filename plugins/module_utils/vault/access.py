# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Vault's side, and takes the steps of its plan. I/O only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.answers import VaultError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.client import VaultClient
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.grants import Access
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.live import Live
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.plan import Step, plan_result


def read_live(client: VaultClient, access: Access, with_data: bool = False) -> Live:
    """Everything that the plan depends on.

    Args:
        client: with a token.
        access: what is wanted.
        with_data: look whether there is anything below the KV mount.

    Raises:
        HardeningError: with every right that is missing.
    """
    reader = _Reader(client)
    mounts = reader.mounts("sys/mounts")
    auths = reader.mounts("sys/auth")
    policies = [name for name in reader.names("sys/policies/acl") if name.startswith(access.prefix)]
    auth = f"auth/{access.auth_mount}"
    is_ours = auths.get(access.auth_mount, {}).get("type") == "kubernetes"
    roles = reader.names(f"{auth}/role") if is_ours else []
    named = [name for name in roles if name.startswith(access.prefix)]
    live = Live(
        mounts=mounts,
        auths=auths,
        config=reader.read(f"{auth}/config") if is_ours else None,
        policies={name: str(data.get("policy")) for name, data in reader.all("sys/policies/acl", policies).items()},
        roles=reader.all(f"{auth}/role", named),
        other_roles=[name for name in roles if name not in named],
        has_data=with_data and access.kv_mount in mounts and bool(reader.names(f"{access.kv_mount}/metadata")),
    )
    client.refuse_missing(reader.missing)
    return live


class MadeMeanwhileError(HardeningError):
    """A mount that was about to be made is there already: another run, perhaps for another cluster, was faster."""


def bring_about(
    client: VaultClient, access: Access, plan: Callable[[Live], list[Step]], check_mode: bool, with_data: bool = False
) -> dict[str, Any]:
    """Read, plan and take the steps; if somebody makes a mount meanwhile, once more.

    Returns:
        The result of a module.

    Raises:
        HardeningError: as of :func:`read_live`, of the plan and of :func:`take_steps`.
    """
    try:
        return take_steps(client, plan(read_live(client, access, with_data)), check_mode)
    except MadeMeanwhileError:
        return take_steps(client, plan(read_live(client, access, with_data)), check_mode)


def take_steps(client: VaultClient, steps: Sequence[Step], check_mode: bool) -> dict[str, Any]:
    """Take the steps, after a look at whether the token may; in check mode only that.

    Returns:
        The result of a module.

    Raises:
        HardeningError: with every right that is missing, before the first write; or what one write was refused for,
            with what was done before.
    """
    changes = [step for step in steps if step.changes]
    client.require_capabilities({step.path: step.capabilities for step in changes})
    done: list[Step] = []
    for step in [] if check_mode else changes:
        try:
            client.request("DELETE" if step.action == "deleted" else "POST", step.path, step.body)
        except HardeningError as error:
            if isinstance(error, VaultError) and any(f"in use at {step.name}/" in text for text in error.errors):
                raise MadeMeanwhileError(f"{step.kind} {step.name}: {error.message}") from error
            before = (
                f" Before that: {', '.join(f'{one.kind} {one.name} {one.action}' for one in done)}." if done else ""
            )
            raise HardeningError(
                f"{step.kind} {step.name}: {error.message}{before}", partial=plan_result(done) if done else None
            ) from error
        done.append(step)
    return plan_result(steps)


class _Reader:
    """Reads, and remembers every right that was missing instead of stopping at the first."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client
        self.missing: dict[str, list[str]] = {}

    def mounts(self, path: str) -> dict[str, Mapping[str, Any]]:
        """Mounts by path, without the slash at its end."""
        found = self.read(path) or {}
        return {name.rstrip("/"): mount for name, mount in found.items() if isinstance(mount, Mapping)}

    def read(self, path: str) -> Mapping[str, Any] | None:
        """What is at a path, or None."""
        try:
            return self._client.read(path)
        except VaultError as error:
            self._note(error, path, "read")
            return None

    def names(self, path: str) -> list[str]:
        """The names at a path."""
        try:
            return self._client.names(path)
        except VaultError as error:
            self._note(error, path, "list")
            return []

    def all(self, path: str, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """What is at a path, by name; without what has gone meanwhile."""
        found = {name: self.read(f"{path}/{name}") for name in names}
        return {name: data for name, data in found.items() if data is not None}

    def _note(self, error: VaultError, path: str, capability: str) -> None:
        if error.status != 403:
            raise error
        self.missing[path] = [capability]
