# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides without a request whether an object is already as wanted, from ``metadata.managedFields``.

``fieldsV1`` says which fields a manager applied: ``f:name`` a field, ``k:{...}`` a list item by its keys, ``v:...`` an
item of a set, ``.`` the thing itself; an empty node is a leaf, and a leaf may be a whole list or map that the server
treats as one value. If our manager owns exactly the wanted fields, and each has the wanted value, applying the manifest
again would change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

MISSING = object()
SERVER_DEFAULTS: Mapping[str, Mapping[tuple[str, str], object]] = {
    "networking.k8s.io": {("ports", "protocol"): "TCP"},
    "rbac.authorization.k8s.io": {
        ("subjects", "apiGroup"): "rbac.authorization.k8s.io",
        ("roleRef", "apiGroup"): "rbac.authorization.k8s.io",
    },
    **{
        group: {("fieldRef", "apiVersion"): "v1", ("serviceAccountToken", "expirationSeconds"): 3600}
        for group in ("", "apps", "batch")
    },
}
"""By API group: what the server fills into values that it treats as one, by the key above and the key itself."""
QUANTITY_MAPS = frozenset({"limits", "requests", "hard", "capacity", "allocatable", "default", "defaultRequest"})
QUANTITY_FIELDS = frozenset({"sizeLimit", "storage"})
SUFFIXES = {
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{suffix: Decimal(1000) ** -power for power, suffix in enumerate(("m", "u", "n"), start=1)},
}


def applied_entry(live: Mapping[str, Any], manager: str) -> Mapping[str, Any] | None:
    """The managedFields entry of what this manager applied, or None."""
    for entry in live.get("metadata", {}).get("managedFields") or ():
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return dict(entry)
    return None


def same_ownership(one: Mapping[str, Any], other: Mapping[str, Any], manager: str) -> bool:
    """Whether the manager owns the same fields, by the same version of the API, in both objects."""
    entries = (applied_entry(one, manager), applied_entry(other, manager))
    facts = [(entry["fieldsV1"], entry["apiVersion"]) if entry else None for entry in entries]
    return facts[0] == facts[1]


def is_settled(desired: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> bool:
    """True if it is certain that applying ``desired`` changes nothing; False if only the server can tell."""
    wanted = {key: value for key, value in desired.items() if key not in {"apiVersion", "kind", "metadata"}}
    metadata = {key: value for key, value in desired["metadata"].items() if key not in {"name", "namespace"}}
    if metadata:
        wanted["metadata"] = metadata
    entry = applied_entry(live, manager)
    if entry is None:
        return not wanted  # a bare name, which is there; who applies no field gets no entry
    if entry.get("apiVersion") != desired["apiVersion"]:
        return False
    group = str(desired["apiVersion"]).rpartition("/")[0]
    return _matches(entry.get("fieldsV1") or {}, wanted, live, (group,))


def _matches(fields: Mapping[str, Any], desired: object, live: object, path: tuple[str, ...]) -> bool:
    """``path`` is the API group and then the keys down to here, without positions in lists."""
    keys = [key for key in fields if key != "."]
    if isinstance(desired, Mapping) and (keys or len(path) == 1):
        return _map_matches(fields, keys, desired, live, path)
    if not keys:
        return _equal(desired, live, path)
    if isinstance(desired, list) and isinstance(live, list):
        if all(key.startswith("k:") for key in keys):
            return _items_match(fields, keys, desired, live, path)
        if all(key.startswith("v:") for key in keys):
            owned = [json.loads(key[2:]) for key in keys]
            return sorted(map(repr, owned)) == sorted(map(repr, desired)) and all(value in live for value in owned)
    return False


def _map_matches(
    fields: Mapping[str, Any], keys: Sequence[str], desired: Mapping[str, Any], live: object, path: tuple[str, ...]
) -> bool:
    if not isinstance(live, Mapping) or set(keys) != {f"f:{key}" for key in desired}:
        return False
    return all(
        _matches(fields[f"f:{key}"], value, live.get(key, MISSING), (*path, key)) for key, value in desired.items()
    )


def _items_match(
    fields: Mapping[str, Any], keys: Sequence[str], desired: list[Any], live: list[Any], path: tuple[str, ...]
) -> bool:
    if len(keys) != len(desired):
        return False
    used: set[int] = set()
    for key in keys:
        selector = json.loads(key[2:])
        wanted = _pick(desired, selector, defaulted=True)
        found = _pick(live, selector, defaulted=False)
        if wanted is None or found is None or id(wanted) in used:
            return False
        used.add(id(wanted))
        if not fields[key]:
            # The item is one value to the server, as the variables of an admission policy are.
            if not _same(wanted, found, path[-1], SERVER_DEFAULTS.get(path[0], {})):
                return False
        elif not _map_matches(fields[key], [name for name in fields[key] if name != "."], wanted, found, path):
            return False
    return True


def _pick(items: list[Any], selector: Mapping[str, Any], defaulted: bool) -> Mapping[str, Any] | None:
    """The one item with these keys; where the server may have filled keys in, the one that does not contradict."""
    mappings = [item for item in items if isinstance(item, Mapping)]
    exact = [item for item in mappings if all(item.get(key, MISSING) == value for key, value in selector.items())]
    if not exact and defaulted:
        exact = [item for item in mappings if all(item.get(key, value) == value for key, value in selector.items())]
    return exact[0] if len(exact) == 1 else None


def _equal(desired: object, live: object, path: tuple[str, ...]) -> bool:
    if _same(desired, live, path[-1], SERVER_DEFAULTS.get(path[0], {})):
        return True
    if isinstance(desired, bool) or isinstance(live, bool):
        return False
    if path[-2] in QUANTITY_MAPS or path[-1] in QUANTITY_FIELDS:
        one, other = quantity(desired), quantity(live)
        return one is not None and one == other
    return False


def _same(desired: object, live: object, parent: str, defaults: Mapping[tuple[str, str], object]) -> bool:
    """Equality as the server sees it: True is not 1, also deep in a list, and live values may have gained defaults."""
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        gained = live.keys() - desired.keys()
        return (
            desired.keys() <= live.keys()
            and all(live[key] == defaults.get((parent, key), MISSING) for key in gained)
            and all(_same(value, live[key], key, defaults) for key, value in desired.items())
        )
    if isinstance(desired, list) and isinstance(live, list):
        if len(desired) != len(live):
            return False
        return all(_same(*items, parent, defaults) for items in zip(desired, live, strict=True))
    return desired == live and isinstance(desired, bool) == isinstance(live, bool)


def quantity(value: object) -> Decimal | None:
    """The number a Kubernetes quantity (``500m``, ``16Gi``, 2) stands for, or None if it is none."""
    text = str(value)
    factor = Decimal(1)
    for suffix, scale in SUFFIXES.items():
        if text.endswith(suffix):
            text, factor = text[: -len(suffix)], scale
            break
    try:
        return Decimal(text) * factor
    except InvalidOperation:
        return None
