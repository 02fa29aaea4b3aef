# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes a KV engine of version 2. Where somebody else wrote meanwhile, the write is planned anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.answers import VaultError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.client import MERGE_PATCH, VaultClient
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.live import kv_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.values import (
    Missing,
    Stored,
    Values,
    ValueStep,
    find_missing,
    plan_value,
    values_result,
)

MOST_ATTEMPTS = 5


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What shall be there.

    Attributes:
        mount: of the KV engine.
        values: by path and property.
        overwrite: replace values that differ.
        expected: ``{path, property, key}`` of what must be there afterwards.
        missing: what to do if it is not: ``ignore``, ``warn`` or ``fail``.
    """

    mount: str
    values: Values = dataclasses.field(repr=False)
    overwrite: bool = False
    expected: Sequence[Mapping[str, Any]] = ()
    missing: str = "warn"


def write_values(client: VaultClient, wanted: Wanted, check_mode: bool) -> tuple[dict[str, Any], list[str]]:
    """Look at everything, then write what is not there.

    Returns:
        The result of a module, and warnings.

    Raises:
        HardeningError: the mount is none of KV version 2, rights are missing, something expected is missing, or a write
            was refused.
    """
    if not _has_mount(client, wanted.mount):
        if not check_mode:
            raise HardeningError(
                f"There is no KV engine at {wanted.mount}. The module vault_access makes one; or choose another "
                "gpu_cluster_vault_kv_mount."
            )
        return _foretell(wanted)
    stored, warnings = _read_all(client, wanted)
    steps = [plan_value(path, values, stored[path], wanted.overwrite) for path, values in wanted.values.items()]
    missing = [] if wanted.missing == "ignore" else find_missing(wanted.expected, stored, steps)
    warnings += _judge(wanted, missing)
    changes = [step for step in steps if step.action != "unchanged"]
    client.require_capabilities({f"{wanted.mount}/data/{step.path}": _capabilities(step) for step in changes})
    if not check_mode:
        steps = _write_all(client, wanted, steps)
    return values_result(steps, missing), warnings


def _foretell(wanted: Wanted) -> tuple[dict[str, Any], list[str]]:
    """In check mode, what is there once the mount is made: what will be written, and nothing else."""
    steps = [ValueStep(path, "created", values, verified=False) for path, values in wanted.values.items()]
    nothing = {str(item["path"]): Stored() for item in wanted.expected}
    missing = [] if wanted.missing == "ignore" else find_missing(wanted.expected, nothing, steps)
    return values_result(steps, missing), _judge(wanted, missing)


def _judge(wanted: Wanted, missing: Sequence[Missing]) -> list[str]:
    if not missing:
        return []
    texts = [item.message for item in missing]
    headline = f"Values are missing in Vault, below {wanted.mount}"
    if wanted.missing == "fail":
        raise HardeningError(
            join_failures(f"{headline}, and nothing was written", texts),
            failures=[{"path": item.path, "property": item.property, "message": item.message} for item in missing],
        )
    return [join_failures(headline, texts)]


def _has_mount(client: VaultClient, mount: str) -> bool:
    """Whether there is a KV engine of version 2; one of another kind is refused."""
    try:
        mounts = {name.rstrip("/"): entry for name, entry in (client.read("sys/mounts") or {}).items()}
    except VaultError as error:
        if error.status != 403:
            raise
        # What every token may ask that may do anything there, and what answers 403 for a mount that is not there.
        entry = client.read(f"sys/internal/ui/mounts/{mount}") or {}
        mounts = {str(entry.get("path", mount)).rstrip("/"): entry}
    if problem := kv_problem(mount, mounts):
        raise HardeningError(f"Vault {client.url}: {problem}.")
    return mount in mounts


def _read_all(client: VaultClient, wanted: Wanted) -> tuple[dict[str, Stored], list[str]]:
    """What is at every path; a path that is only looked at, and may not be, is left out with a warning."""
    stored: dict[str, Stored] = {}
    refused: dict[str, list[str]] = {}
    unseen: list[str] = []
    looked_at = [] if wanted.missing == "ignore" else [str(item["path"]) for item in wanted.expected]
    for path in dict.fromkeys([*wanted.values, *looked_at]):
        kind = "data" if wanted.overwrite and path in wanted.values else "subkeys"
        try:
            stored[path] = _read(client, wanted.mount, path, kind)
        except VaultError as error:
            if error.status != 403:
                raise
            if path in wanted.values:
                refused[f"{wanted.mount}/{kind}/{path}"] = ["read"]
            else:
                unseen.append(f"{wanted.mount}/subkeys/{path}")
    client.refuse_missing(refused)
    return stored, [f"The token may not read {', '.join(unseen)}, so whether all is there was not checked."] * bool(
        unseen
    )


def _read(client: VaultClient, mount: str, path: str, kind: str) -> Stored:
    """``subkeys`` answers the names without the values, so that none leaves Vault without need."""
    data = client.request("GET", f"{mount}/{kind}/{path}").data
    properties, metadata = data.get(kind), data.get("metadata") or {}
    return Stored(int(metadata.get("version") or 0), properties if isinstance(properties, Mapping) else None)


def _write_all(client: VaultClient, wanted: Wanted, steps: Sequence[ValueStep]) -> list[ValueStep]:
    done: list[ValueStep] = []
    for step in steps:
        try:
            done.append(_write(client, wanted, step))
        except HardeningError as error:
            partial = values_result(done, [])
            raise HardeningError(error.message, partial=partial if partial["changed"] else None) from error
    return done


def _write(client: VaultClient, wanted: Wanted, step: ValueStep) -> ValueStep:
    """Write one path; if somebody else wrote there meanwhile, plan it anew from what is there now."""
    for _attempt in range(MOST_ATTEMPTS):
        if step.action == "unchanged":
            return step
        body = {"data": dict(step.data), "options": {"cas": step.version}}
        path = f"{wanted.mount}/data/{step.path}"
        try:
            if step.adds:
                client.request("PATCH", path, body, MERGE_PATCH)
            else:
                client.request("POST", path, body)
            return step
        except VaultError as error:
            if not any("check-and-set" in text for text in error.errors):
                raise
        now = _read(client, wanted.mount, step.path, "data" if wanted.overwrite else "subkeys")
        step = plan_value(step.path, wanted.values[step.path], now, wanted.overwrite)
    raise HardeningError(
        f"{wanted.mount}/{step.path} was changed by others each of the {MOST_ATTEMPTS} times that it was about to be "
        "written. Run again."
    )


def _capabilities(step: ValueStep) -> tuple[str, ...]:
    if step.adds:
        return ("patch",)
    return ("update",) if step.version else ("create",)
