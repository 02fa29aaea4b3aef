# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which revision of a layer is gone back to. Pure, but for what it is given."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import UNRECORDED, Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import Parent
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import Body, Revision

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def by_number(layer: Layer, kept: Sequence[Revision], number: int) -> Revision:
    """The revision of this number.

    Raises:
        HardeningError: it is not kept.
    """
    for revision in kept:
        if revision.number == number:
            return _complete(layer, revision)
    numbers = ", ".join(str(revision.number) for revision in kept) or "none"
    raise HardeningError(f"Layer {layer.name} has no revision {number} any more; kept are {numbers}.")


def before_current(layer: Layer, kept: Sequence[Revision], parent: Parent) -> Revision:
    """The revision before the current one.

    Raises:
        HardeningError: none is kept.
    """
    earlier = [revision for revision in kept if revision.number < parent.revision]
    if not earlier:
        raise HardeningError(f"Layer {layer.name} has no revision before the current one, {parent.revision}.")
    return _complete(layer, earlier[-1])


def at_time(layer: Layer, kept: Sequence[Revision], time: str) -> Revision | None:
    """The revision that the cluster held at a time; None if the layer did not exist then.

    Raises:
        HardeningError: that revision is not kept any more.
    """
    earlier = [revision for revision in kept if revision.applied_at <= time]
    if earlier:
        return _complete(layer, earlier[-1])
    if kept and kept[0].number > 1:
        raise HardeningError(
            f"Layer {layer.name}: what it was at {time} is not kept any more. The oldest revision is "
            f"{kept[0].number} of {kept[0].applied_at}."
        )
    return None


def read_time(text: str) -> str:
    """Check a time.

    Raises:
        HardeningError: it has another form.
    """
    if not TIME.fullmatch(text):
        raise HardeningError(f"to_time {text!r} is not a time in UTC such as 2026-11-28T17:30:00Z.")
    return text


def split(members: Sequence[Body]) -> tuple[list[Body], list[Body]]:
    """Members that can be applied from a revision, and those that can only be left as they are."""
    bare = [body for body in members if UNRECORDED in (body["metadata"].get("annotations") or {})]
    return [body for body in members if body not in bare], bare


def _complete(layer: Layer, revision: Revision) -> Revision:
    if revision.members is None:
        raise HardeningError(
            f"Revision {revision.number} of layer {layer.name} was too large to be kept with its content."
        )
    return revision
