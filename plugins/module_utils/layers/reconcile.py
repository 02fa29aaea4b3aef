# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the cluster hold exactly the members of a layer.

The order is that of KEP-3659, and a crash between any two requests is healed by the next run: the parent learns what is
about to be applied, the revision is kept, objects are applied, what is no longer wanted is removed, and only then does
the parent forget it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.apply import await_ready, carry_out
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import MERGE_PATCH, Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.field_sets import applied_entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.live_state import (
    Key,
    Target,
    live_key,
    read_live,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF, set_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.prepare import ApplyOptions, Prepared, prepare
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.remove import (
    Removals,
    RemoveOptions,
    carry_out_removals,
    plan_removals,
    rehearse_removals,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import ObjectResult, Outcome
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.targets import resolve
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import Deadline
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers import memory
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer, as_member, reference
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.members import (
    Members,
    find_members,
    resources_of,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import Parent
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import Body, sum_of

Review = Callable[[Outcome], None]


@dataclass(frozen=True)
class LayerOptions:
    """How a layer is applied.

    Attributes:
        apply: how its members are.
        present: False to make it the empty set.
        purge: with ``present`` False, forget the layer and its revisions, too.
        delete_namespaces: delete namespaces that are no longer members, with all that is in them.
        delete_crds: delete CustomResourceDefinitions that are no longer members, with all objects of their kinds.
        delete_claims: delete PersistentVolumeClaims that are no longer members, with their data.
        note: kept with the revision.
    """

    apply: ApplyOptions
    present: bool = True
    purge: bool = False
    delete_namespaces: bool = False
    delete_crds: bool = False
    delete_claims: bool = False
    note: str = ""


@dataclass(frozen=True)
class LayerOutcome:
    """What happened to a layer.

    Attributes:
        outcome: each object.
        revision: number of the revision that the cluster holds now; 0 if none.
        recorded: whether that is a new one.
        remembered: whether anything else changed in what is kept of the layer.
    """

    outcome: Outcome
    revision: int
    recorded: bool
    remembered: bool


@dataclass(frozen=True)
class _Plan:
    """All that is to be done, before anything is written."""

    bodies: tuple[Body, ...]
    prepared: Prepared
    removals: Removals
    removed: Outcome
    parent: Parent
    final: Parent

    @property
    def idle(self) -> bool:
        """Whether nothing at all is to be written."""
        return not self.prepared.changes_ownership and not self.removals.todo and not self.remembers

    @property
    def remembers(self) -> bool:
        """Whether what is kept of the layer changes."""
        never_there = not self.parent.version and not self.bodies
        return not never_there and not self.final.says_as(self.parent)

    @property
    def new(self) -> bool:
        """Whether this is another content than that of the current revision."""
        return self.final.total != self.parent.total and bool(self.bodies or self.parent.version)

    @property
    def predicted(self) -> Outcome:
        """All objects as they would be."""
        return _joined(self.prepared.predicted, self.removed)


def reconcile(
    client: Client,
    layer: Layer,
    manifests: Sequence[Manifest],
    options: LayerOptions,
    reviews: Sequence[Review] = (),
    untouched: Sequence[Manifest] = (),
) -> LayerOutcome:
    """Make the cluster hold exactly these manifests as the members of a layer.

    Args:
        client: the server.
        layer: which layer.
        manifests: its members. For an absent layer, what else may have been applied before layers were remembered.
        options: how.
        reviews: see what is going to happen before anything is written; what one raises ends the run there.
        untouched: members that are to stay as they are, as a revision does not say what is in them.

    Raises:
        HardeningError: something would be refused (nothing was changed), was refused after all, or did not get ready.
    """
    discovery = Discovery(client)
    plan = _plan(client, discovery, layer, manifests, options, untouched)
    for review in reviews:
        review(plan.predicted)
    if options.apply.check:
        purged = purgeable(client, layer) if options.purge else ()
        number = 0 if options.purge else plan.parent.revision + int(plan.new)
        return LayerOutcome(_joined(plan.predicted, Outcome(purged)), number, plan.new, plan.remembers)
    if plan.idle:
        done = LayerOutcome(plan.predicted, plan.parent.revision, recorded=False, remembered=False)
    else:
        done = _carry_out(client, discovery, layer, plan, options)
    return _purge(client, layer, plan, done) if options.purge else done


def _plan(
    client: Client,
    discovery: Discovery,
    layer: Layer,
    manifests: Sequence[Manifest],
    options: LayerOptions,
    untouched: Sequence[Manifest],
) -> _Plan:
    parent = memory.look(client, layer)
    namespaces = {*parent.namespaces, *(manifest.namespace for manifest in manifests if manifest.namespace)}
    resources = resources_of(client, discovery, manifests, parent.kinds)
    # What is not served now may be again: an API behind another server, a definition that somebody took away.
    away = parent.kinds - {(resource.group, resource.kind) for resource in resources}
    found = find_members(client, layer, resources, namespaces)
    wanted = tuple(as_member(manifest, layer) for manifest in manifests) if options.present else ()
    known = {key: item for key, (_resource, item) in found.items()}
    prepared = prepare(client, discovery, wanted, replace(options.apply, part_of=layer.set_id), known)
    if not options.present:
        found = {**_applied_before(client, discovery, layer, manifests, options.apply.ownership.manager), **found}
    removals = plan_removals(*_surplus(found, [*wanted, *untouched]), _remove_options(options))
    removed = rehearse_removals(client, removals, _remove_options(options))
    bodies = tuple(manifest.body for manifest in (*wanted, *untouched))
    left = {id(result.manifest) for result in prepared.left}
    members = [manifest for manifest in (*wanted, *untouched) if id(manifest) not in left]
    final = _final(
        parent,
        layer,
        [*members, *(target[0] for target in removals.staying)],
        sum_of(bodies),
        options.apply.ownership.manager,
    )
    final = final.grown(away, parent.namespaces if away else ())
    return _Plan(bodies, prepared, removals, removed, parent, final)


def _surplus(found: Members, wanted: Sequence[Manifest]) -> tuple[list[Target], dict[Key, Mapping[str, Any]]]:
    """Members that are not wanted, as targets, and how they are."""
    keys = {live_key(manifest) for manifest in wanted}
    targets: list[Target] = []
    live: dict[Key, Mapping[str, Any]] = {}
    for key in sorted(found.keys() - keys, key=lambda key: tuple(part or "" for part in key)):
        resource, item = found[key]
        targets.append((reference(resource.api_version, resource.kind, item, f"surplus[{len(targets)}]"), resource))
        live[key] = item
    return targets, live


def _applied_before(
    client: Client, discovery: Discovery, layer: Layer, manifests: Sequence[Manifest], manager: str
) -> Members:
    """What we applied of these manifests, also where the label of the layer is missing."""
    targets = resolve(discovery, manifests).targets
    live = read_live(client, targets)
    return {
        live_key(manifest): (resource, live[live_key(manifest)])
        for manifest, resource in targets
        if live_key(manifest) in live
        and applied_entry(live[live_key(manifest)], manager) is not None
        and set_of(live[live_key(manifest)]) in ("", layer.set_id)
    }


def _final(parent: Parent, layer: Layer, members: Sequence[Manifest], total: str, manager: str) -> Parent:
    """What the parent says when all is done; the number of the revision is not known yet."""
    return Parent(
        frozenset((manifest.group, manifest.kind) for manifest in members),
        frozenset({layer.namespace, *(manifest.namespace for manifest in members if manifest.namespace)}),
        parent.revision,
        total,
        manager,
        parent.version,
    )


def _carry_out(client: Client, discovery: Discovery, layer: Layer, plan: _Plan, options: LayerOptions) -> LayerOutcome:
    deadline = Deadline.after(options.apply.wait_seconds or 0.0)
    final = plan.final

    def with_what_comes(now: Parent) -> Parent:
        return now.grown(final.kinds, final.namespaces)

    parent = plan.parent
    if not parent.version or not with_what_comes(parent).says_as(parent):
        parent = memory.grow(client, layer, with_what_comes)
    number = memory.record(client, layer, parent.revision, plan.bodies, options.note) if plan.new else parent.revision
    applied = carry_out(client, discovery, plan.prepared, replace(options.apply, part_of=layer.set_id), deadline)
    removed = carry_out_removals(client, plan.removals, _remove_options(options))
    # What was deleted and is still going needs nothing more from a later run, so it need not be found again.
    final = replace(final, revision=number, version=parent.version)
    if not final.says_as(parent):
        memory.settle(client, layer, final)
    if plan.new:
        memory.forget(client, layer, number)
    if options.apply.wait_seconds is not None:
        await_ready(client, discovery, applied, deadline, options.apply.tell)
    return LayerOutcome(_joined(applied, removed), number, plan.new, plan.remembers)


def _purge(client: Client, layer: Layer, plan: _Plan, done: LayerOutcome) -> LayerOutcome:
    """Forget an absent layer: what stays is no member any more, and no revision is kept."""
    purged = purgeable(client, layer)
    for manifest, resource in plan.removals.staying:
        labels = {"metadata": {"labels": {PART_OF: None}}}
        path = resource.path(manifest.namespace, manifest.name)
        client.request("PATCH", path, {"fieldManager": memory.MANAGER}, labels, MERGE_PATCH)
    memory.forget_all(client, layer)
    return LayerOutcome(_joined(done.outcome, Outcome(purged)), 0, False, done.remembered)


def purgeable(client: Client, layer: Layer) -> tuple[ObjectResult, ...]:
    """What is kept of a layer, as results of its removal."""
    return tuple(
        ObjectResult(
            Manifest(f"kept[{index}]", "v1", "ConfigMap", layer.namespace, name, {}),
            "deleted",
            {"metadata": {"name": name, "namespace": layer.namespace}},
            None,
        )
        for index, name in enumerate(memory.kept_names(client, layer))
    )


def _remove_options(options: LayerOptions) -> RemoveOptions:
    return RemoveOptions(
        options.apply.ownership.manager,
        options.delete_namespaces,
        options.delete_crds,
        options.delete_claims,
        options.apply.check,
        options.apply.wait_seconds,
    )


def _joined(one: Outcome, other: Outcome) -> Outcome:
    return Outcome((*one.results, *other.results), tuple(dict.fromkeys((*one.warnings, *other.warnings))))
