# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the layers recorded, and where the cluster is no longer so. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF, set_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.comparison import difference, writer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import BY_NAME, LAYERS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Place, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import Snapshot, key_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER, UNRECORDED, Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import REVISION, Parent, read_parent
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import read_revision

Json = Mapping[str, Any]
_LABEL = ("f:metadata", "f:labels", f"f:{PART_OF}")
"""Path of the label that makes an object a member."""


@dataclass(frozen=True)
class Drift:
    """A member that is not as its layer recorded it.

    Attributes:
        state: ``missing``, ``differs``, ``left`` the layer as its label is gone, or ``surplus``: no revision knows it.
        field: the first field that differs.
        manager: field manager who wrote that, and when; None where managedFields do not tell.
    """

    state: str
    place: Place
    field: str | None = None
    manager: str | None = None
    when: str | None = None

    def message(self, layer: str) -> str:
        """In one sentence."""
        by = f", written by {self.manager}" + (f" at {self.when}" if self.when else "") if self.manager else ""
        texts = {
            "missing": f"{self.place} of layer {layer} is not there any more.",
            "differs": f"{self.place} is not what layer {layer} applied: {self.field}{by}.",
            "left": f"{self.place} has lost the label that makes it a member of layer {layer}{by}.",
            "surplus": f"{self.place} has the label of layer {layer}, which did not apply it{by}.",
        }
        return texts[self.state]


@dataclass(frozen=True)
class LayerState:
    """A layer.

    Attributes:
        revision: number of what was applied last; 0 if a run was interrupted before its end.
        broken: why its record cannot be read; empty if it can.
        unseen: how many of its members nobody looked at, as their kind is not in the snapshot.
    """

    name: str
    revision: int
    version: str = ""
    when: str = ""
    drift: tuple[Drift, ...] = ()
    broken: str = ""
    unseen: int = 0
    recorded: bool = True

    @property
    def holds(self) -> bool | None:
        """Whether the cluster is as recorded; None where that is not known."""
        if self.drift:
            return False
        return None if self.broken or self.unseen or not self.recorded else True

    def facts(self) -> dict[str, Any]:
        """As the report has it."""
        entries = [
            {
                "object": asdict(entry.place),
                "field": entry.field,
                "message": entry.message(self.name),
                "manager": entry.manager,
                "when": entry.when,
            }
            for entry in self.drift
        ]
        return {
            "name": self.name,
            "revision": self.revision or None,
            "version": self.version or None,
            "when": self.when or None,
            "holds": self.holds,
            "drift": entries,
        }


def layer_states(snapshot: Snapshot, namespace: str) -> tuple[LayerState, ...]:
    """Every layer, by name."""
    live = {
        (kind, *key_of(item)): item for kind, items in snapshot.objects.items() if kind in BY_NAME for item in items
    }
    maps = snapshot.objects.get(LAYERS, ())
    found = []
    for item in maps:
        layer = Layer(str(item["metadata"]["labels"][LAYER]), namespace)
        if item["metadata"]["name"] == layer.parent_name:
            kept = [other for other in maps if _is_revision_of(other, layer)]
            found.append(_state(layer, read_parent(layer, item), kept, live, snapshot))
    return tuple(sorted(found, key=lambda state: state.name))


def _is_revision_of(item: Json, layer: Layer) -> bool:
    labels = item["metadata"]["labels"]
    return labels.get(LAYER) == layer.name and REVISION in labels


def _state(
    layer: Layer, parent: Parent, kept: Sequence[Json], live: Mapping[Any, Json], snapshot: Snapshot
) -> LayerState:
    number = str(parent.revision)
    current = next((item for item in kept if item["metadata"]["labels"][REVISION] == number), None)
    if current is None:
        return LayerState(layer.name, parent.revision, recorded=False)
    try:
        revision = read_revision(current)
    except HardeningError as error:
        return LayerState(layer.name, parent.revision, broken=error.message)
    members = revision.members or ()
    known = [body for body in members if body["kind"] in snapshot.objects and body["kind"] in BY_NAME]
    return LayerState(
        layer.name,
        parent.revision,
        revision.collection,
        revision.applied_at,
        tuple(_drift(layer, parent, known, live)) if revision.members is not None else (),
        unseen=len(members) - len(known),
        recorded=revision.members is not None,
    )


def _drift(layer: Layer, parent: Parent, members: Sequence[Json], live: Mapping[Any, Json]) -> Iterator[Drift]:
    wanted = {(body["kind"], *key_of(body)) for body in members}
    for body in members:
        item = live.get((body["kind"], *key_of(body)))
        place = place_of(body)
        if item is None:
            yield Drift("missing", place)
        elif body["kind"] == "Node":
            yield from _of_node(place, body, item)
        elif set_of(item) != layer.set_id:
            # The manager of a field that is gone is not known.
            yield Drift("left", place)
        elif UNRECORDED not in (body["metadata"].get("annotations") or {}):
            found = difference(body, item)
            if found:
                yield Drift("differs", place, found.field, *writer(item, found.path, parent.manager))
    for key, item in live.items():
        if set_of(item) == layer.set_id and key not in wanted and key[0] != "Node":
            yield Drift("surplus", place_of(item), None, *writer(item, _LABEL, parent.manager))


def _of_node(place: Place, body: Json, item: Json) -> Iterator[Drift]:
    """A node may have more labels and taints than a layer gave it."""
    labels = item["metadata"].get("labels") or {}
    writers = item["metadata"].get("writers") or ()
    for key, text in (body["metadata"].get("labels") or {}).items():
        if labels.get(key) != text:
            by = [entry for entry in writers if key in entry["labels"]]
            yield Drift("differs", place, f"metadata.labels[{key}]", *_newest(by))
            return
    taints = {_taint(taint) for taint in item["spec"].get("taints") or ()}
    for taint in body["spec"]["taints"]:
        if _taint(taint) not in taints:
            by = [entry for entry in writers if entry["taints"]]
            yield Drift("differs", place, f"spec.taints[{taint['key']}]", *_newest(by))
            return


def _newest(writers: Sequence[Json]) -> tuple[str | None, str | None]:
    if not writers:
        return None, None
    entry = max(writers, key=lambda entry: str(entry.get("time") or ""))
    return entry.get("manager"), entry.get("time")


def _taint(taint: Json) -> tuple[str, str, str]:
    return str(taint.get("key", "")), str(taint.get("value") or ""), str(taint.get("effect", ""))
