# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a value from outside has the shape of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import describe


def misfits(value: object, shape: Any, path: str) -> Iterator[str]:
    """What does not fit, each with its place; keys that the shape does not name are let pass.

    Args:
        value: plain JSON.
        shape: an annotation as shape.py has them.
        path: of the value, such as ``reports[0]``.
    """
    parts = get_args(shape)
    if is_typeddict(shape):
        if not isinstance(value, dict):
            yield f"{path}: must be a mapping, not {describe(value)}"
            return
        for key, inner in _keys(shape).items():
            if key not in value:
                yield f"{path}: lacks {key}"
            else:
                yield from misfits(value[key], inner, f"{path}.{key}")
    elif get_origin(shape) is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from misfits(item, parts[0], f"{path}[{index}]")
    elif get_origin(shape) is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from misfits(item, parts[1], f"{path}.{key}")
    elif get_origin(shape) is Literal:
        if value not in parts:
            yield f"{path}: must be one of {', '.join(parts)}, not {describe(value)}"
    elif parts and get_origin(shape) not in (list, dict):
        yield from _alternative_misfits(value, parts, path)
    elif not isinstance(value, get_origin(shape) or shape) or (isinstance(value, bool) and shape is int):
        yield f"{path}: must be {_name(shape)}, not {describe(value)}"


@cache
def _keys(shape: type) -> Mapping[str, Any]:
    """The keys of a TypedDict with their annotations, which are texts until they are read."""
    return get_type_hints(shape)


def _alternative_misfits(value: object, parts: tuple[Any, ...], path: str) -> Iterator[str]:
    """Of a union: nothing if one part fits, else what is wrong with the first that is not null."""
    if not any(next(misfits(value, part, path), None) is None for part in parts):
        proper = [part for part in parts if part is not NoneType]
        yield from misfits(value, proper[0], path)


def _name(shape: Any) -> str:
    names = {
        str: "a string",
        int: "an integer",
        bool: "true or false",
        list: "a list",
        dict: "a mapping",
        NoneType: "null",
    }
    return names[get_origin(shape) or shape]
