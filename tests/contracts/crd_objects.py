# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the schema of a CustomResourceDefinition says against an object, unknown fields included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def schemas(definitions: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Json]:
    """The schemas of the served versions, by API version and kind."""
    return {
        (f"{spec['group']}/{version['name']}", spec["names"]["kind"]): version["schema"]["openAPIV3Schema"]
        for spec in (item["spec"] for item in definitions)
        for version in spec["versions"]
        if version["served"]
    }


def problems(value: object, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """What is wrong, each with its place. ``metadata`` is not looked at."""
    if value is None:
        if not schema.get("nullable"):
            yield f"{path}: is null"
        return
    if schema.get("x-kubernetes-int-or-string"):
        return
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{path}: {value!r} is no {kind}"
    elif isinstance(value, dict):
        yield from _object_problems(value, schema, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from problems(item, schema["items"], f"{path}[{index}]")
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is not one of {schema['enum']}"
    elif isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{path}: {value!r} does not match {schema['pattern']}"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{path}: has {len(value)} characters"


def _object_problems(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}: is missing"
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        yield f"{path}: has {len(value)} keys"
    for name, item in value.items():
        if not path and name == "metadata":
            continue
        if name in known:
            yield from problems(item, known[name], f"{path}.{name}")
        elif isinstance(others, Mapping):
            yield from problems(item, others, f"{path}.{name}")
        elif not others and not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}: is not known"
