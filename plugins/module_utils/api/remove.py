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
from typing import Any, TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import APPLY_PATCH, Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.delete import delete_object
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery, Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import applied_entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import (
    Key,
    Target,
    live_key,
    read_live,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.origin import (
    MADE_BY_KUBERNETES,
    is_marked,
    other_owner,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import (
    Action,
    Failure,
    ObjectResult,
    Outcome,
    failure_error,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import explain
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_warnings import WarningLog
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.targets import resolve
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import Deadline, until_gone, wait_for
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.waves import CRD, NAMESPACE, in_waves

HELD_SECONDS = 120.0
CLAIM = ("", "PersistentVolumeClaim")

Waves: TypeAlias = "list[list[tuple[Manifest, tuple[Target, Removal]]]]"


@dataclass(frozen=True)
class RemoveOptions:
    """How to remove.

    Attributes:
        delete_namespaces: delete namespaces too, with all that is in them.
        delete_crds: delete CustomResourceDefinitions too, with all objects of their kinds.
        delete_claims: delete PersistentVolumeClaims too, with the data that their volumes hold.
        wait_seconds: how long to wait until all deleted objects are gone; None not to wait.
    """

    manager: str
    delete_namespaces: bool = False
    delete_crds: bool = False
    delete_claims: bool = True
    check: bool = False
    wait_seconds: float | None = None


@dataclass(frozen=True)
class Removal:
    """What to do with one object and why. Pure result of :func:`decide`.

    Attributes:
        stays: it is ours, and remains so.
    """

    action: Action
    reason: str = ""
    stays: bool = False


def decide(manifest: Manifest, live: Mapping[str, Any] | None, options: RemoveOptions) -> Removal:
    """Decide on one object from its live state."""
    if live is None:
        return Removal("unchanged", "it does not exist")
    if live["metadata"].get("deletionTimestamp"):
        return Removal("unchanged", "it is being deleted already", stays=True)
    if applied_entry(live, options.manager) is None:
        return Removal("unchanged", f"field manager {options.manager} has not applied it")
    kind = (manifest.group, manifest.kind)
    if kind == NAMESPACE and not options.delete_namespaces:
        return Removal("released", "namespaces are deleted only with delete_namespaces")
    owner = other_owner(live, options.manager)
    if kind == CRD and not options.delete_crds and owner is None:
        # without our fields there would be nothing valid left
        return Removal("unchanged", "CustomResourceDefinitions are deleted only with delete_crds", stays=True)
    if kind == CLAIM and not options.delete_claims:
        return Removal("unchanged", "PersistentVolumeClaims are deleted only with delete_claims", stays=True)
    if (manifest.kind, manifest.name) in MADE_BY_KUBERNETES:
        return Removal("released", "Kubernetes itself made it")
    if is_marked(live):
        return Removal("released", "it was there before it was first applied")
    if owner is not None:
        return Removal("released", f"{owner} made it or applies it too")
    return Removal("deleted")


@dataclass(frozen=True)
class Removals:
    """What is going to be removed: nothing was written yet.

    Attributes:
        todo: what is to be deleted or released.
        left: what is left as it is, and why.
        staying: what is ours among the latter.
        live: objects as they are, by :func:`live_key`.
    """

    todo: tuple[tuple[Target, Removal], ...]
    left: tuple[ObjectResult, ...]
    staying: tuple[Target, ...]
    live: Mapping[Key, Mapping[str, Any]]


def remove_manifests(client: Client, manifests: Sequence[Manifest], options: RemoveOptions) -> Outcome:
    """Make the server no longer hold what we applied of these manifests.

    Everything is tried as a dry run first; kinds that are no longer served count as absent.

    Raises:
        HardeningError: a removal would be, or was, refused, or an object was not gone in time.
    """
    resolved = resolve(Discovery(client), manifests)
    gone = [*resolved.deferred, *resolved.unserved]
    results = [ObjectResult(manifest, "unchanged", None, None, reason="its kind is not served") for manifest in gone]
    removals = plan_removals(resolved.targets, read_live(client, resolved.targets), options)
    predicted = rehearse_removals(client, removals, options)
    done = predicted if options.check else carry_out_removals(client, removals, options)
    order = {id(manifest): position for position, manifest in enumerate(manifests)}
    ordered = sorted([*results, *done.results], key=lambda result: order[id(result.manifest)])
    return Outcome(tuple(ordered), done.warnings)


def plan_removals(targets: Sequence[Target], live: Mapping[Key, Mapping[str, Any]], options: RemoveOptions) -> Removals:
    """Decide on each object. Pure."""
    left: list[ObjectResult] = []
    staying: list[Target] = []
    todo: list[tuple[Target, Removal]] = []
    for target in targets:
        state = live.get(live_key(target[0]))
        removal = decide(target[0], state, options)
        if removal.action == "unchanged":
            left.append(ObjectResult(target[0], "unchanged", state, state, reason=removal.reason))
            staying += [target] if removal.stays else []
        else:
            todo.append((target, removal))
    return Removals(tuple(todo), tuple(left), tuple(staying), live)


def rehearse_removals(client: Client, removals: Removals, options: RemoveOptions) -> Outcome:
    """Try all removals as dry runs.

    Raises:
        HardeningError: one would be refused; all such are named.
    """
    warnings = WarningLog()
    done, failures = _carry_out(client, removals, in_removal_order(removals), options.manager, warnings, dry_run=True)
    if failures:
        raise failure_error("The server would refuse this, nothing was changed", failures)
    return Outcome((*removals.left, *done), tuple(warnings.texts))


def carry_out_removals(client: Client, removals: Removals, options: RemoveOptions) -> Outcome:
    """Delete or release in the reverse order of application, and wait.

    What a controller has to let go (custom resources with finalizers) goes first, and the rest waits for it: the
    controller may be among the rest.

    Raises:
        HardeningError: a removal was refused, or an object was not gone in time; carries what was done.
    """
    warnings = WarningLog()
    results = list(removals.left)
    held = [entry for entry in removals.todo if is_held(entry, removals.live)]
    rest = [entry for entry in removals.todo if not is_held(entry, removals.live)]
    for part, patience in ((held, max(options.wait_seconds or 0.0, HELD_SECONDS)), (rest, options.wait_seconds)):
        waves = in_waves((target[0], (target, removal)) for target, removal in part)
        done, failures = _carry_out(client, removals, list(reversed(waves)), options.manager, warnings, dry_run=False)
        results += done
        outcome = Outcome(tuple(results), tuple(warnings.texts))
        if failures:
            raise failure_error(f"{len(failures)} objects could not be removed; run again to finish", failures, outcome)
        if part and patience is not None:
            deleted = [target for target, removal in part if removal.action == "deleted"]
            failures = wait_for(client, deleted, until_gone, Deadline.after(patience))
            if failures:
                raise failure_error("Deleted, but not gone", failures, outcome)
    return Outcome(tuple(results), tuple(warnings.texts))


def is_held(entry: tuple[Target, Removal], live: Mapping[Key, Mapping[str, Any]]) -> bool:
    """Whether a controller of its own must let an object go: a custom resource with finalizers."""
    target, removal = entry
    state = live.get(live_key(target[0])) or {}
    custom = "." in target[0].group and not target[0].group.endswith(".k8s.io")
    return removal.action == "deleted" and custom and bool(state.get("metadata", {}).get("finalizers"))


def in_removal_order(removals: Removals) -> Waves:
    """All removals, in waves."""
    return list(reversed(in_waves((target[0], (target, removal)) for target, removal in removals.todo)))


def _carry_out(
    client: Client, removals: Removals, waves: Waves, manager: str, warnings: WarningLog, dry_run: bool
) -> tuple[list[ObjectResult], list[Failure]]:
    def carry_out(pair: tuple[Manifest, tuple[Target, Removal]]) -> ObjectResult | Failure:
        manifest, ((_manifest, resource), removal) = pair
        before = removals.live[live_key(manifest)]
        try:
            if removal.action == "deleted":
                after = None
                delete_object(client, manifest, resource, before, dry_run)
            else:
                response = _release(client, manifest, resource, manager, dry_run)
                after = response.body
                warnings.add(response.warnings)
        except ApiError as error:
            return Failure(manifest, explain(error, manifest, resource), error.reason)
        return ObjectResult(manifest, removal.action, before, after, reason=removal.reason)

    tried = [result for members in waves for result in client.map(carry_out, members)]
    return (
        [result for result in tried if isinstance(result, ObjectResult)],
        [result for result in tried if isinstance(result, Failure)],
    )


def _release(client: Client, manifest: Manifest, resource: Resource, manager: str, dry_run: bool) -> Any:
    """Apply an empty configuration: fields that only we own go, shared ones stay with their other owners."""
    metadata = {"name": manifest.name, **({"namespace": manifest.namespace} if manifest.namespace else {})}
    body = {"apiVersion": manifest.api_version, "kind": manifest.kind, "metadata": metadata}
    query = {"fieldManager": manager, "force": "false", **({"dryRun": "All"} if dry_run else {})}
    path = resource.path(manifest.namespace, manifest.name)
    return client.request("PATCH", path, query, body, APPLY_PATCH)
