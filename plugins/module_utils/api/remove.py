# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes what was applied, and only that.

An object is ours if our field manager applied it. It is deleted, unless somebody else has a claim to it (it was there
before us, or another manager applies it, too), or it is of a kind that is never deleted unasked; then only our fields
are given up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import (
    APPLY_PATCH,
    ApiError,
    Client,
    WarningLog,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery, Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import applied_entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import Target, live_key, read_live
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.origin import (
    MADE_BY_KUBERNETES,
    is_marked,
    other_owner,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import (
    Action,
    Failure,
    ObjectResult,
    Outcome,
    failure_error,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import explain
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.targets import resolve
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import Deadline, until_gone, wait_for
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.waves import CRD, NAMESPACE, in_waves


@dataclass(frozen=True)
class RemoveOptions:
    """How to remove.

    Attributes:
        delete_namespaces: delete namespaces too, with all that is in them.
        delete_crds: delete CustomResourceDefinitions too, with all objects of their kinds.
        wait_seconds: how long to wait until all deleted objects are gone; None not to wait.
    """

    manager: str
    delete_namespaces: bool = False
    delete_crds: bool = False
    check: bool = False
    wait_seconds: float | None = None


@dataclass(frozen=True)
class Removal:
    """What to do with one object and why. Pure result of :func:`decide`."""

    action: Action
    reason: str = ""


def decide(manifest: Manifest, live: Mapping[str, Any] | None, options: RemoveOptions) -> Removal:
    """Decide on one object from its live state."""
    if live is None:
        return Removal("unchanged", "it does not exist")
    if live["metadata"].get("deletionTimestamp"):
        return Removal("unchanged", "it is being deleted already")
    if applied_entry(live, options.manager) is None:
        return Removal("unchanged", f"field manager {options.manager} has not applied it")
    kind = (manifest.group, manifest.kind)
    if kind == NAMESPACE and not options.delete_namespaces:
        return Removal("released", "namespaces are deleted only with delete_namespaces")
    owner = other_owner(live, options.manager)
    if kind == CRD and not options.delete_crds and owner is None:
        # without our fields there would be nothing valid left
        return Removal("unchanged", "CustomResourceDefinitions are deleted only with delete_crds")
    if (manifest.kind, manifest.name) in MADE_BY_KUBERNETES:
        return Removal("released", "Kubernetes itself made it")
    if is_marked(live):
        return Removal("released", "it was there before it was first applied")
    if owner is not None:
        return Removal("released", f"{owner} made it or applies it too")
    return Removal("deleted")


def remove_manifests(client: Client, manifests: Sequence[Manifest], options: RemoveOptions) -> Outcome:
    """Make the server no longer hold what we applied of these manifests.

    Everything is tried as a dry run first; kinds that are no longer served count as absent.

    Raises:
        HardeningError: a removal would be, or was, refused, or an object was not gone in time.
    """
    resolved = resolve(Discovery(client), manifests)
    live = read_live(client, resolved.targets)
    gone = [*resolved.deferred, *resolved.unserved]
    results = [ObjectResult(manifest, "unchanged", None, None, reason="its kind is not served") for manifest in gone]
    todo: list[tuple[Target, Removal]] = []
    for target in resolved.targets:
        state = live.get(live_key(target[0]))
        removal = decide(target[0], state, options)
        if removal.action == "unchanged":
            results.append(ObjectResult(target[0], "unchanged", state, state, reason=removal.reason))
        else:
            todo.append((target, removal))
    warnings = WarningLog()
    done, failures = _carry_out(client, todo, live, options.manager, warnings, dry_run=True)
    if failures:
        raise failure_error("The server would refuse this, nothing was changed", failures)
    if not options.check:
        done, failures = _carry_out(client, todo, live, options.manager, warnings, dry_run=False)
    order = {id(manifest): position for position, manifest in enumerate(manifests)}
    outcome = Outcome(
        tuple(sorted([*results, *done], key=lambda result: order[id(result.manifest)])), tuple(warnings.texts)
    )
    if failures:
        raise failure_error(f"{len(failures)} objects could not be removed; run again to finish", failures, outcome)
    if options.wait_seconds is not None and not options.check:
        deleted = [target for target, removal in todo if removal.action == "deleted"]
        failures = wait_for(client, deleted, until_gone, Deadline.after(options.wait_seconds))
        if failures:
            raise failure_error("Deleted, but not gone", failures, outcome)
    return outcome


def _carry_out(
    client: Client,
    todo: Sequence[tuple[Target, Removal]],
    live: Mapping[Any, dict[str, Any]],
    manager: str,
    warnings: WarningLog,
    dry_run: bool,
) -> tuple[list[ObjectResult], list[Failure]]:
    """Delete or release in the reverse order of application."""

    def carry_out(pair: tuple[Manifest, tuple[Resource, Removal]]) -> ObjectResult | Failure:
        manifest, (resource, removal) = pair
        before = live[live_key(manifest)]
        try:
            if removal.action == "deleted":
                after = None
                _delete(client, manifest, resource, before["metadata"]["uid"], dry_run)
            else:
                response = _release(client, manifest, resource, manager, dry_run)
                after = response.body
                warnings.add(response.warnings)
        except ApiError as error:
            return Failure(manifest, explain(error, manifest, resource), error.reason)
        return ObjectResult(manifest, removal.action, before, after, reason=removal.reason)

    pairs = [(manifest, (resource, removal)) for (manifest, resource), removal in todo]
    tried = [result for members in reversed(in_waves(pairs)) for result in client.map(carry_out, members)]
    return (
        [result for result in tried if isinstance(result, ObjectResult)],
        [result for result in tried if isinstance(result, Failure)],
    )


def _delete(client: Client, manifest: Manifest, resource: Resource, uid: str, dry_run: bool) -> None:
    """Delete this very object, not one that took its name meanwhile; dependants go in the background.

    The server reads dryRun from the body, and only if there is none from the query; the query is for the audit log.
    """
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": uid},
        "propagationPolicy": "Background",
        **({"dryRun": ["All"]} if dry_run else {}),
    }
    try:
        client.request(
            "DELETE",
            resource.path(manifest.namespace, manifest.name),
            {"dryRun": "All"} if dry_run else {},
            body,
        )
    except ApiError as error:
        if error.status != 404:
            raise


def _release(client: Client, manifest: Manifest, resource: Resource, manager: str, dry_run: bool) -> Any:
    """Apply an empty configuration: fields that only we own go, shared ones stay with their other owners."""
    metadata = {"name": manifest.name, **({"namespace": manifest.namespace} if manifest.namespace else {})}
    body = {"apiVersion": manifest.api_version, "kind": manifest.kind, "metadata": metadata}
    query = {"fieldManager": manager, "force": "false", **({"dryRun": "All"} if dry_run else {})}
    path = resource.path(manifest.namespace, manifest.name)
    return client.request("PATCH", path, query, body, APPLY_PATCH)
